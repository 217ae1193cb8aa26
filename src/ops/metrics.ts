/**
 * Metrics for Prometheus.
 *
 * prom-client keeps the registry and writes the text. The values are not kept here but read at the moment of the scrape,
 * from what connections count into shared memory and from the gateway. No label is about a client, a target or a user.
 */
import { Registry, type Metric } from 'prom-client';
import { CONNECTIONS } from './metrics/connections.ts';
import type { Family } from './metrics/family.ts';
import { GATEWAY } from './metrics/gateway.ts';
import { POOLS } from './metrics/pools.ts';
import { processMetrics } from './metrics/process.ts';
import type { MetricsSource, Readings } from './metrics/readings.ts';

/** Every family of Gyre's own. */
export const FAMILIES: readonly Family[] = [...GATEWAY, ...CONNECTIONS, ...POOLS];

export class Metrics {
  readonly #source: MetricsSource;
  readonly #registry = new Registry();
  #now: Readings | undefined = undefined;

  constructor(source: MetricsSource) {
    this.#source = source;
    for (const family of FAMILIES) this.#registry.registerMetric(this.#metric(family));
  }

  /** In Prometheus' text format. */
  async render(): Promise<string> {
    // All families see the same moment: the registry asks them before it waits for anything.
    this.#now = this.#source.read();
    const own = this.#registry.metrics();
    this.#now = undefined;
    return `${await own}\n${await processMetrics().metrics()}`;
  }

  /** What the registry asks of a metric is its name and `get()`. */
  #metric({ name, help, type, read }: Family): Metric {
    const get = (): unknown => ({ name, help, type, values: read(this.#now!) });
    return { name, help, type, get } as unknown as Metric;
  }
}
