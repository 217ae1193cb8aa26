/** Bytes by calendar period, in UTC. */
import { Locks } from './locks.ts';
import {
  ENTRY_DOUBLES,
  ENTRY_WORDS,
  LOCK,
  PERIOD,
  PERIOD_END,
  USED,
  slotCount,
  type LimitMemory,
} from './memory.ts';
import type { Period } from './terms.ts';

/** As they stand in memory, where 0 is none. */
const PERIODS = [undefined, 'hour', 'day', 'month'] as const;
const HOUR = 3_600_000;
const LONGEST = { hour: HOUR, day: 24 * HOUR, month: 31 * 24 * HOUR } as const;

/** What one subject has used, as it is kept over a restart. */
export interface Usage {
  readonly period: Period;
  /** When it is over; milliseconds since the epoch. */
  readonly end: number;
  readonly bytes: number;
}

export class Quotas {
  readonly slots: number;
  readonly #locks: Locks;
  readonly #ints: Int32Array;
  readonly #doubles: Float64Array;
  readonly #utc: () => number;

  /** @param utc Milliseconds since the epoch. */
  constructor(memory: LimitMemory, utc: () => number) {
    this.slots = slotCount(memory);
    this.#locks = new Locks(memory.entries);
    this.#ints = new Int32Array(memory.entries);
    this.#doubles = new Float64Array(memory.entries);
    this.#utc = utc;
  }

  /** Adds to what is used in the present period. @returns what that makes, undefined when it could not be added now. */
  spend(slot: number, period: Period, bytes: number): number | undefined {
    return this.#locked(slot, () => {
      // Asked under the lock: of two threads at midnight none may go back to the day before.
      const utc = this.#utc();
      if (!this.#isPresent(slot, period, utc)) this.#put(slot, period, periodEnd(period, utc), 0);
      return (this.#doubles[slot * ENTRY_DOUBLES + USED]! += bytes);
    });
  }

  /** In the present period; undefined when that could not be found out now. */
  used(slot: number, period: Period): number | undefined {
    return this.#locked(slot, () => this.#used(slot, period, this.#utc()));
  }

  /** Of whatever period is going on; undefined when nothing was used. */
  usage(slot: number): Usage | undefined {
    // Nearly all slots are nobody's: they cost one look.
    if (this.#ints[slot * ENTRY_WORDS + PERIOD] === 0) return undefined;
    return this.#locked(slot, () => {
      const period = PERIODS[this.#ints[slot * ENTRY_WORDS + PERIOD]!];
      const utc = this.#utc();
      const bytes = period === undefined ? 0 : this.#used(slot, period, utc);
      return period === undefined || bytes === 0 ? undefined : { period, end: periodEnd(period, utc), bytes };
    });
  }

  /** Puts back what {@link usage} gave. */
  restore(slot: number, { period, end, bytes }: Usage): void {
    this.#locked(slot, () => this.#put(slot, period, end, bytes));
  }

  #used(slot: number, period: Period, utc: number): number {
    return this.#isPresent(slot, period, utc) ? this.#doubles[slot * ENTRY_DOUBLES + USED]! : 0;
  }

  #isPresent(slot: number, period: Period, utc: number): boolean {
    if (PERIODS[this.#ints[slot * ENTRY_WORDS + PERIOD]!] !== period) return false;
    const end = this.#doubles[slot * ENTRY_DOUBLES + PERIOD_END]!;
    // A clock that was put back begins a new period as well.
    return utc < end && utc >= end - LONGEST[period];
  }

  #put(slot: number, period: Period, end: number, bytes: number): void {
    this.#ints[slot * ENTRY_WORDS + PERIOD] = PERIODS.indexOf(period);
    this.#doubles[slot * ENTRY_DOUBLES + PERIOD_END] = end;
    this.#doubles[slot * ENTRY_DOUBLES + USED] = bytes;
  }

  #locked<T>(slot: number, action: () => T): T | undefined {
    const at = slot * ENTRY_WORDS + LOCK;
    if (!this.#locks.take(at)) return undefined;
    try {
      return action();
    } finally {
      this.#locks.release(at);
    }
  }
}

/** When the period that `utc` is in is over; milliseconds since the epoch. */
export function periodEnd(period: Period, utc: number): number {
  if (period !== 'month') return (Math.floor(utc / LONGEST[period]) + 1) * LONGEST[period];
  const date = new Date(utc);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}
