/**
 * Bytes by time: for each subject and direction one account of debt, which all tunnels of all threads share.
 *
 * GCRA with bytes for cells. A read is paid for after it has been passed on, so that nothing is held back in memory: it
 * adds `bytes / speed` to the debt, and whoever finds more debt than a burst stops reading for a while. Over any time, what
 * passes is `speed × time`, and at most one burst and one read of each tunnel more.
 */
import { Locks } from './locks.ts';
import { CONNECTIONS, ENTRY_DOUBLES, ENTRY_WORDS, FLOWS, LOCK, SPEEDS, type LimitMemory } from './memory.ts';
import type { Direction } from './terms.ts';

/**
 * What may pass at once, and what a tunnel that wakes up late catches up on. More than timers are ever late by, and not
 * less than a read of a quiet leg.
 */
const BURST = { ms: 100, bytes: 65_536 } as const;
/** A shorter pause costs more than it shapes; milliseconds. */
const SHORTEST_PAUSE = 10;
/** The longest that `setTimeout` takes; milliseconds. */
const LONGEST_PAUSE = 2 ** 31 - 1;
/** A tunnel waits no longer than its read takes at its fair share of the speed, times this. */
const PATIENCE = 2;

/** For {@link Meters.take}: another thread was just at it, and nothing has been counted. */
export const BUSY = -1;

export class Meters {
  readonly #locks: Locks;
  readonly #ints: Int32Array;
  readonly #doubles: Float64Array;

  constructor({ entries }: LimitMemory) {
    this.#locks = new Locks(entries);
    this.#ints = new Int32Array(entries);
    this.#doubles = new Float64Array(entries);
  }

  /**
   * Counts bytes. 0 only asks.
   * @param speed Bytes per millisecond.
   * @returns milliseconds to pause for, 0, or {@link BUSY}.
   */
  take(slot: number, direction: Direction, speed: number, bytes: number, now: number): number {
    const lock = slot * ENTRY_WORDS + LOCK;
    if (!this.#locks.try(lock)) return BUSY;
    const debt = this.#debt(slot, direction, speed, now) + bytes / speed;
    this.#doubles[slot * ENTRY_DOUBLES + FLOWS + direction] = now + debt;
    this.#locks.release(lock);

    const over = debt - Math.max(BURST.ms, BURST.bytes / speed);
    if (over <= 0) return 0;
    // Small reads must not wait for what others have read: many bulk tunnels would make one keystroke last seconds.
    const share = bytes === 0 ? Infinity : (PATIENCE * this.#tunnels(slot) * bytes) / speed;
    return Math.min(LONGEST_PAUSE, Math.ceil(Math.max(SHORTEST_PAUSE, Math.min(over, share))));
  }

  /** Milliseconds, at `speed`: debt made at another one is the same number of bytes. */
  #debt(slot: number, direction: Direction, speed: number, now: number): number {
    const doubles = this.#doubles;
    const at = slot * ENTRY_DOUBLES;
    const debt = Math.max(0, doubles[at + FLOWS + direction]! - now);
    const before = doubles[at + SPEEDS + direction]!;
    if (before === speed) return debt;
    doubles[at + SPEEDS + direction] = speed;
    return (debt * before) / speed;
  }

  #tunnels(slot: number): number {
    return Math.max(1, Atomics.load(this.#ints, slot * ENTRY_WORDS + CONNECTIONS));
  }
}
