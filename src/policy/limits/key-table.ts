/**
 * Where in a memory of fixed size the entry of a subject is.
 *
 * A key has two sets of eight ways each, and may be in either. Of two ways that are equally good the one is taken whose set
 * has less to lose: so sets fill evenly, and it takes a table that is nearly full before one key finds both of its sets full.
 * Everything here is done under a lock of the owner's.
 */
import type { KeyHash } from './keyed-hash.ts';

const WAYS = 8;
/** Int32 words a key. */
const WORDS = 2;

/** @param entries At least; rounded up to a power of two. */
export function keyTableMemory(entries: number): SharedArrayBuffer {
  const sets = 2 ** Math.ceil(Math.log2(Math.max(2 * WAYS, entries) / WAYS));
  return new SharedArrayBuffer(sets * WAYS * WORDS * Int32Array.BYTES_PER_ELEMENT);
}

export class KeyTable {
  readonly size: number;
  readonly #keys: Int32Array;
  readonly #mask: number;

  constructor(memory: SharedArrayBuffer) {
    this.#keys = new Int32Array(memory);
    this.size = this.#keys.length / WORDS;
    this.#mask = this.size / WAYS - 1;
  }

  /** @returns its slot, -1 when it is not there. */
  find(key: KeyHash): number {
    const { high, low } = key;
    const found = this.#findIn(low & this.#mask, high, low);
    return found === -1 ? this.#findIn(this.#second(key), high, low) : found;
  }

  /**
   * The slot that a new key had best have. Who was there is to be forgotten.
   * @param worth What would be lost with an entry, 0 and up; `Infinity` for one that must stay.
   * @returns -1 when all must stay.
   */
  room(key: KeyHash, worth: (slot: number) => number): number {
    const one = this.#cheapest(key.low & this.#mask, worth);
    const two = this.#cheapest(this.#second(key), worth);
    if (one.worth === two.worth) return two.busy < one.busy ? two.slot : one.slot;
    return two.worth < one.worth ? two.slot : one.slot;
  }

  put(slot: number, { high, low }: KeyHash): void {
    this.#keys[WORDS * slot] = high;
    this.#keys[WORDS * slot + 1] = low;
  }

  /** The slot is nobody's. */
  clear(slot: number): void {
    this.#keys.fill(0, WORDS * slot, WORDS * (slot + 1));
  }

  isEmpty(slot: number): boolean {
    return this.#keys[WORDS * slot] === 0 && this.#keys[WORDS * slot + 1] === 0;
  }

  #second({ high, low }: KeyHash): number {
    const set = high & this.#mask;
    return set === (low & this.#mask) ? set ^ 1 : set;
  }

  #findIn(set: number, high: number, low: number): number {
    const keys = this.#keys;
    for (let slot = set * WAYS; slot < (set + 1) * WAYS; slot++) {
      if (keys[WORDS * slot + 1] === low && keys[WORDS * slot] === high) return slot;
    }
    return -1;
  }

  #cheapest(set: number, worth: (slot: number) => number): { slot: number; worth: number; busy: number } {
    const best = { slot: -1, worth: Infinity, busy: 0 };
    for (let slot = set * WAYS; slot < (set + 1) * WAYS; slot++) {
      const price = this.isEmpty(slot) ? -1 : worth(slot);
      if (price > 0) best.busy++;
      if (price >= best.worth) continue;
      best.slot = slot;
      best.worth = price;
    }
    return best;
  }
}
