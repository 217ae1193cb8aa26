/** All lanes of a gateway, and their replacement when a thread dies. */
import type { ThreadStatus } from '../admin/api.ts';
import type { Endpoint } from '../connection.ts';
import { ledgerMemory } from '../egress/pool/table.ts';
import { writeOffCounters } from '../ops/counters.ts';
import { limitLedger, writeOff } from '../policy/limits/places.ts';
import { StartError } from '../listener.ts';
import { beatMemory, loopDelay } from './beat.ts';
import { openLane, type Lane, type LaneOptions, type LaneOutput, type LaneState } from './lane.ts';
import { hear, sortHeard, type Heard } from './control/hear.ts';
import type { Question } from './control/questions.ts';
import type { Membership } from './membership.ts';
import type { Outputs } from './outputs.ts';
import { writeOffClients } from './overload.ts';
import { withPort, type PlacedListener } from './placed-listeners.ts';
import { BackOff, StallWatch } from './supervision.ts';
import { spawnLane } from './worker-lane.ts';

/** What all lanes have in common. */
export type LanePlan = Omit<
  LaneOptions,
  'index' | 'reusePort' | 'inherited' | 'state' | 'ledger' | 'limitLedger' | 'beats'
> & {
  /** 0: the one lane runs on this thread. */
  readonly workers: number;
};

/** A thread as it stands. With `workers: 0` it is the main thread itself. */
export type ThreadState = Omit<ThreadStatus, 'active'>;

/** A lane that is not back after this time is no longer one that is just being replaced; milliseconds. */
const LONG_GONE_MS = 30_000;
/** Silence of a lane that looks like trouble, though it may only be busy; milliseconds. */
const LONG_SILENCE_MS = 2500;

/** Listeners that stand, and wait for what goes with them. */
export interface Prepared {
  readonly endpoints: readonly Endpoint[];
  readonly listen: readonly PlacedListener[];
}

interface Place {
  lane: Lane | undefined;
  state: ThreadState['state'];
  /** When the state began; milliseconds since the epoch. */
  since: number;
  /** When the thread was started; `performance.now()`. */
  startedAt: number;
  restarts: number;
  /** For its first thread only: it takes them with it. */
  inherited: ReadonlyMap<string, readonly number[]>;
  /** Until it is replaced. */
  waiting: NodeJS.Timeout | undefined;
  readonly backOff: BackOff;
  readonly ledger: SharedArrayBuffer;
  readonly limitLedger: SharedArrayBuffer;
}

export class Lanes {
  readonly #plan: LanePlan;
  readonly #outputs: Outputs;
  readonly #membership: Membership;
  readonly #places: Place[];
  #state: LaneState | undefined = undefined;
  #closing = false;
  readonly #beats: SharedArrayBuffer;
  readonly #watch: StallWatch;
  #bereft: (() => void) | undefined = undefined;

