/**
 * Whose turn is it? The rotator of one thread.
 *
 * All threads draw from the same counters with `Atomics.add`, so the turns are exact over all of them without a lock or a
 * message. IPv4 and IPv6 are separate rotations with separate counters.
 */
import type { Egress, Family } from '../connection.ts';
import { formatAddress, formatIPv4 } from './format.ts';
import { MAX_BLOCKS } from './ranges.ts';
import { addressAt, includes, segmentOf, type Block, type Rotation, type Snapshot } from './snapshot.ts';
import { walkTo } from './walk.ts';

export { buildSnapshot, type Snapshot } from './snapshot.ts';

/** One counter for everything, or one for each destination host (hosts whose hashes collide share one). */
export type CursorScope = 'destination' | 'global';

/** The counters of all threads. */
export interface RotatorMemory {
  /** Int32: for each family the global cursor, then those of the destinations. */
  readonly cursors: SharedArrayBuffer;
  /** BigInt64: a step counter for each block. */
  readonly walks: SharedArrayBuffer;
}

/** A power of two: a hash is cut down to it with a mask. */
const DESTINATIONS = 4096;
const CURSORS = 1 + DESTINATIONS;

export function rotatorMemory(): RotatorMemory {
  return {
    cursors: new SharedArrayBuffer(2 * CURSORS * Int32Array.BYTES_PER_ELEMENT),
    walks: new SharedArrayBuffer(MAX_BLOCKS * BigInt64Array.BYTES_PER_ELEMENT),
  };
}

/** The egresses for one connection: first the one whose turn it is, then, for another try, the following ones. */
export interface Picks {
  /** Never the same address twice; undefined when there is no other. */
  next(): Egress | undefined;
}

export class Rotator {
  readonly #cursors: Int32Array;
  readonly #walks: BigInt64Array;
  readonly #scope: CursorScope;
  #snapshot: Snapshot;

  constructor(memory: RotatorMemory, scope: CursorScope, snapshot: Snapshot) {
    this.#cursors = new Int32Array(memory.cursors);
    this.#walks = new BigInt64Array(memory.walks);
    this.#scope = scope;
    this.#snapshot = snapshot;
  }

  /** From the next pick on. Picks handed out before keep to the old membership. */
  replace(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
  }

  has(family: Family): boolean {
    return this.#rotation(family).members > 0;
  }

  get empty(): boolean {
    return !this.has(4) && !this.has(6);
  }

  /** Whether an address, given by its 4 or 16 bytes, belongs to the pool. */
  includes(address: Uint8Array): boolean {
    const value = address.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    return includes(this.#rotation(address.length === 4 ? 4 : 6), value);
  }

  /**
   * Takes one turn.
   * @param destination The target's host as the client named it; ignored with the global cursor.
   */
  pick(family: Family, destination: string): Picks {
    const rotation = this.#rotation(family);
    const { members } = rotation;
    if (members === 0) return NONE;
    let cursor = family === 4 ? 0 : CURSORS;
    let start = 0;
    if (this.#scope === 'destination') {
      const hash = fnv1a(destination);
      cursor += 1 + (scramble(hash) & (DESTINATIONS - 1));
      // With all cursors at 0, hosts asked once each would all see the first address.
      start = scramble(hash ^ 0x9e3779b9) % members;
    }
    // The counter is signed and wraps after 2^32 turns; there, and nowhere else, a turn may come out of order.
    const turn = (Atomics.add(this.#cursors, cursor, 1) >>> 0) % members;
    return new Turn(rotation, this.#walks, (start + turn) % members);
  }

  #rotation(family: Family): Rotation {
    return family === 4 ? this.#snapshot.v4 : this.#snapshot.v6;
  }
}

const NONE: Picks = { next: () => undefined };

class Turn implements Picks {
  readonly #rotation: Rotation;
  readonly #walks: BigInt64Array;
  readonly #member: number;
  #taken = 0;
  /** Blocks that gave an address, in their order, with the step of the first one: see {@link Turn.#again}. */
  #blocks: { readonly block: Block; readonly begun: bigint }[] | undefined = undefined;

  constructor(rotation: Rotation, walks: BigInt64Array, member: number) {
    this.#rotation = rotation;
    this.#walks = walks;
    this.#member = member;
  }

  next(): Egress | undefined {
    const rotation = this.#rotation;
    if (this.#taken >= rotation.members) return this.#again();
    // A retry goes on from here without touching the shared cursor: the next connection's turn stays its own.
    const member = (this.#member + this.#taken++) % rotation.members;
    const index = segmentOf(rotation, member);
    const segment = rotation.segments[index]!;
    const offset = member - rotation.starts[index]!;
    if (typeof segment === 'number') return { address: formatIPv4(segment + offset), family: 4 };
    if (typeof segment === 'bigint')
      return { address: formatAddress(6, segment + BigInt(offset)), family: 6 };
    const step = this.#step(segment);
    (this.#blocks ??= []).push({ block: segment, begun: step });
    return this.#walked(segment, step);
  }

  /** Every member had its turn: only blocks have more addresses to give, until their walk comes back to where it was. */
  #again(): Egress | undefined {
    for (let entry = this.#blocks?.shift(); entry !== undefined; entry = this.#blocks?.shift()) {
      const step = this.#step(entry.block);
      if (step - entry.begun >= entry.block.walk.count) continue;
      this.#blocks!.push(entry);
      return this.#walked(entry.block, step);
    }
    return undefined;
  }

  #step(block: Block): bigint {
    return Atomics.add(this.#walks, block.slot, 1n);
  }

  #walked(block: Block, step: bigint): Egress {
    const { family } = this.#rotation;
    return { address: formatAddress(family, addressAt(block, walkTo(block.walk, step))), family };
  }
}

/** FNV-1a over UTF-16 units: a host is canonical by now, so equal hosts are equal strings. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash;
}

/** MurmurHash3's finaliser: FNV-1a alone leaves similar names too close together. @returns 32 bits, unsigned. */
function scramble(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
