/** What a scrape of the metrics reads of a gateway. */
import type { PoolStatus, SourceStatus, Status, ThreadStatus } from '../admin/api.ts';
import { readHistograms, readStats } from '../ops/counters.ts';
import {
  fewEnough,
  type EgressReading,
  type MetricsSource,
  type PoolReading,
  type Readings,
  type SourceReading,
  type ThreadReading,
} from '../ops/metrics/readings.ts';

/** Where the numbers are. */
export interface MetricsOrigin {
  readonly status: () => Status;
  readonly counters: SharedArrayBuffer;
  /** Of all pools; read no further than is needed. */
  readonly egresses: () => Iterable<EgressReading>;
}

export function metricsSource({ status, counters, egresses }: MetricsOrigin): MetricsSource {
  return {
    read(): Readings {
      const { version, node, state, now, threads, pools, sessions, users, config, totals } = status();
      return {
        version,
        node: node.replace(/^v/, ''),
        ready: state === 'ready',
        stats: readStats(counters),
        histograms: readHistograms(counters),
        pools: pools.map((pool) => poolReading(pool, now)),
        egresses: fewEnough(egresses()),
        sessions: sessions.live,
        users: users.known,
        reloads: {
          ...config.reloads,
          lastOk: config.last?.ok ?? true,
          loadedAtS: config.loadedAt / 1000,
        },
        threads: threads.map(threadReading),
        logLinesDropped: totals.logLinesDropped,
      };
    },
  };
}

function poolReading({ name, addresses, byState, tunnels, sources }: PoolStatus, now: number): PoolReading {
  return {
    name,
    addresses: Number(addresses),
    byState: { ...byState },
    tunnels,
    sources: sources.map((source) => sourceReading(source, now)),
  };
}

function sourceReading({ text, state, readAt, errors }: SourceStatus, now: number): SourceReading {
  const ageS = readAt === null ? undefined : Math.max(0, (now - readAt) / 1000);
  return { text, fresh: state === 'fresh', ageS, errors };
}

function threadReading({ index, state, restarts, active, loopDelayMs }: ThreadStatus): ThreadReading {
  return { index, serving: state === 'serving', restarts, active, loopDelayS: loopDelayMs / 1000 };
}
