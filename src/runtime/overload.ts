/**
 * When to refuse early: a host that is out of descriptors, memory or time serves nobody, so new clients are turned away
 * before that, and those inside go on.
 *
 * The main thread looks at what all threads share, each lane at how late its own loop runs. A refusal costs one accept and
 * one close; the descriptors kept in reserve are what pools, logs and the administrator still need.
 */
import { readdirSync, readFileSync } from 'node:fs';
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

/** What the main thread says to all lanes: 0 = fine. */
export function overloadMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
}

/** How much there is, and how much of it is used; `most` 0 = not known. */
interface Resource {
  readonly most: () => number;
  readonly used: () => number;
}

/** The main thread's part. */
export class OverloadWatch {
  readonly #flag: Int32Array;
  readonly #watches: readonly Watch[];
  readonly #log: Log;
  #timer: NodeJS.Timeout | undefined = undefined;

  constructor(memory: SharedArrayBuffer, options: OverloadOptions, log: Log, host: Host = HOST) {
    this.#flag = new Int32Array(memory);
    this.#log = log;
    this.#watches = [
      new Watch('descriptors', options.descriptors, host.descriptors),
      new Watch('memory', options.memory, host.memory),
    ].filter(({ share }) => share > 0);
  }

  start(): void {
    this.#timer = setInterval(() => this.look(), LOOK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
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
    Atomics.store(this.#flag, 0, overloaded);
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
    this.most = this.#resource.most();
    this.used = this.most === 0 ? 0 : this.#resource.used();
    const threshold = this.most * this.share * (this.over ? RELIEF : 1);
    this.over = this.most > 0 && this.used >= threshold;
  }
}

/** A lane's part: what the main thread says, and its own loop. */
export class Overload {
  readonly #flag: Int32Array;
  readonly #delayMs: number;
  readonly #timer: NodeJS.Timeout | undefined;
  #beatAt = performance.now();
  #lateBeats = 0;

  constructor(memory: SharedArrayBuffer, { loopDelay }: OverloadOptions) {
    this.#flag = new Int32Array(memory);
    this.#delayMs = loopDelay;
    this.#timer = loopDelay === 0 ? undefined : setInterval(() => this.#beat(), BEAT_MS).unref();
  }

  /** Whether a new client is to be refused. */
  get now(): boolean {
    return Atomics.load(this.#flag, 0) !== 0 || this.#lateBeats > 1;
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

/** Where a host says what it has. */
export interface Host {
  readonly descriptors: Resource;
  readonly memory: Resource;
}

const HOST: Host = {
  descriptors: {
    most: () => Math.max(0, openFilesLimit() - RESERVE),
    used: () => entries('/proc/self/fd'),
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

function entries(folder: string): number {
  try {
    return readdirSync(folder).length;
  } catch {
    // Out of descriptors: reading a folder takes one.
    return Number.MAX_SAFE_INTEGER;
  }
}
