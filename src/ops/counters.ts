/**
 * Counters of all threads, in one piece of shared memory.
 *
 * Each thread has a block and is the only one to write it, so plain additions do; the reader adds the blocks up. The
 * fields follow the keys of {@link FAILURES} and of {@link InboundName}: a new failure is counted from the day it exists.
 */
import type { Connection, InboundName } from '../connection.ts';
import {
  FAILURES,
  LIMITS,
  LIMIT_HOLDERS,
  type FailureCode,
  type Limit,
  type LimitHolder,
} from '../errors.ts';
import { HISTOGRAM_FIELDS, quantile, readHistogram, record, type Histogram } from './histogram.ts';

/**
 * How a connection ended. `ok`: its tunnel stood and both ends closed it; `broken`: its tunnel stood until somebody reset
 * or cut it; `failed`: it never came to a tunnel; `lost`: its thread died.
 */
export type Result = 'ok' | 'broken' | 'failed' | 'lost';

/** What a client spoke; `unknown` when it ended before that showed. */
export type Spoken = InboundName | 'unknown';

/** Logins refused: wrong ones, and those not even looked at, since too many before them were wrong. */
export type LoginRefusal = 'credentials' | 'throttled';

/** Sums over all threads since the start. */
export interface Stats {
  /** Connections accepted. */
  readonly accepted: number;
  /** Connections accepted and not yet over. */
  readonly active: number;
  /** Finished connections whose tunnel stood. */
  readonly tunnels: number;
  /** Payload bytes from client to target; those of live tunnels are up to a second late. */
  readonly sent: number;
  /** Payload bytes from target to client. */
  readonly received: number;
  /** Finished connections by what the client spoke; one whose protocol was never known is in neither. */
  readonly byInbound: Readonly<Record<InboundName, number>>;
  /** Finished connections. With the active ones they make up all that were accepted. */
  readonly results: Readonly<Record<Spoken, Readonly<Record<Result, number>>>>;
  /** Finished connections by how they failed. */
  readonly failures: Readonly<Record<FailureCode, number>>;
  /** Dials begun: one a connection, and those after it. */
  readonly attempts: number;
  /** Dials after the first one of a connection: from another egress, or to another address of the target. */
  readonly failovers: number;
  readonly loginsRefused: Readonly<Record<LoginRefusal, number>>;
  /** Connections refused by a limit, and by whose. */
  readonly limitsReached: Readonly<Record<Limit, Readonly<Record<LimitHolder, number>>>>;
}

const INBOUNDS = Object.keys({
  socks5: 0,
  socks4: 0,
  'http-connect': 0,
  'http-forward': 0,
} satisfies Record<InboundName, 0>) as InboundName[];
const SPOKEN: readonly Spoken[] = [...INBOUNDS, 'unknown'];
const RESULTS: readonly Result[] = ['ok', 'broken', 'failed', 'lost'];
const CODES = Object.keys(FAILURES) as FailureCode[];
const LOGIN_REFUSALS: readonly LoginRefusal[] = ['credentials', 'throttled'];

/** A place for each name, one after the other. */
class Fields {
  size = 0;

  one(): number {
    return this.size++;
  }

  of<Name extends string>(names: readonly Name[]): Readonly<Record<Name, number>> {
    return this.#each(names, () => this.one());
  }

  table<Row extends string, Name extends string>(
    rows: readonly Row[],
    names: readonly Name[],
  ): Readonly<Record<Row, Readonly<Record<Name, number>>>> {
    return this.#each(rows, () => this.of(names));
  }

  histogram(): number {
    const first = this.size;
    this.size += HISTOGRAM_FIELDS;
    return first;
  }

  #each<Name extends string, Value>(names: readonly Name[], value: () => Value): Record<Name, Value> {
    return Object.fromEntries(names.map((name) => [name, value()])) as Record<Name, Value>;
  }
}

const FIELDS = new Fields();
const AT = {
  accepted: FIELDS.one(),
  active: FIELDS.one(),
  sent: FIELDS.one(),
  received: FIELDS.one(),
  attempts: FIELDS.one(),
  failovers: FIELDS.one(),
  results: FIELDS.table(SPOKEN, RESULTS),
  failures: FIELDS.of(CODES),
  loginsRefused: FIELDS.of(LOGIN_REFUSALS),
  limitsReached: FIELDS.table(LIMITS, LIMIT_HOLDERS),
  handshake: FIELDS.histogram(),
  resolve: FIELDS.histogram(),
  dial: FIELDS.histogram(),
} as const;
/** Fields of one block, rounded up to whole cache lines of 64 bytes, so that threads do not slow each other down. */
const STRIDE = Math.ceil(FIELDS.size / 8) * 8;
const BLOCK_BYTES = STRIDE * Float64Array.BYTES_PER_ELEMENT;

/** Zeroed counters for threads numbered 0 to `threads - 1`. */
export function countersMemory(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer(threads * BLOCK_BYTES);
}

const blockOf = (memory: SharedArrayBuffer, thread: number): Float64Array =>
  new Float64Array(memory, thread * BLOCK_BYTES, STRIDE);

/**
 * A thread has died: its sums stay, and what it had open is over. Once it writes no more; a second time does nothing.
 */
export function writeOffCounters(memory: SharedArrayBuffer, thread: number): void {
  const block = blockOf(memory, thread);
  block[AT.results.unknown.lost]! += block[AT.active]!;
  block[AT.active] = 0;
}

/** The counters of one thread. */
export class Counters {
  readonly #block: Float64Array;

