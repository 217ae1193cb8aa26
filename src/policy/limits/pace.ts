/**
 * New connections by time: GCRA, one number a subject, which says until when its connections so far are paid for.
 */
import { ENTRY_DOUBLES, PACE, type LimitMemory } from './memory.ts';
import type { Terms } from './terms.ts';

/** So that sums of spacings that cannot be written exactly do not cost the last connection of a burst. */
const ROUNDING = 0.01;

/** Under the gate. */
export class Pace {
  readonly #doubles: Float64Array;

  constructor({ entries }: LimitMemory) {
    this.#doubles = new Float64Array(entries);
  }

  /** @returns milliseconds until the next connection may begin, 0 = now. */
  wait(slot: number, terms: Terms, now: number): number {
    if (terms.spacingMs === 0) return 0;
    const over = this.#debt(slot, terms, now) + terms.spacingMs - terms.windowMs;
    return over > ROUNDING * terms.spacingMs ? over : 0;
  }

  /** A connection begins. */
  pay(slot: number, terms: Terms, now: number): void {
    if (terms.spacingMs === 0) return;
    this.#doubles[slot * ENTRY_DOUBLES + PACE] = now + this.#debt(slot, terms, now) + terms.spacingMs;
  }

  #debt(slot: number, { windowMs }: Terms, now: number): number {
    const at = slot * ENTRY_DOUBLES + PACE;
    // More than the window is from other terms than these: nobody waits by the old ones.
    if (this.#doubles[at]! > now + windowMs) this.#doubles[at] = now + windowMs;
    return Math.max(0, this.#doubles[at]! - now);
  }
}
