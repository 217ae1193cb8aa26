/**
 * What all threads remember of sticky sessions, in a table that never grows.
 *
 * A session has one of eight places, its set. When all are taken, one that has run out goes, else the one unused for
 * longest. Each set has a lock, held for a fraction of a microsecond; that its holder may die is provided for.
 */
import { Locks, locksBytes } from './locks.ts';
import type { KeyHash } from './rendezvous.ts';
import {
  isOver,
  nextSalt,
  same,
  saltAt,
  UNKNOWN,
  type Limits,
  type Place,
  type SessionRecord,
  type Term,
} from './session-term.ts';

/** Survives `postMessage`. */
export interface SessionMemory {
  readonly table: SharedArrayBuffer;
}

const WAYS = 8;
/** Int32 words an entry: see the offsets below. */
const WORDS = 12;
const [HIGH, LOW, SLOT, ADDRESS, SALT, FLAGS, TTL, IDLE] = [0, 1, 2, 3, 4, 5, 6, 7] as const;
/** In doubles. */
const [FIRST_USE, LAST_USE] = [4, 5] as const;
const PINNED = 1;
const SETTLED = 2;

const SET_BYTES = 4 * WORDS * WAYS;

/** @param entries How many sessions are remembered, at least 16; rounded up to a power of two. 48 bytes each. */
export function sessionMemory(entries: number = 131_072): SessionMemory {
  const sets = 2 ** Math.ceil(Math.log2(Math.max(2 * WAYS, entries) / WAYS));
  return { table: new SharedArrayBuffer(locksBytes(sets) + sets * SET_BYTES) };
}

export class SessionTable {
  readonly #sets: number;
  readonly #locks: Locks;
  readonly #ints: Int32Array;
  readonly #times: Float64Array;

  constructor({ table }: SessionMemory) {
    this.#sets = Math.trunc((table.byteLength - locksBytes(0)) / (locksBytes(1) - locksBytes(0) + SET_BYTES));
    const entriesAt = locksBytes(this.#sets);
    this.#locks = new Locks(table, this.#sets);
    this.#ints = new Int32Array(table, entriesAt);
    this.#times = new Float64Array(table, entriesAt);
  }

  /** Counts a use of the session, and begins a new term when the last one is over. */
  visit(key: KeyHash, limits: Limits, now: number): Term {
    return this.#locked(key, UNKNOWN, (set) => {
      let at = this.#find(set, key);
      if (at === undefined) this.#begin((at = this.#make(set, key, now)), 0, now);
      else if (this.#isOver(at, limits, now)) this.#begin(at, saltAt(now), now);
      this.#used(at, limits, now);
      return this.#term(at);
    });
  }

