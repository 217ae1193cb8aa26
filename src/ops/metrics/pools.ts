/**
 * Pools, their egresses and their sources.
 *
 * Labels are bound by the configuration, but for single egresses: a pool may have tens of thousands. Above a cap none of
 * them gets series of its own, and a metric says how many went without; pools and states are always told.
 */
import { counter, gauge, series, single, type Family, type Labels, type Series } from './family.ts';
import { MOST_EGRESSES, type EgressReading, type Readings, type SourceReading } from './readings.ts';

/** Sources of all pools together; more of them go untold. */
const MOST_SOURCES = 1000;

export const POOLS: readonly Family[] = [
  gauge('gyre_pool_addresses', 'Addresses a pool stands for.', ['pool'], ({ pools }) =>
    pools.map(({ name, addresses }) => series(addresses, { pool: name })),
  ),
  gauge(
    'gyre_pool_egresses',
    'Egresses of a pool by state; a block is one.',
    ['pool', 'state'],
    ({ pools }) =>
      pools.flatMap(({ name, byState }) =>
        Object.entries(byState).map(([state, count]) => series(count, { pool: name, state })),
      ),
  ),
  gauge('gyre_pool_active', 'Live tunnels, and dials under way, of a pool.', ['pool'], ({ pools }) =>
    pools.map(({ name, tunnels }) => series(tunnels, { pool: name })),
  ),
  gauge(
    'gyre_egress_active',
    'Live tunnels, and dials under way, of an egress.',
    ['pool', 'egress'],
    perEgress(({ tunnels }, labels) => series(tunnels, labels)),
  ),
  counter(
    'gyre_egress_failures_total',
    'Connections that failed by fault of their egress.',
    ['pool', 'egress'],
    perEgress(({ faults }, labels) => series(faults, labels)),
  ),
  gauge(
    'gyre_egress_state',
    'Always 1, with the state the egress is in.',
    ['pool', 'egress', 'state'],
    perEgress(({ state }, labels) => series(1, { ...labels, state })),
  ),
  gauge(
    'gyre_egress_free_ports',
    'Source ports an egress has left for one destination; not of blocks.',
    ['pool', 'egress'],
    perEgress(({ freePorts }, labels) => (freePorts === undefined ? [] : series(freePorts, labels))),
  ),
  gauge(
    'gyre_egress_series_omitted',
    `Egresses without series of their own: all of them when there are more than ${MOST_EGRESSES}, else 0.`,
    [],
    single(({ egresses, pools }) => (egresses === undefined ? members(pools) : 0)),
  ),
  gauge(
    'gyre_source_up',
    'Whether the last read of a source of a pool went well.',
    ['pool', 'source'],
    perSource(({ fresh }, labels) => series(fresh ? 1 : 0, labels)),
  ),
  gauge(
    'gyre_source_age_seconds',
    'Since a source of a pool was last read well.',
    ['pool', 'source'],
    perSource(({ ageS }, labels) => (ageS === undefined ? [] : series(ageS, labels))),
  ),
  counter(
    'gyre_source_errors_total',
    'Reads of a source of a pool that failed.',
    ['pool', 'source'],
    perSource(({ errors }, labels) => series(errors, labels)),
  ),
];

const members = (pools: Readings['pools']): number =>
  pools.reduce((sum, { byState }) => sum + Object.values(byState).reduce((all, count) => all + count, 0), 0);

type Told<Item> = (item: Item, labels: Labels) => Series | readonly Series[];

// Function declarations: the table above is built with them.
function perEgress(told: Told<EgressReading>): Family['read'] {
  return ({ egresses = [] }) => {
    const each = new Names();
    return egresses.flatMap((egress) => {
      const { pool, address } = egress;
      return each.isNew(pool, address) ? told(egress, { pool, egress: address }) : [];
    });
  };
}

function perSource(told: Told<SourceReading>): Family['read'] {
  return ({ pools }) => {
    const each = new Names();
    const all = pools.flatMap(({ name, sources }) => sources.map((source) => ({ name, source })));
    return all.slice(0, MOST_SOURCES).flatMap(({ name, source }) => {
      return each.isNew(name, source.text) ? told(source, { pool: name, source: source.text }) : [];
    });
  };
}

/** Two series of one name would make the whole answer useless to Prometheus. */
class Names {
  readonly #known = new Set<string>();

  isNew(...labels: readonly string[]): boolean {
    const name = labels.join(' ');
    if (this.#known.has(name)) return false;
    this.#known.add(name);
    return true;
  }
}
