/** Results as Markdown tables, which also read well on a terminal. */
import { METRICS, type Metric, type Sizes } from './axes.ts';
import type { Entrant } from './session.ts';
import type { Results } from './results.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly kernel: string;
  readonly node: string;
  /** What is pinned where, in words. */
  readonly pinning: string;
}

export interface Run {
  /** Day of the run, ISO 8601. */
  readonly date: string;
  readonly rounds: number;
  readonly sizes: Sizes;
  readonly machine: Machine;
  readonly entrants: readonly Entrant[];
  /** Name → why it took no part. */
  readonly missing: ReadonlyMap<string, string>;
  /** Axis → why it was not run. */
  readonly skipped: ReadonlyMap<string, string>;
  /** Cores that other programs kept busy meanwhile, on average: how far the figures can be trusted. */
  readonly disturbance: number;
  readonly results: Results;
}

const NOTHING = '–';

/** A Markdown table; the first column to the left, figures to the right. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(3, ...rows.map((row) => row[column]!.length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((text, column) => (column === 0 ? text.padEnd(widths[0]!) : text.padStart(widths[column]!))).join(' | ')} |`;
  const rule = widths.map((width, column) =>
    column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  return [line(rows[0]!), line(rule), ...rows.slice(1).map(line)].join('\n');
}

const namesOf = (run: Run): string[] => run.entrants.map(({ opponent }) => opponent.name);

const isMeasured = (run: Run, metric: Metric): boolean =>
  namesOf(run).some((name) => run.results.cell(name, metric.id) !== undefined);

const number = (value: number, digits: number): string => {
  // -0.0 would only raise a question.
  const text = value.toFixed(digits);
  return Number(text) === 0 ? (0).toFixed(digits) : text;
};

function median(run: Run, name: string, metric: Metric): string {
  const spread = run.results.spread(name, metric.id);
  if (spread) return number(spread.median, metric.digits);
  return run.results.cell(name, metric.id)?.failed === undefined ? NOTHING : 'failed';
}

function overview(run: Run): string {
  const metrics = METRICS.filter((metric) => isMeasured(run, metric));
  const units = metrics.map(({ unit }) =>
    unit.replace(' CPU', '').replace(/ a (tunnel|GB|round trip)$/, (_, per) => `/${per}`),
  );
  return table([
    ['median', ...metrics.map(({ short }) => short)],
    ['', ...units],
    ...namesOf(run).map((name) => [name].concat(metrics.map((metric) => median(run, name, metric)))),
  ]);
}

function ratio(run: Run, metric: Metric, name: string, to: string): string {
  const mine = run.results.spread(name, metric.id)?.median;
  const other = run.results.spread(to, metric.id)?.median;
  if (mine === undefined || other === undefined || other <= 0) return NOTHING;
  return (mine / other).toFixed(2);
}

function detailRow(run: Run, metric: Metric, name: string, standards: readonly string[]): string[] {
  const spread = run.results.spread(name, metric.id);
  const range = spread
    ? `${number(spread.least, metric.digits)}–${number(spread.most, metric.digits)}`
    : NOTHING;
  const ratios = standards.map((standard) => ratio(run, metric, name, standard));
  return [name, median(run, name, metric), range, ...ratios];
}

function detail(run: Run, metric: Metric): string {
  const names = namesOf(run).filter((name) => run.results.cell(name, metric.id) !== undefined);
  const measured = (name: string): boolean => run.results.spread(name, metric.id) !== undefined;
  // A proxy without a handshake is compared with the floor without one. The floor's memory is next to nothing, and a
  // ratio to nothing says nothing.
  const floor = metric.axis === 'idle' ? [] : ['floor', 'floor-fixed'].filter(measured).slice(0, 1);
  const standards = [...['gyre'].filter(measured), ...floor];
  const rows = names.map((name) => detailRow(run, metric, name, standards));
  const head = ['', 'median', 'min–max', ...standards.map((name) => `÷ ${name}`)];
  return `**${metric.title}** (${metric.unit})\n\n${table([head, ...rows])}`;
}

const plain = (amount: number): string => amount.toLocaleString('en');

function amounts({ rounds, sizes }: Run): string {
  return (
    `${rounds} interleaved rounds; a round of one proxy is ${plain(sizes.tunnels)} tunnels a protocol (32 at once), ` +
    `${plain(Math.round(sizes.bytes / 2 ** 20))} MiB each way (4 streams), ${plain(sizes.roundTrips)} round trips ` +
    `(32 tunnels), ${plain(sizes.idle)} idle tunnels.`
  );
}

function failures(run: Run): string[] {
  return namesOf(run).flatMap((name) =>
    METRICS.flatMap((metric) => {
      const reason = run.results.cell(name, metric.id)?.failed;
      return reason === undefined ? [] : [`- failed: ${name}, ${metric.title}: ${reason}`];
    }),
  );
}

/** The whole report of a run. */
export function render(run: Run): string {
  const { cpu, cores, kernel, node, pinning } = run.machine;
  const notes = [
    ...run.entrants.map(({ opponent, version }) => `- ${opponent.name} (${version}): ${opponent.setup}`),
    ...[...run.missing].map(([name, reason]) => `- ${name}: ${reason}`),
    ...[...run.skipped].map(([axis, reason]) => `- axis ${axis} was not run: ${reason}`),
    ...failures(run),
  ];
  return [
    `${run.date}. ${cpu}, ${cores} cores, Linux ${kernel}, Node ${node}. ${pinning} ` +
      `Other programs kept ${run.disturbance.toFixed(2)} cores busy meanwhile.`,
    amounts(run),
    overview(run),
    'Smaller is better everywhere. A column "÷ name" is a ratio of medians: 2.00 costs twice as much.',
    ...METRICS.filter((metric) => isMeasured(run, metric)).map((metric) => detail(run, metric)),
    notes.join('\n'),
  ].join('\n\n');
}

/** Everything a later reader needs to compute other figures. */
export function toJson(run: Run): string {
  const { entrants, missing, skipped, results, ...rest } = run;
  const proxies = entrants.map(({ opponent, version }) => ({
    name: opponent.name,
    version,
    setup: opponent.setup,
  }));
  const units = METRICS.map(({ id, unit }) => [id, unit] as const);
  return JSON.stringify(
    {
      ...rest,
      units: Object.fromEntries(units),
      proxies,
      missing: Object.fromEntries(missing),
      skipped: Object.fromEntries(skipped),
      results: results.toJSON(),
    },
    null,
    2,
  );
}