  /**
   * Gives a term its place, unless another thread did so since `term` was read. @returns the term as it is now.
   */
  claim(key: KeyHash, term: Term, place: Place): Term {
    const claimed: Term = { ...place, salt: term.salt, pinned: true, settled: false };
    return this.#locked(key, claimed, (set) => {
      const at = this.#find(set, key);
      if (at === undefined) return claimed;
      const present = this.#term(at);
      if (present.pinned && !same(present, term)) return present;
      if (same(present, term)) this.#put(at, place, PINNED);
      return claimed;
    });
  }

  /**
   * A connection of the session succeeded from `place`.
   * @param term What it began with. If the session has moved since, or has a new term, this connection decides nothing.
   * @returns whether the session moved here from an address it had settled at before.
   */
  settle(key: KeyHash, limits: Limits, term: Term, place: Place, now: number): boolean {
    return this.#locked(key, false, (set) => {
      let at = this.#find(set, key);
      if (at === undefined) {
        // Forgotten since: what it has moved to must not be forgotten with it.
        this.#begin((at = this.#make(set, key, now)), term.salt, now);
        this.#put(at, term, (term.pinned ? PINNED : 0) | (term.settled ? SETTLED : 0));
      }
      this.#used(at, limits, now);
      const present = this.#term(at);
      if (present.salt !== term.salt) return false;
      const stays = present.pinned && present.address === place.address;
      if (!stays && !same(present, term)) return false;
      this.#put(at, place, PINNED | SETTLED);
      return !stays && present.pinned && present.settled;
    });
  }

  /** From now on the session leaves from there. @returns false when it has no address, so that it cannot have another. */
  pin(key: KeyHash, place: Place, now: number): boolean {
    return this.#locked(key, false, (set) => {
      const at = this.#settled(set, key, now);
      if (at !== undefined) this.#put(at, place, PINNED | SETTLED);
      return at !== undefined;
    });
  }

  /** Ends the term: the next connection begins another one, which is there for another address. @returns whether there was one. */
  end(key: KeyHash, now: number): boolean {
    return this.#locked(key, false, (set) => {
      const at = this.#settled(set, key, now);
      if (at !== undefined) this.#begin(at, nextSalt(this.#term(at), now), now);
      return at !== undefined;
    });
  }

  /** How many have an address now. Locks nothing: about right while others are at it. */
  count(now: number): number {
    let count = 0;
    for (let at = FLAGS; at < this.#sets * WAYS * WORDS; at += WORDS) {
      if ((this.#ints[at]! & SETTLED) !== 0 && !this.#isOver(at - FLAGS, this.#limits(at - FLAGS), now))
        count++;
    }
    return count;
  }

  /** One of them. */
  record(key: KeyHash, now: number): SessionRecord | undefined {
    return this.#locked(key, undefined, (set) => {
      return this.#records(set, now).find(({ high, low }) => high === key.high && low === key.low);
    });
  }

  /** Every session that has an address now. */
  *live(now: number): Generator<SessionRecord, void, undefined> {
    for (let set = 0; set < this.#sets; set++) {
      if (!this.#locks.take(set)) continue;
      // Copied first: the lock is not held while the caller does what it likes.
      const records = this.#records(set, now);
      this.#locks.release(set);
      yield* records;
    }
  }

  /** Puts back what {@link live} gave, unless it has run out or the session is known. @returns whether it did. */
  restore(record: SessionRecord, now: number): boolean {
    return this.#locked(record, false, (set) => {
      if (this.#find(set, record) !== undefined || isOver(record, record, now)) return false;
      const at = this.#make(set, record, now);
      this.#begin(at, record.salt, record.firstUse);
      this.#put(at, { slot: -1, address: record.address }, PINNED | SETTLED);
      this.#used(at, record, record.lastUse);
      return true;
    });
  }

  /** @param otherwise What to answer when the set cannot be had: sessions go on without memory then. */
  #locked<T>({ low }: KeyHash, otherwise: T, action: (set: number) => T): T {
    const set = low & (this.#sets - 1);
    if (!this.#locks.take(set)) return otherwise;
    try {
      return action(set);
    } finally {
      this.#locks.release(set);
    }
  }

  /** The index of an entry's first word. */
  #find(set: number, { high, low }: KeyHash): number | undefined {
    const ints = this.#ints;
    const end = (set + 1) * WAYS * WORDS;
    for (let at = set * WAYS * WORDS; at < end; at += WORDS) {
      if (ints[at + LOW] === low && ints[at + HIGH] === high) return at;
    }
    return undefined;
  }

  /** Where a session is that has an address now. */
  #settled(set: number, key: KeyHash, now: number): number | undefined {
    const at = this.#find(set, key);
    if (at === undefined || !this.#term(at).settled) return undefined;
    return this.#isOver(at, this.#limits(at), now) ? undefined : at;
  }

  #make(set: number, { high, low }: KeyHash, now: number): number {
    const at = this.#victim(set, now);
    this.#ints.fill(0, at, at + WORDS);
    this.#ints[at + HIGH] = high;
    this.#ints[at + LOW] = low;
    this.#ints[at + SLOT] = -1;
    return at;
  }

  #victim(set: number, now: number): number {
    let victim = set * WAYS * WORDS;
    let oldest = Infinity;
    for (let way = 0; way < WAYS; way++) {
      const at = (set * WAYS + way) * WORDS;
      if (this.#isEmpty(at) || this.#isOver(at, this.#limits(at), now)) return at;
      const lastUse = this.#times[at / 2 + LAST_USE]!;
      if (lastUse >= oldest) continue;
      victim = at;
      oldest = lastUse;
    }
    return victim;
  }

  /** A new term; the place of the last one stays to be read. */
  #begin(at: number, salt: number, now: number): void {
    this.#ints[at + SALT] = salt;
    this.#ints[at + FLAGS] = 0;
    this.#times[at / 2 + FIRST_USE] = now;
  }

  #used(at: number, { ttlMs, idleMs }: Limits, now: number): void {
    this.#ints[at + TTL] = ttlMs;
    this.#ints[at + IDLE] = idleMs;
    this.#times[at / 2 + LAST_USE] = now;
    // A clock that was put back must not make a term longer than it is.
    if (this.#times[at / 2 + FIRST_USE]! > now) this.#times[at / 2 + FIRST_USE] = now;
  }

  #put(at: number, { slot, address }: Place, flags: number): void {
    this.#ints[at + SLOT] = slot;
    this.#ints[at + ADDRESS] = address;
    this.#ints[at + FLAGS] = flags;
  }

  #term(at: number): Term {
    const ints = this.#ints;
    const flags = ints[at + FLAGS]!;
    return {
      slot: ints[at + SLOT]!,
      address: ints[at + ADDRESS]!,
      salt: ints[at + SALT]!,
      pinned: (flags & PINNED) !== 0,
      settled: (flags & SETTLED) !== 0,
    };
  }

  #isEmpty(at: number): boolean {
    return this.#ints[at + HIGH] === 0 && this.#ints[at + LOW] === 0;
  }

  #limits(at: number): Limits {
    return { ttlMs: this.#ints[at + TTL]!, idleMs: this.#ints[at + IDLE]! };
  }

  #isOver(at: number, limits: Limits, now: number): boolean {
    const firstUse = this.#times[at / 2 + FIRST_USE]!;
    const lastUse = this.#times[at / 2 + LAST_USE]!;
    return isOver({ firstUse, lastUse }, limits, now);
  }

  #records(set: number, now: number): SessionRecord[] {
    const records: SessionRecord[] = [];
    for (let way = 0; way < WAYS; way++) {
      const at = (set * WAYS + way) * WORDS;
      const limits = this.#limits(at);
      const { settled, address, salt } = this.#term(at);
      if (!settled || this.#isOver(at, limits, now)) continue;
      records.push({
        high: this.#ints[at + HIGH]!,
        low: this.#ints[at + LOW]!,
        address,
        salt,
        firstUse: this.#times[at / 2 + FIRST_USE]!,
        lastUse: this.#times[at / 2 + LAST_USE]!,
        ...limits,
      });
    }
    return records;
  }
}
