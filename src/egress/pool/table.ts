/**
 * What all threads know of every egress: state, live tunnels, failures, and the counters that strategies and ports go by.
 *
 * A struct of arrays over shared memory, one slot an egress (a single address, or a block as a whole). Who has which slot
 * is the main thread's business, see `slots.ts`. Every operation is one or two atomics: no lock, no message.
 */
import type { Family } from '../../connection.ts';
import { formatIPv4, formatIPv6 } from './format.ts';
import { scramble } from '../rotation/hash.ts';

/** Survives `postMessage`: build a table over it on every thread. */
export interface TableMemory {
  readonly ints: SharedArrayBuffer;
  readonly addresses: SharedArrayBuffer;
}

/**
 * `new`: not tried yet; `up`: a connection went through; `down`: ejected until it proves itself; `draining`: not in the
 * pool any more, and nobody's slot; `out`: taken out by hand, until it is put back by hand. The first two are used.
 */
export type EgressState = 'new' | 'up' | 'down' | 'draining' | 'out';

/** The default capacity: twice what one pool may enumerate, so that all of it may change while tunnels drain. */
export const CAPACITY = 131_072;

/** In this order: fresh memory is zero, and a slot nobody has must not be used. */
const STATES: readonly EgressState[] = ['draining', 'new', 'up', 'down', 'out'];
const [, NEW, UP, DOWN] = [0, 1, 2, 3, 4] as const;

/** Int32 arrays of the table, one after the other; then what all slots share. */
const ARRAYS = 8;
/** Tunnels that closed last: a ring. A power of two. */
const CLOSINGS = 8192;
/** An entry is a slot and, above it, which time around it is from: that tells a new one from what it overwrote. */
const SLOT_BITS = 17;
const LAPS = 2 ** (32 - SLOT_BITS);
/** The sequence number of uses, how many tunnels have closed, and the ring of them. */
const SHARED = 2 + CLOSINGS;
const [SEQUENCE, CLOSED] = [0, 1] as const;
/** Bytes a slot: four words of address, then the step counter of a block. */
const ADDRESS_BYTES = 16;
const STEP_BYTES = BigInt64Array.BYTES_PER_ELEMENT;

/** @param capacity Slots, 131,072 at most. Pages that are never touched cost nothing. */
export function tableMemory(capacity: number = CAPACITY): TableMemory {
  return {
    ints: new SharedArrayBuffer((ARRAYS * capacity + SHARED) * Int32Array.BYTES_PER_ELEMENT),
    addresses: new SharedArrayBuffer(capacity * (ADDRESS_BYTES + STEP_BYTES)),
  };
}

/** Tunnels of one thread, by slot: what {@link EgressTable.writeOff} takes back when the thread dies with them. */
export function ledgerMemory(capacity: number = CAPACITY): SharedArrayBuffer {
  return new SharedArrayBuffer(capacity * Int32Array.BYTES_PER_ELEMENT);
}

export class EgressTable {
  readonly capacity: number;
  readonly #states: Int32Array;
  readonly #active: Int32Array;
  readonly #lastUsed: Int32Array;
  readonly #failures: Int32Array;
  readonly #ports: Int32Array;
  readonly #families: Int32Array;
  readonly #hashes: Int32Array;
  readonly #faults: Int32Array;
  /** By {@link SEQUENCE} and {@link CLOSED}. */
  readonly #shared: Int32Array;
  readonly #closings: Int32Array;
  /** Four words an address, the last one alone for IPv4. */
  readonly #words: Uint32Array;
  readonly #steps: BigInt64Array;
  readonly #ledger: Int32Array | undefined;

