/**
 * Counters of all threads, in one piece of shared memory.
 *
 * Each thread has a block and is the only one to write it, so plain additions do; the reader adds the blocks up. The
 * fields follow the keys of {@link FAILURES} and of {@link InboundName}: a new failure is counted from the day it exists.
 */
import type { Connection, InboundName } from '../connection.ts';
import { FAILURES, type FailureCode } from '../errors.ts';

/** Sums over all threads since the start. */
export interface Stats {
  /** Connections accepted. */
  readonly accepted: number;
  /** Connections accepted and not yet over. */
  readonly active: number;
  /** Finished connections whose tunnel stood. */
  readonly tunnels: number;
  /** Payload bytes of finished connections, from client to target. */
  readonly sent: number;
  /** Payload bytes of finished connections, from target to client. */
  readonly received: number;
  /** Finished connections by what the client spoke; one whose protocol was never known is in neither. */
  readonly byInbound: Readonly<Record<InboundName, number>>;
  /** Finished connections by how they failed. */
  readonly failures: Readonly<Record<FailureCode, number>>;
}

const INBOUNDS = Object.keys({
  socks5: 0,
  socks4: 0,
  'http-connect': 0,
  'http-forward': 0,
} satisfies Record<InboundName, 0>) as InboundName[];
const CODES = Object.keys(FAILURES) as FailureCode[];

const ACCEPTED = 0;
const ACTIVE = 1;
const TUNNELS = 2;
const SENT = 3;
const RECEIVED = 4;
const FIRST_INBOUND = 5;
const FIRST_FAILURE = FIRST_INBOUND + INBOUNDS.length;
/** Fields of one block, rounded up to whole cache lines of 64 bytes, so that threads do not slow each other down. */
const STRIDE = Math.ceil((FIRST_FAILURE + CODES.length) / 8) * 8;
const BLOCK_BYTES = STRIDE * Float64Array.BYTES_PER_ELEMENT;

const indexed = <Name extends string>(
  names: readonly Name[],
  first: number,
): Readonly<Record<Name, number>> =>
  Object.fromEntries(names.map((name, i) => [name, first + i])) as Record<Name, number>;

const INBOUND_AT = indexed(INBOUNDS, FIRST_INBOUND);
const FAILURE_AT = indexed(CODES, FIRST_FAILURE);

/** Zeroed counters for threads numbered 0 to `threads - 1`. */
export function countersMemory(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer(threads * BLOCK_BYTES);
}

/** The counters of one thread. */
export class Counters {
  readonly #block: Float64Array;

  /**
   * @param thread Which block; no other thread may use it at the same time. A thread that takes over from one that died
   * keeps its sums, but none of its connections is active any more.
   */
  constructor(memory: SharedArrayBuffer, thread: number) {
    this.#block = new Float64Array(memory, thread * BLOCK_BYTES, STRIDE);
    this.#block[ACTIVE] = 0;
  }

  opened(_connection: Connection): void {
    this.#add(ACCEPTED, 1);
    this.#add(ACTIVE, 1);
  }

  /** Counts whatever it is told: that it is told once for each connection is the promise of the connection's way. */
  closed(connection: Connection): void {
    this.#add(ACTIVE, -1);
    if (connection.phase === 'relay') this.#add(TUNNELS, 1);
    this.#add(SENT, connection.sent);
    this.#add(RECEIVED, connection.received);
    if (connection.inbound !== undefined) this.#add(INBOUND_AT[connection.inbound], 1);
    if (connection.failure !== undefined) this.#add(FAILURE_AT[connection.failure.code], 1);
  }

  #add(at: number, amount: number): void {
    this.#block[at]! += amount;
  }
}

/** Adds up all threads. A number may be a few events behind a thread that is just counting. */
export function readStats(memory: SharedArrayBuffer): Stats {
  const blocks = new Float64Array(memory);
  const sum = (at: number): number => {
    let total = 0;
    for (let i = at; i < blocks.length; i += STRIDE) total += blocks[i]!;
    return total;
  };
  const sums = <Name extends string>(at: Readonly<Record<Name, number>>): Record<Name, number> =>
    Object.fromEntries(Object.entries<number>(at).map(([name, i]) => [name, sum(i)])) as Record<Name, number>;
  return {
    accepted: sum(ACCEPTED),
    active: sum(ACTIVE),
    tunnels: sum(TUNNELS),
    sent: sum(SENT),
    received: sum(RECEIVED),
    byInbound: sums(INBOUND_AT),
    failures: sums(FAILURE_AT),
  };
}