  /**
   * @param thread Which block; no other thread may use it at the same time. A thread that takes over from one that died
   * keeps its sums, but none of its connections is active any more.
   */
  constructor(memory: SharedArrayBuffer, thread: number) {
    writeOffCounters(memory, thread);
    this.#block = blockOf(memory, thread);
  }

  opened(_connection: Connection): void {
    this.#add(AT.accepted, 1);
    this.#add(AT.active, 1);
  }

  /** Its request came, and its remote stands. Its phase is `reply` from here on. */
  dialled(connection: Connection): void {
    this.#requested(connection);
    if (connection.resolveMs > 0) record(this.#block, AT.resolve, connection.resolveMs);
    record(this.#block, AT.dial, connection.dialMs);
  }

  /** Bytes have passed: what `sent` and `received` have grown by since the last time is counted. */
  moved(connection: Connection): void {
    const { sent, received } = connection;
    this.#add(AT.sent, sent - connection.countedSent);
    this.#add(AT.received, received - connection.countedReceived);
    connection.countedSent = sent;
    connection.countedReceived = received;
  }

  /** Counts whatever it is told: that it is told once for each connection is the promise of the connection's way. */
  closed(connection: Connection): void {
    const { phase, failure, inbound } = connection;
    if (phase !== 'relay' && phase !== 'reply') this.#requested(connection);
    this.moved(connection);
    this.#add(AT.active, -1);
    const result = phase !== 'relay' ? 'failed' : failure === undefined ? 'ok' : 'broken';
    this.#add(AT.results[inbound ?? 'unknown'][result], 1);
    if (failure === undefined) return;
    this.#add(AT.failures[failure.code], 1);
    const { limit } = failure;
    if (limit !== undefined) this.#add(AT.limitsReached[limit.name][limit.holder], 1);
  }

  loginRefused(refusal: LoginRefusal): void {
    this.#add(AT.loginsRefused[refusal], 1);
  }

  /** Once for each connection whose request was complete, whatever came of it. */
  #requested({ handshakeMs, attempts }: Connection): void {
    if (handshakeMs > 0) record(this.#block, AT.handshake, handshakeMs);
    this.#add(AT.attempts, attempts);
    if (attempts > 1) this.#add(AT.failovers, attempts - 1);
  }

  #add(at: number, amount: number): void {
    this.#block[at]! += amount;
  }
}

/** Adds up all threads. A number may be a few events behind a thread that is just counting. */
export function readStats(memory: SharedArrayBuffer): Stats {
  const sum = summing(memory);
  const sums = <Name extends string>(at: Readonly<Record<Name, number>>): Record<Name, number> =>
    mapValues(at, sum);
  const results = mapValues(AT.results, sums);
  const finished = ({ ok, broken, failed }: Readonly<Record<Result, number>>): number => ok + broken + failed;
  return {
    accepted: sum(AT.accepted),
    active: sum(AT.active),
    tunnels: SPOKEN.reduce((total, spoken) => total + results[spoken].ok + results[spoken].broken, 0),
    sent: sum(AT.sent),
    received: sum(AT.received),
    byInbound: Object.fromEntries(INBOUNDS.map((name) => [name, finished(results[name])])) as Record<
      InboundName,
      number
    >,
    results,
    failures: sums(AT.failures),
    attempts: sum(AT.attempts),
    failovers: sum(AT.failovers),
    loginsRefused: sums(AT.loginsRefused),
    limitsReached: mapValues(AT.limitsReached, sums),
  };
}

/** Connections accepted and not yet over, by thread. */
export function readActive(memory: SharedArrayBuffer): readonly number[] {
  const threads = memory.byteLength / BLOCK_BYTES;
  return Array.from({ length: threads }, (_, thread) => blockOf(memory, thread)[AT.active]!);
}

/** What connections waited for, over all threads since the start. */
export interface Histograms {
  /** From accept to the complete request, of all whose request came. */
  readonly handshake: Histogram;
  /** Names to addresses, of those that were connected. */
  readonly resolve: Histogram;
  /** Picking an egress and connecting from it, fail-overs included, of those that were connected. */
  readonly dial: Histogram;
}

export function readHistograms(memory: SharedArrayBuffer): Histograms {
  const sum = summing(memory);
  const read = (first: number): Histogram => readHistogram((field) => sum(first + field));
  return { handshake: read(AT.handshake), resolve: read(AT.resolve), dial: read(AT.dial) };
}

/** A histogram in short; estimates, milliseconds, null while nothing was measured. */
export interface LatencySummary {
  readonly count: number;
  readonly p50Ms: number | null;
  readonly p90Ms: number | null;
  readonly p99Ms: number | null;
}

export function readLatency(memory: SharedArrayBuffer): Readonly<Record<keyof Histograms, LatencySummary>> {
  return mapValues(readHistograms(memory), summarise);
}

function summarise(histogram: Histogram): LatencySummary {
  const at = (share: number): number | null => {
    const seconds = quantile(histogram, share);
    return seconds === undefined ? null : Math.round(seconds * 1e6) / 1000;
  };
  return { count: histogram.count, p50Ms: at(0.5), p90Ms: at(0.9), p99Ms: at(0.99) };
}

/** @returns a field over all threads. */
function summing(memory: SharedArrayBuffer): (at: number) => number {
  const blocks = new Float64Array(memory);
  return (at) => {
    let total = 0;
    for (let i = at; i < blocks.length; i += STRIDE) total += blocks[i]!;
    return total;
  };
}

function mapValues<Name extends string, From, To>(
  record: Readonly<Record<Name, From>>,
  change: (value: From) => To,
): Record<Name, To> {
  return Object.fromEntries(
    Object.entries<From>(record).map(([name, value]) => [name, change(value)]),
  ) as Record<Name, To>;
}