  /** @param ledger This thread's own, from {@link ledgerMemory}; without, its tunnels stay counted when it dies. */
  constructor({ ints, addresses }: TableMemory, ledger?: SharedArrayBuffer) {
    const capacity = addresses.byteLength / (ADDRESS_BYTES + STEP_BYTES);
    const array = (index: number): Int32Array => new Int32Array(ints, index * capacity * 4, capacity);
    this.capacity = capacity;
    this.#states = array(0);
    this.#active = array(1);
    this.#lastUsed = array(2);
    this.#failures = array(3);
    this.#ports = array(4);
    this.#families = array(5);
    this.#hashes = array(6);
    this.#faults = array(7);
    this.#shared = new Int32Array(ints, ARRAYS * capacity * 4, 2);
    this.#closings = new Int32Array(ints, (ARRAYS * capacity + 2) * 4, CLOSINGS);
    this.#words = new Uint32Array(addresses, 0, 4 * capacity);
    this.#steps = new BigInt64Array(addresses, ADDRESS_BYTES * capacity, capacity);
    this.#ledger = ledger && new Int32Array(ledger);
  }

  state(slot: number): EgressState {
    return STATES[Atomics.load(this.#states, slot)]!;
  }

  /** Main thread only. */
  setState(slot: number, state: EgressState): void {
    Atomics.store(this.#states, slot, STATES.indexOf(state));
  }

  /**
   * Whether new connections may leave from it. That it is draining is no reason not to: who has the new membership does not
   * ask, and a thread that has not been sent it yet must not find an empty pool.
   */
  usable(slot: number): boolean {
    return Atomics.load(this.#states, slot) < DOWN;
  }

  /** Takes an egress out of use at once, from any thread. @returns whether it was this call that did it. */
  ejectNow(slot: number): boolean {
    return (
      Atomics.compareExchange(this.#states, slot, UP, DOWN) === UP ||
      Atomics.compareExchange(this.#states, slot, NEW, DOWN) === NEW
    );
  }

  /** One tunnel more, from the moment its egress is picked. */
  opened(slot: number): void {
    Atomics.add(this.#active, slot, 1);
    if (this.#ledger !== undefined) this.#ledger[slot]!++;
  }

  /** Like {@link opened}, only if there are exactly `active` tunnels: for a choice that was made by that number. */
  openedAt(slot: number, active: number): boolean {
    if (Atomics.compareExchange(this.#active, slot, active, active + 1) !== active) return false;
    if (this.#ledger !== undefined) this.#ledger[slot]!++;
    return true;
  }

  /** Once for every {@link opened}, on the same thread. */
  closed(slot: number): void {
    Atomics.sub(this.#active, slot, 1);
    if (this.#ledger !== undefined) this.#ledger[slot]!--;
    const position = Atomics.add(this.#shared, CLOSED, 1);
    Atomics.store(this.#closings, position & (CLOSINGS - 1), (lapOf(position) << SLOT_BITS) | slot);
  }

  /** How many tunnels have closed: 32 bits, signed, wrapping. */
  closings(): number {
    return Atomics.load(this.#shared, CLOSED);
  }

  /** Which egress a tunnel that closed was on. @returns its slot, -1 when that is not known any more, or not yet. */
  closing(position: number): number {
    const entry = Atomics.load(this.#closings, position & (CLOSINGS - 1));
    return entry >>> SLOT_BITS === lapOf(position) ? entry & (2 ** SLOT_BITS - 1) : -1;
  }

  /** Live tunnels over all threads, and dials that are under way. */
  active(slot: number): number {
    return Atomics.load(this.#active, slot);
  }

  /** Takes back what a dead thread had opened and never closed; its ledger may then serve another thread. */
  writeOff(ledger: SharedArrayBuffer): void {
    const opened = new Int32Array(ledger);
    for (const [slot, tunnels] of opened.entries()) {
      if (tunnels !== 0) Atomics.sub(this.#active, slot, tunnels);
    }
    opened.fill(0);
    // Too many to log: whoever follows the log finds that it has lost the thread.
    Atomics.add(this.#shared, CLOSED, CLOSINGS * 2);
  }

  /** The last number of the sequence that {@link lastUsed} is from: 32 bits, signed, wrapping. */
  now(): number {
    return Atomics.load(this.#shared, SEQUENCE);
  }

  /** Used now. */
  touch(slot: number): void {
    Atomics.store(this.#lastUsed, slot, this.#tick());
  }

  /** Like {@link touch}, only if nobody has used it since `lastUsed` was read: for a choice that was made by that number. */
  touchAt(slot: number, lastUsed: number): boolean {
    if (Atomics.load(this.#lastUsed, slot) !== lastUsed) return false;
    return Atomics.compareExchange(this.#lastUsed, slot, lastUsed, this.#tick()) === lastUsed;
  }

  /** A sequence number, not a time. It wraps: what orders two egresses is their age, `(now() - lastUsed) >>> 0`. */
  lastUsed(slot: number): number {
    return Atomics.load(this.#lastUsed, slot);
  }

  #tick(): number {
    return (Atomics.add(this.#shared, SEQUENCE, 1) + 1) | 0;
  }

  /** One failure more that is the egress' own fault. @returns how many in a row that makes. */
  failed(slot: number): number {
    return Atomics.add(this.#failures, slot, 1) + 1;
  }

  /** A connection went through. An egress that is down stays down: that is for its probe to decide. */
  succeeded(slot: number): void {
    // Nearly always there is nothing to change, and a load does not take the cache line from the other threads.
    if (Atomics.load(this.#failures, slot) !== 0) Atomics.store(this.#failures, slot, 0);
    if (Atomics.load(this.#states, slot) === NEW) Atomics.compareExchange(this.#states, slot, NEW, UP);
  }

  /** A connection failed by fault of the egress, whatever follows from that. */
  faulted(slot: number): void {
    Atomics.add(this.#faults, slot, 1);
  }

  /** How often that was since the slot was taken. */
  faults(slot: number): number {
    return Atomics.load(this.#faults, slot) >>> 0;
  }

  /** Failures in a row. */
  failures(slot: number): number {
    return Atomics.load(this.#failures, slot);
  }

  /** A turn of the slot's port cursor: 32 bits, unsigned, wrapping. */
  nextPort(slot: number): number {
    return Atomics.add(this.#ports, slot, 1) >>> 0;
  }

  /** A step of the walk through a block. */
  nextStep(slot: number): bigint {
    return Atomics.add(this.#steps, slot, 1n);
  }

  /** Steps taken so far. */
  steps(slot: number): bigint {
    return Atomics.load(this.#steps, slot);
  }

  /** Main thread only, before the slot is published. @param address The first one, for a block. */
  put(slot: number, family: Family, address: bigint): void {
    this.#families[slot] = family;
    let hash: number = family;
    for (let word = 0; word < 4; word++) {
      const value =
        family === 4 && word < 3 ? 0 : Number(BigInt.asUintN(32, address >> BigInt(96 - 32 * word)));
      this.#words[4 * slot + word] = value;
      hash = scramble(hash + value);
    }
    this.#hashes[slot] = hash;
  }

  family(slot: number): Family {
    return this.#families[slot] === 4 ? 4 : 6;
  }

  /** Of a block, its first address. */
  address(slot: number): string {
    const words = this.#words;
    const at = 4 * slot;
    if (this.#families[slot] === 4) return formatIPv4(words[at + 3]!);
    return formatIPv6(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!);
  }

  /** Of the address alone, so that it is the same in whatever slot and after a restart: 32 bits, signed. */
  addressHash(slot: number): number {
    return this.#hashes[slot]!;
  }

  /** Main thread only: nobody's slot, without a past. */
  reset(slot: number): void {
    this.setState(slot, 'draining');
    for (const array of [
      this.#active,
      this.#failures,
      this.#ports,
      this.#families,
      this.#hashes,
      this.#faults,
    ])
      array[slot] = 0;
    this.#words.fill(0, 4 * slot, 4 * slot + 4);
    this.#steps[slot] = 0n;
    // Older than whatever was used in the last 2^30 uses: who gets the slot comes first.
    this.#lastUsed[slot] = (this.now() - 2 ** 30) | 0;
  }
}

/** Never that of memory nobody has written to. */
function lapOf(position: number): number {
  return ((position >>> 0) / CLOSINGS + 1) & (LAPS - 1);
}
