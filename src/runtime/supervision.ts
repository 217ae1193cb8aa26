/** Which worker threads have stopped moving, and when a dead one is replaced. */
import { beats } from './beat.ts';

/** How often the main thread looks; milliseconds. */
const LOOK_MS = 250;
/** A look counts for no more than this, however long ago the last one was; milliseconds. */
const LONGEST_LOOK_MS = 2 * LOOK_MS;
/** A collection of a big heap may take as long; milliseconds. */
const LEAST_STALL_MS = 1000;

/**
 * Before a dead thread is replaced: at once the first time, then doubled with each death that follows soon after the last;
 * milliseconds.
 */
const REPLACE_MS = { second: 100, most: 10_000 } as const;
/** A thread that lived this long died of something new; milliseconds. */
const LONG_LIFE_MS = 60_000;

/** What is looked at of one lane. */
interface Watched {
  beats: number;
  /** For how long it has not moved while this thread did. */
  silentMs: number;
  /** Whether it is there to be looked at. */
  serving: boolean;
}

/**
 * The watch over the beats of all lanes.
 *
 * Silence is counted in looks, not by the clock: when the machine was suspended, or when this very thread was held up, a
 * look comes late and counts as one all the same. So only a lane that stands still while the main thread runs is ever found.
 */
export class StallWatch {
  readonly #memory: SharedArrayBuffer;
  readonly #stallMs: () => number;
  readonly #stalled: (lane: number, silentMs: number) => void;
  readonly #lanes: Watched[];
  #timer: NodeJS.Timeout | undefined = undefined;
  #lookedAt = 0;

  /**
   * @param stallMs Asked with every look; 0 = never.
   * @param stalled Called once for each standstill.
   */
  constructor(
    memory: SharedArrayBuffer,
    lanes: number,
    stallMs: () => number,
    stalled: (lane: number, silentMs: number) => void,
  ) {
    this.#memory = memory;
    this.#stallMs = stallMs;
    this.#stalled = stalled;
    this.#lanes = Array.from({ length: lanes }, () => ({ beats: 0, silentMs: 0, serving: false }));
  }

  start(): void {
    this.#lookedAt = performance.now();
    this.#timer = setInterval(() => this.look(), LOOK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  serves(lane: number): void {
    this.#lanes[lane] = { beats: beats(this.#memory, lane), silentMs: 0, serving: true };
  }

  gone(lane: number): void {
    this.#lanes[lane]!.serving = false;
  }

  /** How long a lane has not moved; milliseconds. */
  silentMs(lane: number): number {
    return this.#lanes[lane]!.silentMs;
  }

  /** @param now `performance.now()`. */
  look(now: number = performance.now()): void {
    const passed = Math.min(now - this.#lookedAt, LONGEST_LOOK_MS);
    this.#lookedAt = now;
    const limit = this.#stallMs();
    for (const [index, lane] of this.#lanes.entries()) {
      if (!lane.serving) continue;
      const counted = beats(this.#memory, index);
      const before = lane.silentMs;
      lane.silentMs = counted === lane.beats ? before + passed : 0;
      lane.beats = counted;
      const stall = limit === 0 ? Infinity : Math.max(limit, LEAST_STALL_MS);
      if (before < stall && lane.silentMs >= stall) this.#stalled(index, lane.silentMs);
    }
  }
}

/** How long a dead thread's place stays empty. */
export class BackOff {
  #nextMs = 0;

  /** @param livedMs How long the thread lived that has just died. @returns milliseconds. */
  next(livedMs: number): number {
    if (livedMs > LONG_LIFE_MS) this.#nextMs = 0;
    const wait = this.#nextMs;
    this.#nextMs = Math.min(Math.max(2 * wait, REPLACE_MS.second), REPLACE_MS.most);
    return wait;
  }
}
