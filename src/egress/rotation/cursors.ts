/** Whose turn it is, counted over all threads: shared counters, drawn from with `Atomics.add`. */
import type { Family } from '../../connection.ts';
import { fnv1a, scramble } from './hash.ts';

/** One counter for everything, or one for each destination host or user (those whose hashes collide share one). */
export type CursorScope = 'destination' | 'global' | 'user';

/** The counters of all threads. */
export interface RotatorMemory {
  /** Int32: for each family the global cursor, then those of the destinations, users and tags. */
  readonly cursors: SharedArrayBuffer;
}

/** What decides on the counter. */
export interface TurnRequest {
  readonly family: Family;
  readonly destination: string;
  readonly user: string;
  readonly tag?: string | undefined;
}

/** A power of two: a hash is cut down to it with a mask. */
const HASHED = 4096;
const CURSORS = 1 + HASHED;

export function rotatorMemory(): RotatorMemory {
  return { cursors: new SharedArrayBuffer(2 * CURSORS * Int32Array.BYTES_PER_ELEMENT) };
}

export class Cursors {
  readonly #counters: Int32Array;
  readonly #scope: CursorScope;

  constructor(memory: RotatorMemory, scope: CursorScope) {
    this.#counters = new Int32Array(memory.cursors);
    this.#scope = scope;
  }

  /** Takes one turn of as many as there are, in the scope of the request. @returns an index below `turns`. */
  take(request: TurnRequest, turns: number): number {
    if (this.#scope === 'global') return this.count(request) % turns;
    const key = request[this.#scope];
    const hash = fnv1a(request.tag === undefined ? key : `${key}\0${request.tag}`);
    // With all cursors at 0, hosts asked once each would all see the first address.
    const start = scramble(hash ^ 0x9e3779b9) % turns;
    return (start + (this.#add(request.family, 1 + (scramble(hash) & (HASHED - 1))) % turns)) % turns;
  }

  /** Counts the request among all of its family and tag. @returns how many came before. */
  count({ family, tag }: Pick<TurnRequest, 'family' | 'tag'>): number {
    // A tag has members of its own, and turns of its own.
    return this.#add(family, tag === undefined ? 0 : 1 + (scramble(fnv1a(tag)) & (HASHED - 1)));
  }

  /** The counter is signed and wraps after 2^32 turns; there, and nowhere else, a turn may come out of order. */
  #add(family: Family, cursor: number): number {
    return Atomics.add(this.#counters, family === 4 ? cursor : CURSORS + cursor, 1) >>> 0;
  }
}
