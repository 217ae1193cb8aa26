/** The last minutes of a gateway, from the status it sends once a second: rates for the lines, failures for the list. */
import type { Status } from '../../admin/api.ts';
import type { FailureCode } from '../../errors.ts';

/** Each a line: per second but for `active` and the two latencies (ms). Sent and received in bytes. */
export type SeriesName = 'connections' | 'active' | 'sent' | 'received' | 'failures' | 'p50' | 'p99';

type Values = Readonly<Record<SeriesName, number | null>>;

interface Point {
  readonly at: number;
  readonly values: Values;
  /** Counted since the start, to take differences from. */
  readonly accepted: number;
  readonly failures: Status['totals']['failures'];
}

/** What happened within the history. */
export interface Recent {
  /** How far back it goes; ms. */
  readonly spanMs: number;
  readonly accepted: number;
  readonly failures: ReadonlyMap<FailureCode, number>;
  readonly failed: number;
}

export const HISTORY_MS = 300_000;
/** A status comes every second; when none came for longer, the line has a gap. */
const GAP_MS = 3000;
const UNKNOWN: Values = {
  connections: null,
  active: null,
  sent: null,
  received: null,
  failures: null,
  p50: null,
  p99: null,
};

export class History {
  #points: Point[] = [];
  #last: Status | undefined;

  get latest(): Values {
    return this.#points.at(-1)?.values ?? UNKNOWN;
  }

  /** Forgets everything when another process answers: its counters have begun anew. */
  push(status: Status): void {
    const before = this.#last;
    this.#last = status;
    if (before?.startedAt !== status.startedAt) this.#points = [];
    else if (status.now <= before.now) return;
    else if (status.now - before.now > GAP_MS) this.#points.push(point(before, UNKNOWN, before.now + 1));
    const same = before?.startedAt === status.startedAt ? before : undefined;
    this.#points.push(point(status, valuesOf(status, same)));
    const oldest = status.now - HISTORY_MS;
    const keep = this.#points.findIndex(({ at }) => at >= oldest);
    if (keep > 0) this.#points.splice(0, keep);
  }

  /** Seconds since the epoch, and the values of some lines beside them. */
  columns(names: readonly SeriesName[]): [number[], ...(number | null)[][]] {
    const values = names.map((name) => this.#points.map((point) => point.values[name]));
    return [this.#points.map(({ at }) => at / 1000), ...values];
  }

  /** The smallest and the largest value of a line; undefined when it has none. */
  range(name: SeriesName): { readonly low: number; readonly high: number } | undefined {
    const known = this.#points.map(({ values }) => values[name]).filter((value) => value !== null);
    return known.length === 0 ? undefined : { low: Math.min(...known), high: Math.max(...known) };
  }

  recent(): Recent {
    const [first, last] = [this.#points[0], this.#points.at(-1)];
    const failures = new Map<FailureCode, number>();
    if (!first || !last) return { spanMs: 0, accepted: 0, failures, failed: 0 };
    for (const [code, total] of entriesOf(last.failures)) {
      const since = total - (first.failures[code] ?? 0);
      if (since > 0) failures.set(code, since);
    }
    const failed = [...failures.values()].reduce((sum, value) => sum + value, 0);
    return { spanMs: last.at - first.at, accepted: last.accepted - first.accepted, failures, failed };
  }
}

/** All failures of a status together. */
export function failedTotal({ totals }: Status): number {
  return entriesOf(totals.failures).reduce((sum, [, value]) => sum + value, 0);
}

export function entriesOf(failures: Status['totals']['failures']): [FailureCode, number][] {
  return Object.entries(failures) as [FailureCode, number][];
}

function point({ totals, now }: Status, values: Values, at: number = now): Point {
  return { at, values, accepted: totals.accepted, failures: totals.failures };
}

function valuesOf(status: Status, before: Status | undefined): Values {
  const { totals, latency } = status;
  const seconds = before ? (status.now - before.now) / 1000 : 0;
  const rate = (now: number, then: number): number | null =>
    seconds > 0 ? Math.max(0, now - then) / seconds : null;
  return {
    connections: rate(totals.accepted, before?.totals.accepted ?? 0),
    active: totals.active,
    sent: rate(totals.sent, before?.totals.sent ?? 0),
    received: rate(totals.received, before?.totals.received ?? 0),
    failures: rate(failedTotal(status), before ? failedTotal(before) : 0),
    p50: latency.dial.p50Ms,
    p99: latency.dial.p99Ms,
  };
}
