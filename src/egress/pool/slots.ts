/**
 * Who has which slot of the table: kept for as long as the address is in the pool, whatever else comes and goes, so that
 * counters, failures and live tunnels stay with their address. Main thread only.
 */
import type { Family } from '../../connection.ts';
import { isBlock, type Range } from './ranges.ts';
import type { EgressTable } from './table.ts';

/** A single address by its value, as a number for IPv4 and in hexadecimal for IPv6; a block by its ends. */
type Key = number | string;

export class Slots {
  readonly #table: EgressTable;
  readonly #capacity: number;
  readonly #slots = new Map<Key, number>();
  /** By slot, for those that are taken. */
  readonly #keys: (Key | undefined)[] = [];
  /** A queue: a slot that was given back rests as long as possible before another address gets it. */
  readonly #free: Int32Array;
  #taken = 0;
  #given: number;
  /** Draining slots that had no tunnels when last swept. */
  #idle = new Set<number>();
  #ranges = new Map<Range, Int32Array>();

  constructor(table: EgressTable, capacity: number = table.capacity) {
    this.#table = table;
    this.#capacity = capacity;
    this.#free = Int32Array.from({ length: capacity }, (_, slot) => slot);
    this.#given = capacity;
  }

  /**
   * Makes these ranges the membership. Who stays keeps its slot and its state, who is new (or comes back) starts as `new`,
   * who is gone becomes `draining`. An address may be named twice, for example by two pools: it is the same egress.
   * @throws RangeError when the table is full; the membership is unchanged then. Try again after {@link sweep}.
   */
  assign(ranges: readonly Range[]): void {
    this.#makeRoom(ranges);
    const staying = new Uint8Array(this.#capacity);
    const assigned = new Map<Range, Int32Array>();
    for (const range of ranges) {
      const slots = new Int32Array(lengthOf(range));
      let index = 0;
      for (const { key, address } of entriesOf(range)) {
        const slot = this.#slots.get(key) ?? this.#take(key, range.family, address);
        staying[slot] = 1;
        slots[index++] = slot;
      }
      assigned.set(range, slots);
    }
    this.#ranges = assigned;
    for (const slot of this.#slots.values()) this.#settle(slot, staying[slot] === 1);
  }

  /**
   * The slots of a range, in ascending order of its addresses; a block has one.
   * @param range One of the objects last given to {@link assign}.
   */
  of(range: Range): Int32Array {
    const slots = this.#ranges.get(range);
    if (slots === undefined) throw new RangeError('a range has no slots before it is assigned');
    return slots;
  }

  /** The slots of the present membership, each once; draining ones are not among them. */
  *members(): Generator<number, void, undefined> {
    for (const slot of this.#slots.values()) {
      if (this.#table.state(slot) !== 'draining') yield slot;
    }
  }

  /**
   * Frees the slots of addresses that have left and whose last tunnel is gone. It takes two sweeps: in between, every
   * thread has seen the new membership, so call it every few seconds and not more often.
   * @returns how many were freed.
   */
  sweep(): number {
    const idle = new Set<number>();
    let freed = 0;
    for (const slot of this.#slots.values()) {
      if (this.#table.state(slot) !== 'draining' || this.#table.active(slot) > 0) continue;
      if (!this.#idle.has(slot)) idle.add(slot);
      else {
        this.#give(slot);
        freed++;
      }
    }
    this.#idle = idle;
    return freed;
  }

  #makeRoom(ranges: readonly Range[]): void {
    const room = this.#given - this.#taken;
    // Nearly always there is room for all of them, even if nothing of it is here already.
    if (ranges.reduce((sum, range) => sum + lengthOf(range), 0) <= room) return;
    const missing = new Set<Key>();
    for (const range of ranges) {
      for (const { key } of entriesOf(range)) {
        if (!this.#slots.has(key)) missing.add(key);
        if (missing.size > room) throw new RangeError(tooMany(this.#capacity));
      }
    }
  }

  #take(key: Key, family: Family, address: bigint): number {
    const slot = this.#free[this.#taken++ % this.#capacity]!;
    this.#table.reset(slot);
    this.#table.put(slot, family, address);
    this.#slots.set(key, slot);
    this.#keys[slot] = key;
    return slot;
  }

  #give(slot: number): void {
    this.#slots.delete(this.#keys[slot]!);
    this.#keys[slot] = undefined;
    this.#table.reset(slot);
    this.#free[this.#given++ % this.#capacity] = slot;
  }

  #settle(slot: number, stays: boolean): void {
    const draining = this.#table.state(slot) === 'draining';
    if (stays && draining) this.#table.setState(slot, 'new');
    else if (!stays && !draining) this.#table.setState(slot, 'draining');
    if (stays) this.#idle.delete(slot);
  }
}

const tooMany = (capacity: number): string =>
  `no room for the pool: ${capacity} addresses in all, with those that still have tunnels after they left`;

function lengthOf(range: Range): number {
  return isBlock(range) ? 1 : Number(range.last - range.first) + 1;
}

function* entriesOf(range: Range): Generator<{ key: Key; address: bigint }, void, undefined> {
  const { family, first, last, identityBits } = range;
  if (isBlock(range)) {
    yield { key: `${family} ${first}-${last} ${identityBits ?? ''}`, address: first };
    return;
  }
  for (let address = first; address <= last; address++) {
    // Not the bigint itself: V8 hashes it by its low 64 bits, and many networks number their hosts alike.
    yield { key: family === 4 ? Number(address) : address.toString(16), address };
  }
}
