/**
 * When to refuse early: a host that is out of descriptors, memory or time serves nobody, so new clients are turned away
 * before that, and those inside go on.
 *
 * The main thread looks at what all threads share, each lane at how late its own loop runs. A refusal costs one accept and
 * one close; the descriptors kept in reserve are what pools, logs and the administrator still need.
 */
import { readFileSync } from 'node:fs';
import { openDescriptors } from '../ops/descriptors.ts';
import type { Log } from '../ops/log.ts';

/** Shares of what there is, 0 to 1, and milliseconds; 0 switches a watch off. */
export interface OverloadOptions {
  readonly descriptors: number;
  readonly memory: number;
  readonly loopDelay: number;
}

const LOOK_MS = 500;
const BEAT_MS = 100;
/** Descriptors that clients never get, however high their share. */
const RESERVE = 64;
/** Over when it falls below this share of the threshold: on and off must not take turns with every look. */
const RELIEF = 0.95;

/** Words of the shared memory: what the main thread found, ... */
const OVERLOADED = 0;
/** ... how many clients all lanes together may have, ... */
const MOST_CLIENTS = 1;
/** ... and how many each lane has. */
const FIRST_LANE = 2;

/** Shared by the main thread and all lanes. */
export function overloadMemory(lanes: number): SharedArrayBuffer {
  return new SharedArrayBuffer((FIRST_LANE + lanes) * Int32Array.BYTES_PER_ELEMENT);
}

/** The clients of a lane whose thread has died are gone. */
export function writeOffClients(memory: SharedArrayBuffer, lane: number): void {
  new Int32Array(memory)[FIRST_LANE + lane] = 0;
}

/** How much there is, and how much of it is used; `most` 0 = not known. Either may throw: then nothing has changed. */
interface Resource {
  readonly most: () => number;
  readonly used: () => number;
}

/** Descriptors a client takes: its own, and that of its remote. */
const A_CLIENT = 2;

/** The main thread's part. */
export class OverloadWatch {
  readonly #memory: Int32Array;
  readonly #host: Host;
  #share = 1;
  #watches: readonly Watch[] = [];
  /** Descriptors that are no client's. */
  #others = 0;
  readonly #log: Log;
  #timer: NodeJS.Timeout | undefined = undefined;

  constructor(memory: SharedArrayBuffer, options: OverloadOptions, log: Log, host: Host = HOST) {
    this.#memory = new Int32Array(memory);
    this.#memory[MOST_CLIENTS] = MANY;
    this.#host = host;
    this.#log = log;
    this.#watch(options);
  }

