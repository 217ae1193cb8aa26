/** The figures of the axes: one table over all, and one a figure. */
import { METRICS, type Metric } from '../metrics.ts';
import { DIRECT } from '../start.ts';
import type { Run } from './record.ts';
import { NOTHING, number, table } from './table.ts';

const namesOf = (run: Run): string[] => run.entrants.map(({ opponent }) => opponent.name);

const isMeasured = (run: Run, metric: Metric): boolean =>
  namesOf(run).some((name) => run.results.cell(name, metric.id) !== undefined);

const measured = (run: Run): Metric[] => METRICS.filter((metric) => isMeasured(run, metric));

function median(run: Run, name: string, metric: Metric): string {
  const spread = run.results.spread(name, metric.id);
  if (spread) return number(spread.median, metric.digits);
  return run.results.cell(name, metric.id)?.failed === undefined ? NOTHING : 'failed';
}

export function overview(run: Run): string {
  const metrics = measured(run).filter(({ short }) => short !== undefined);
  const units = metrics.map(({ unit }) =>
    unit.replace(' CPU', '').replace(/ a (tunnel|GB|round trip|request)$/, (_, per) => `/${per}`),
  );
  return table([
    ['median', ...metrics.map(({ short }) => short!)],
    ['', ...units],
    ...namesOf(run).map((name) => [name].concat(metrics.map((metric) => median(run, name, metric)))),
  ]);
}

function ratio(run: Run, metric: Metric, name: string, to: string): string {
  const value = run.results.ratio([name, metric.id], [to, metric.id]);
  return value === undefined ? NOTHING : value.toFixed(2);
}

function detailRow(run: Run, metric: Metric, name: string, standards: readonly string[]): string[] {
  const spread = run.results.spread(name, metric.id);
  const range = spread
    ? `${number(spread.least, metric.digits)}–${number(spread.most, metric.digits)}`
    : NOTHING;
  const ratios = standards.map((standard) => ratio(run, metric, name, standard));
  return [name, median(run, name, metric), range, ...ratios];
}

/** The floor's memory is next to nothing, and a ratio to nothing says nothing; and what is added may be nothing. */
const WITHOUT_RATIOS = new Set(['addedP50', 'addedP99', 'busy']);
const WITHOUT_FLOOR = new Set(['idle', 'crowd']);

/** A handshake is compared with the same bytes, everything else with Gyre as users run it. */
const HANDSHAKES = new Set(['socks5', 'connect', 'latency']);

function standardsOf(run: Run, metric: Metric): string[] {
  const has = (name: string): boolean => run.results.spread(name, metric.id) !== undefined;
  if (WITHOUT_RATIOS.has(metric.id)) return [];
  const mine = HANDSHAKES.has(metric.axis) ? ['gyre-open', 'gyre'] : ['gyre', 'gyre-open'];
  // A proxy without a handshake is compared with the floor without one.
  const floors = WITHOUT_FLOOR.has(metric.axis) ? [] : ['floor', 'floor-fixed'];
  return [...mine.filter(has).slice(0, 1), ...floors.filter(has).slice(0, 1)];
}

function detail(run: Run, metric: Metric): string {
  const names = [...namesOf(run), DIRECT].filter((name) => run.results.cell(name, metric.id) !== undefined);
  const standards = standardsOf(run, metric);
  const rows = names.map((name) => detailRow(run, metric, name, standards));
  const head = ['', 'median', 'min–max', ...standards.map((name) => `÷ ${name}`)];
  return `**${metric.title}** (${metric.unit})\n\n${table([head, ...rows])}`;
}

export const details = (run: Run): string[] => measured(run).map((metric) => detail(run, metric));

export function failures(run: Run): string[] {
  return namesOf(run).flatMap((name) =>
    METRICS.flatMap((metric) => {
      const reason = run.results.cell(name, metric.id)?.failed;
      return reason === undefined ? [] : [`- failed: ${name}, ${metric.title}: ${reason}`];
    }),
  );
}
