/**
 * One table of what is remembered of logins, by client, by user name, or by both: how many failures, until when.
 *
 * Who is locked out keeps its place until that is over. Of the others the one with the fewest failures makes way for a
 * newcomer: so a flood of names that fail once each pushes out its own, and neither a ban nor a count that is nearly one.
 */
import { KeyTable } from './key-table.ts';
import type { KeyHash } from './keyed-hash.ts';
import { GUESS_WORDS, type GuessMemory } from './memory.ts';
import type { LoginTerms } from './terms.ts';

/** In words and in doubles of a state. */
const COUNT = 0;
const UNTIL = 1;
const DOUBLES = GUESS_WORDS / 2;
/** In place of a count. */
const BANNED = -1;
/** One failure is worth more than any time; milliseconds. */
const A_FAILURE = 2 ** 44;

/** Under the lock of logins. */
export class Guesses {
  readonly #table: KeyTable;
  readonly #counts: Int32Array;
  readonly #times: Float64Array;

  constructor({ keys, states }: GuessMemory) {
    this.#table = new KeyTable(keys);
    this.#counts = new Int32Array(states);
    this.#times = new Float64Array(states);
  }

  /** @returns for how long it is locked out, 0 = it is not; undefined: nothing is known and nothing can be kept of it. */
  ban(key: KeyHash, now: number): number | undefined {
    const slot = this.#table.find(key);
    if (slot === -1) return this.#room(key, now) === -1 ? undefined : 0;
    return this.#isBanned(slot, now) ? this.#until(slot) - now : 0;
  }

  /** One failure. The last one of those allowed locks it out. */
  fail(key: KeyHash, { failures, perMs, banMs }: LoginTerms, now: number): void {
    const slot = this.#claim(key, now);
    if (slot === -1 || this.#isBanned(slot, now)) return;
    const fresh = this.#until(slot) <= now;
    const count = fresh ? 1 : this.#counts[slot * GUESS_WORDS + COUNT]! + 1;
    if (count >= failures) this.#put(slot, BANNED, now + banMs);
    else this.#put(slot, count, fresh ? now + perMs : this.#until(slot));
  }

  /** Remembers it, and nothing else of it. */
  mark(key: KeyHash, until: number, now: number): void {
    const slot = this.#claim(key, now);
    if (slot !== -1) this.#put(slot, 0, until);
  }

  isMarked(key: KeyHash, now: number): boolean {
    const slot = this.#table.find(key);
    return slot !== -1 && this.#until(slot) > now;
  }

  #claim(key: KeyHash, now: number): number {
    const found = this.#table.find(key);
    if (found !== -1) return found;
    const slot = this.#room(key, now);
    if (slot === -1) return -1;
    this.#table.clear(slot);
    this.#put(slot, 0, 0);
    this.#table.put(slot, key);
    return slot;
  }

  #room(key: KeyHash, now: number): number {
    return this.#table.room(key, (slot) => this.#worth(slot, now));
  }

  #worth(slot: number, now: number): number {
    if (this.#until(slot) <= now) return 0;
    const count = this.#counts[slot * GUESS_WORDS + COUNT]!;
    return count === BANNED ? Infinity : count * A_FAILURE + this.#until(slot);
  }

  #isBanned(slot: number, now: number): boolean {
    return this.#counts[slot * GUESS_WORDS + COUNT] === BANNED && this.#until(slot) > now;
  }

  #until(slot: number): number {
    return this.#times[slot * DOUBLES + UNTIL]!;
  }

  #put(slot: number, count: number, until: number): void {
    this.#counts[slot * GUESS_WORDS + COUNT] = count;
    this.#times[slot * DOUBLES + UNTIL] = until;
  }
}
