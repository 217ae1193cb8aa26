/** What came of the requests of a load test, in memory that does not grow with their number. */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { Failure } from '../exit.ts';
import type { Traffic } from './channel.ts';

/** Microseconds; what takes longer counts as this. */
const LONGEST_US = 3_600_000_000;
/** Of reasons, and of addresses that are told apart. */
const MOST_REASONS = 50;
const MOST_ADDRESSES = 65_536;

/** Upper ends of the bars; microseconds. Each is about twice the one before. */
export const BOUNDS: readonly number[] = [
  100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000,
  5_000_000, 10_000_000,
];

export interface Reason {
  readonly message: string;
  readonly hint: string | undefined;
  readonly count: number;
}

/** One kind of latency. */
export class Latency {
  readonly #histogram: RecordableHistogram = createHistogram({ lowest: 1, highest: LONGEST_US, figures: 3 });
  /** How many fell below each bound, and in the end those above all. */
  readonly bars: number[] = Array.from({ length: BOUNDS.length + 1 }, () => 0);
  #most = 0;

  /** @param ms Milliseconds. */
  record(ms: number): void {
    const us = Math.min(LONGEST_US, Math.max(1, Math.round(ms * 1000)));
    this.#histogram.record(us);
    this.#most = Math.max(this.#most, us);
    const index = BOUNDS.findIndex((bound) => us <= bound);
    this.bars[index === -1 ? BOUNDS.length : index]!++;
  }

  get count(): number {
    return this.#histogram.count;
  }

  /** Milliseconds, to three digits; 0 when nothing was recorded. @param share 0 to 100. */
  percentile(share: number): number {
    if (this.count === 0) return 0;
    // A bucket of the histogram is told by its upper end, which nothing has reached.
    return Math.min(this.#histogram.percentile(share), this.#most) / 1000;
  }

  get most(): number {
    return this.#most / 1000;
  }

  get mean(): number {
    return this.count === 0 ? 0 : this.#histogram.mean / 1000;
  }
}

export class Tally {
  /** From the beginning of a connection until the tunnel stands. */
  readonly connect: Latency = new Latency();
  /** From when a request was due until the last byte of its answer. */
  readonly total: Latency = new Latency();
  readonly addresses: Map<string, number> = new Map();
  /** Answers with an address that is none of those. */
  otherAddresses = 0;
  succeeded = 0;
  failed = 0;
  connections = 0;
  /** Bytes of requests and answers; what it took to open connections does not count. */
  sent = 0;
  received = 0;
  /** When the last request succeeded; milliseconds on the clock of the test. */
  last = 0;
  readonly #reasons = new Map<string, { hint: string | undefined; count: number }>();

  success(ms: number, now: number, address: string | undefined): void {
    this.succeeded++;
    this.last = now;
    this.total.record(ms);
    if (address === undefined) return;
    const times = this.addresses.get(address);
    if (times === undefined && this.addresses.size >= MOST_ADDRESSES) this.otherAddresses++;
    else this.addresses.set(address, (times ?? 0) + 1);
  }

  account(before: Traffic, after: Traffic): void {
    this.sent += after.sent - before.sent;
    this.received += after.received - before.received;
  }

  failure(error: Failure): void {
    this.failed++;
    const { message, hint } = error;
    const reason = this.#reasons.get(message);
    if (reason !== undefined) reason.count++;
    else if (this.#reasons.size < MOST_REASONS) this.#reasons.set(message, { hint, count: 1 });
    else this.#reasons.get(this.#last())!.count++;
  }

  /** The most frequent first. */
  get reasons(): Reason[] {
    const reasons = [...this.#reasons].map(([message, { hint, count }]) => ({ message, hint, count }));
    return reasons.sort((a, b) => b.count - a.count);
  }

  /** Where what has no place any more is counted. */
  #last(): string {
    const message = 'and for other reasons';
    if (!this.#reasons.has(message)) this.#reasons.set(message, { hint: undefined, count: 0 });
    return message;
  }
}