  #watch(options: OverloadOptions): void {
    const shared = this.#memory;
    const host = this.#host;
    this.#share = options.descriptors || 1;
    const clients = { most: () => shared[MOST_CLIENTS]!, used: () => clientsIn(shared) };
    this.#watches = [
      new Watch('descriptors', options.descriptors, host.descriptors),
      // The same by what clients will need, so that it is told too.
      new Watch('descriptors for clients', 1, clients),
      new Watch('memory', options.memory, host.memory),
    ].filter(({ share }) => share > 0);
  }

  /** Other shares, from the next look on. */
  replace(options: OverloadOptions): void {
    const over = this.#watches.filter((watch) => watch.over);
    this.#watch(options);
    // What was told as over is told when it no longer is, whoever looks then.
    for (const watch of this.#watches) watch.over = over.some(({ name }) => name === watch.name);
    this.#divide();
    this.look();
  }

  /** To be called when all that is no client has its descriptors. */
  start(): void {
    this.#countDescriptors();
    this.#timer = setInterval(() => this.look(), LOOK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /**
   * A burst of clients is over before anybody has looked, and at the last descriptor accept(2) fails again and again: so
   * the lanes count their clients, and how many there may be is told to them beforehand, whatever share is configured.
   */
  #countDescriptors(): void {
    const { most, used } = this.#host.descriptors;
    // Lanes listen already: clients that came meanwhile are no others.
    if (most() > 0) this.#others = Math.max(0, used() - A_CLIENT * clientsIn(this.#memory));
    this.#divide();
  }

  #divide(): void {
    const { most } = this.#host.descriptors;
    if (most() === 0) return;
    const clients = Math.floor((most() * this.#share - this.#others) / A_CLIENT);
    this.#memory[MOST_CLIENTS] = Math.max(1, Math.min(MANY, clients));
  }

  look(): void {
    let overloaded = 0;
    for (const watch of this.#watches) {
      const before = watch.over;
      watch.look();
      if (watch.over) overloaded = 1;
      if (watch.over === before) continue;
      const { name: what, used, most } = watch;
      if (watch.over) this.#log.warn('overloaded: new clients are refused', { what, used, most });
      else this.#log.info('no longer overloaded', { what, used, most });
    }
    Atomics.store(this.#memory, OVERLOADED, overloaded);
  }
}

class Watch {
  readonly name: string;
  readonly share: number;
  over = false;
  used = 0;
  most = 0;
  readonly #resource: Resource;

  constructor(name: string, share: number, resource: Resource) {
    this.name = name;
    this.share = share;
    this.#resource = resource;
  }

  look(): void {
    try {
      this.most = this.#resource.most();
      this.used = this.most === 0 ? 0 : this.#resource.used();
    } catch {
      // Looking takes a descriptor as well.
      return;
    }
    const threshold = this.most * this.share * (this.over ? RELIEF : 1);
    this.over = this.most > 0 && this.used >= threshold;
  }
}

/** A lane's part: what the main thread says, its own loop, and the clients of all lanes. */
export class Overload {
  readonly #memory: Int32Array;
  readonly #own: number;
  #delayMs = 0;
  #timer: NodeJS.Timeout | undefined = undefined;
  #beatAt = performance.now();
  #lateBeats = 0;

  /** @param lane From 0 on. What a thread that died had counted is forgotten. */
  constructor(memory: SharedArrayBuffer, options: OverloadOptions, lane: number) {
    this.#memory = new Int32Array(memory);
    this.#own = FIRST_LANE + lane;
    this.#memory[this.#own] = 0;
    this.replace(options);
  }

  /** Another idea of how late is too late; 0: none is. */
  replace({ loopDelay }: OverloadOptions): void {
    if (loopDelay === this.#delayMs) return;
    this.stop();
    this.#delayMs = loopDelay;
    this.#lateBeats = 0;
    this.#beatAt = performance.now();
    if (loopDelay > 0) this.#timer = setInterval(() => this.#beat(), BEAT_MS).unref();
  }

  /** A client has come. @returns false when it is to be turned away; it has to be told by {@link left} all the same. */
  came(): boolean {
    this.#memory[this.#own]! += 1;
    return !this.now && clientsIn(this.#memory) <= this.#memory[MOST_CLIENTS]!;
  }

  left(): void {
    this.#memory[this.#own]! -= 1;
  }

  /** Whether new clients are to be refused, however many there are. */
  get now(): boolean {
    return Atomics.load(this.#memory, OVERLOADED) !== 0 || this.#lateBeats > 1;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** One late beat may be chance (a collection, a frozen machine); from the second on it is load. */
  #beat(): void {
    const now = performance.now();
    const late = now - this.#beatAt - BEAT_MS > this.#delayMs;
    this.#beatAt = now;
    this.#lateBeats = late ? this.#lateBeats + 1 : 0;
  }
}

const MANY = 2 ** 31 - 1;

/** Of all lanes; a thread that is just counting may be one ahead. */
function clientsIn(memory: Int32Array): number {
  let clients = 0;
  for (let lane = FIRST_LANE; lane < memory.length; lane++) clients += memory[lane]!;
  return clients;
}

/** Where a host says what it has. */
export interface Host {
  readonly descriptors: Resource;
  readonly memory: Resource;
}

const HOST: Host = {
  descriptors: {
    most: () => Math.max(0, openFilesLimit() - RESERVE),
    used: openDescriptors,
  },
  memory: { most: () => process.constrainedMemory(), used: () => process.memoryUsage.rss() },
};

let openFiles: number | undefined;

/** The soft limit of this process, which Node raises to the hard one at its start; 0 where it is not told. */
function openFilesLimit(): number {
  if (openFiles !== undefined) return openFiles;
  try {
    const limits = readFileSync('/proc/self/limits', 'latin1');
    openFiles = Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? 0);
  } catch {
    openFiles = 0;
  }
  return openFiles;
}
