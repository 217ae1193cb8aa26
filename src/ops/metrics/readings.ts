/** What a scrape reads of the running gateway: numbers that are kept anyway, as they are at that moment. */
import type { Histograms, Stats } from '../counters.ts';

/** Egresses of all pools together that get series of their own. */
export const MOST_EGRESSES = 1000;

/** All of them; undefined when they are more than {@link MOST_EGRESSES}: then none is told apart. */
export function fewEnough<Egress>(egresses: Iterable<Egress>): readonly Egress[] | undefined {
  const list: Egress[] = [];
  for (const egress of egresses) {
    if (list.length === MOST_EGRESSES) return undefined;
    list.push(egress);
  }
  return list;
}

export interface MetricsSource {
  /** Once a scrape. */
  read(): Readings;
}

export interface Readings {
  readonly version: string;
  /** Of Node.js, without a `v`. */
  readonly node: string;
  /** It accepts connections, and is not about to end. */
  readonly ready: boolean;
  readonly stats: Stats;
  readonly histograms: Histograms;
  readonly pools: readonly PoolReading[];
  /** By {@link fewEnough}. */
  readonly egresses: readonly EgressReading[] | undefined;
  readonly sessions: number;
  readonly users: number;
  readonly reloads: ReloadReading;
  readonly threads: readonly ThreadReading[];
  readonly logLinesDropped: number;
}

export interface PoolReading {
  readonly name: string;
  readonly addresses: number;
  /** Egresses by state. */
  readonly byState: Readonly<Record<string, number>>;
  /** Live tunnels. */
  readonly tunnels: number;
  readonly sources: readonly SourceReading[];
}

export interface SourceReading {
  /** The term, without secrets. */
  readonly text: string;
  /** The last read went well. */
  readonly fresh: boolean;
  /** Since it was last read well; seconds, undefined: it never was. */
  readonly ageS: number | undefined;
  /** Reads that failed, in all. */
  readonly errors: number;
}

export interface EgressReading {
  readonly pool: string;
  /** Of a block, one of its addresses. */
  readonly address: string;
  readonly state: string;
  /** Live tunnels. */
  readonly tunnels: number;
  /** Undefined for a block. */
  readonly freePorts: number | undefined;
  /** Connections that failed by its fault. */
  readonly faults: number;
}

export interface ReloadReading {
  readonly ok: number;
  readonly failed: number;
  /** False: what was asked for last is not in use. */
  readonly lastOk: boolean;
  /** When what is in use was put in place; seconds since the epoch. */
  readonly loadedAtS: number;
}

export interface ThreadReading {
  readonly index: number;
  readonly serving: boolean;
  /** How often it was replaced. */
  readonly restarts: number;
  /** Connections. */
  readonly active: number;
  /** How late its timers were lately, at worst; seconds. */
  readonly loopDelayS: number;
}