  constructor(plan: LanePlan, outputs: Outputs, membership: Membership) {
    this.#plan = plan;
    this.#outputs = outputs;
    this.#membership = membership;
    this.#places = Array.from({ length: Math.max(1, plan.workers) }, () => ({
      lane: undefined,
      state: 'starting',
      since: Date.now(),
      startedAt: 0,
      restarts: 0,
      inherited: new Map(),
      waiting: undefined,
      backOff: new BackOff(),
      ledger: ledgerMemory(),
      limitLedger: limitLedger(plan.limits),
    }));
    const lanes = this.#places.length;
    this.#beats = beatMemory(lanes);
    const stallMs = (): number => this.#state?.config.timeouts.stall ?? 0;
    this.#watch = new StallWatch(this.#beats, lanes, stallMs, (lane, ms) => this.#stalled(lane, ms));
  }

  /**
   * @param inherited Descriptors of listening sockets, by the keys of listeners.
   * @param bereft Called when a thread has died with some of them, if they cannot be had again.
   * @returns Where they listen.
   * @throws StartError
   */
  async open(
    state: LaneState,
    inherited: ReadonlyMap<string, readonly number[]> = new Map(),
    bereft?: () => void,
  ): Promise<readonly Endpoint[]> {
    this.#state = state;
    this.#bereft = bereft;
    for (const [index, place] of this.#places.entries()) {
      place.inherited = shares(inherited, index, this.#places.length);
    }
    const { endpoints } = await this.#open(0);
    // The other threads join on the very ports the first one got.
    this.#state = { ...this.#state, listen: state.listen.map((one, i) => withPort(one, endpoints[i])) };
    await Promise.all(this.#places.slice(1).map((_, i) => this.#open(i + 1)));
    // Without workers the one who looks is the one to be looked at.
    if (this.#plan.workers > 0) this.#watch.start();
    return endpoints;
  }

  /** Resolves when all threads have put it in place; never rejects. */
  async update(changes: Partial<LaneState>): Promise<void> {
    if (this.#state === undefined) return;
    this.#state = { ...this.#state, ...changes };
    await Promise.all(this.#places.map(async ({ lane }) => lane?.update(changes)));
  }

  /**
   * Opens what is new of these listeners on all threads; an update with them, or {@link abandon}, follows.
   * @returns where they are, and the same with the ports that the kernel chose.
   * @throws StartError
   */
  async prepare(listen: readonly PlacedListener[]): Promise<Prepared> {
    const [first, ...others] = this.#places.flatMap(({ lane }) => lane ?? []);
    if (first === undefined) throw new StartError('no thread is there to listen', 'try again in a moment');
    const endpoints = await first.prepare(listen);
    const bound = listen.map((one, i) => withPort(one, endpoints[i]));
    await Promise.all(others.map((lane) => lane.prepare(bound)));
    return { endpoints, listen: bound };
  }

  async abandon(): Promise<void> {
    await Promise.all(this.#places.flatMap(({ lane }) => lane?.abandon() ?? []));
  }

  /** Of those who answer in time; never rejects. */
  async ask<Q extends Question>(question: Q): Promise<Heard<Q>> {
    const heard = await Promise.all(
      this.#places.map(async ({ lane }, index) => lane && hear(index, lane.ask(question))),
    );
    return sortHeard(heard);
  }

  threads(): readonly ThreadState[] {
    return this.#places.map(({ state, since, restarts }, index) => {
      return { index, state, since, restarts, loopDelayMs: loopDelay(this.#beats, index) };
    });
  }

  /** Whether every thread moves, or is about to be replaced. */
  get beating(): boolean {
    return this.#places.every(({ state, since }, index) =>
      state === 'serving' ? this.#watch.silentMs(index) < LONG_SILENCE_MS : Date.now() - since < LONG_GONE_MS,
    );
  }

  /** @param handedOver Another process serves the listeners. */
  async close(drainMs: number, handedOver = false): Promise<void> {
    this.#closing = true;
    this.#watch.stop();
    for (const { waiting } of this.#places) clearTimeout(waiting);
    await Promise.all(this.#places.map(async ({ lane }) => lane?.close(drainMs, handedOver)));
  }

  async #open(index: number): Promise<Lane> {
    const place = this.#places[index]!;
    const { ledger, limitLedger } = place;
    const inherited = place.restarts === 0 ? place.inherited : new Map<string, readonly number[]>();
    const state = this.#state!;
    const startedAt = performance.now();
    place.startedAt = startedAt;
    become(place, 'starting');
    const options: LaneOptions = {
      ...this.#plan,
      index,
      // For one thread as well: the process that takes over may have more.
      reusePort: this.#places.length > 1 || process.platform === 'linux',
      inherited,
      state,
      ledger,
      limitLedger,
      beats: this.#beats,
    };
    const lane = await (this.#plan.workers === 0
      ? openLane(options, this.#output)
      : spawnLane(options, this.#output, (error) => this.#lost(index, error)));
    // What happened while the thread started.
    await this.#catchUp(lane, state).catch((error) => lane.terminate?.(error as Error));
    if (this.#closing) void lane.close(0, false);
    // It may have died meanwhile, and another one be on its way.
    if (place.state !== 'starting' || place.startedAt !== startedAt) return lane;
    place.lane = lane;
    become(place, 'serving');
    this.#watch.serves(index);
    return lane;
  }

  async #catchUp(lane: Lane, state: LaneState): Promise<void> {
    for (let seen = state; seen !== this.#state;) {
      seen = this.#state!;
      await lane.prepare(seen.listen);
      await lane.update(seen);
    }
  }

  get #output(): LaneOutput {
    const outputs = this.#outputs;
    const membership = this.#membership;
    return {
      access: (text, lines) => outputs.access(text, lines),
      warn: (message, fields) => outputs.warn(message, fields),
      failed: (slot, code, times) => membership.failed(slot, code, times),
      ejected: (slot, code) => membership.ejected(slot, code),
    };
  }

  /** A thread died: its tunnels are gone, the others serve on, and a new one takes its place. */
  #lost(index: number, error: Error): void {
    const place = this.#places[index]!;
    const waitMs = place.backOff.next(performance.now() - place.startedAt);
    this.#outputs.log.error('a worker thread died and will be replaced', {
      lane: index,
      in_ms: waitMs,
      error,
    });
    place.lane = undefined;
    become(place, 'lost');
    this.#watch.gone(index);
    writeOffCounters(this.#plan.counters, index);
    writeOffClients(this.#plan.overload, index);
    this.#membership.writeOff(place.ledger);
    this.#writeOffLimits();
    if (this.#bereft !== undefined && place.restarts === 0 && place.inherited.size > 0) {
      this.#outputs.log.error(
        "a worker thread has died with its listening sockets, which are systemd's: Gyre ends",
      );
      this.#bereft();
    }
    if (!this.#closing) place.waiting = setTimeout(() => void this.#respawn(index), waitMs);
  }

  /** Whatever it waits for: its tunnels stand still, and so do the clients that the kernel gives it. */
  #stalled(index: number, silentMs: number): void {
    const why = new Error(`the thread has not moved for ${Math.round(silentMs)} ms`);
    this.#places[index]!.lane?.terminate?.(why);
  }

  /** In any order: one that died inside a change has to be settled before the others can be. */
  #writeOffLimits(): void {
    const dead = this.#places.filter(({ state }) => state === 'lost');
    for (let round = 0; round < dead.length; round++) {
      for (const { limitLedger } of dead) writeOff(this.#plan.limits, limitLedger);
    }
  }

  async #respawn(index: number): Promise<void> {
    if (this.#closing) return;
    this.#places[index]!.restarts++;
    try {
      await this.#open(index);
      this.#outputs.log.info('a worker thread serves again', { lane: index });
    } catch (error) {
      this.#lost(index, error as Error);
    }
  }
}

/** What one lane gets of what all have inherited. */
function shares(
  inherited: ReadonlyMap<string, readonly number[]>,
  lane: number,
  lanes: number,
): ReadonlyMap<string, readonly number[]> {
  return new Map(Array.from(inherited, ([key, fds]) => [key, fds.filter((_, i) => i % lanes === lane)]));
}

function become(place: Place, state: ThreadState['state']): void {
  place.state = state;
  place.since = Date.now();
}
