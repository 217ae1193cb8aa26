/** Which figures become pictures, and where these are. */
import { GROWTHS, type Growth, keyOf, tunnelAxis } from '../growth.ts';
import { METRICS } from '../metrics.ts';
import type { Run } from './record.ts';
import { type BarPanel, barChart, type Kind, type Line, lineChart, type LinePanel } from './svg.ts';
import { plain } from './table.ts';

interface Chart {
  readonly file: string;
  readonly title: string;
  readonly metrics: readonly string[];
}

const CHARTS: readonly Chart[] = [
  { file: 'bench-tunnel.svg', title: 'CPU of a tunnel', metrics: ['socks5', 'connect', 'fixed'] },
  { file: 'bench-bytes.svg', title: 'CPU of a gigabyte', metrics: ['down', 'up', 'down64', 'up64'] },
  { file: 'bench-round-trip.svg', title: 'CPU of a round trip', metrics: ['rtt'] },
  { file: 'bench-http.svg', title: 'CPU of a plain HTTP request', metrics: ['http', 'kept'] },
  { file: 'bench-idle.svg', title: 'Memory of an idle tunnel', metrics: ['rss', 'crowdRss'] },
  { file: 'bench-latency.svg', title: 'Latency that is added', metrics: ['addedP50', 'addedP99'] },
];
const GROWTH_FILE = 'bench-growth.svg';
const GROWTH_TITLE = 'CPU of a tunnel while one thing grows';

const kindOf = (name: string): Kind =>
  name.startsWith('gyre') ? 'gyre' : name.startsWith('floor') ? 'floor' : 'other';

function barPanel(run: Run, id: string): BarPanel | undefined {
  const { title, unit, digits } = METRICS.find((metric) => metric.id === id)!;
  const bars = run.entrants.flatMap(({ opponent: { name } }) => {
    const spread = run.results.spread(name, id);
    // What is added may be nothing, or less within the noise: no bar is shorter than none.
    return spread ? [{ name, value: Math.max(0, spread.median), kind: kindOf(name) }] : [];
  });
  return bars.length === 0 ? undefined : { title, unit, digits, bars };
}

function linePanel(run: Run, growth: Growth): LinePanel | undefined {
  const lines = growth.opponents.map((opponent): Line => ({
    name: opponent.name,
    kind: kindOf(opponent.name),
    values: growth.values.map(
      (value) => run.results.spread(keyOf(growth.name, opponent.name, value), tunnelAxis(opponent))?.median,
    ),
  }));
  const present = lines.filter(({ values }) => values.some((value) => value !== undefined));
  if (present.length === 0) return undefined;
  return { title: growth.title, unit: 'µs a tunnel', amounts: growth.values.map(plain), lines: present };
}

const defined = <T>(values: readonly (T | undefined)[]): T[] => values.flatMap((value) => value ?? []);

/** Features are no amounts: they have a table. */
const grown = (run: Run): LinePanel[] =>
  defined(GROWTHS.filter(({ words }) => words === undefined).map((growth) => linePanel(run, growth)));

/** The pictures of a run, by the names of their files. */
export function charts(run: Run): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const { file, title, metrics } of CHARTS) {
    const panels = defined(metrics.map((id) => barPanel(run, id)));
    if (panels.length > 0) files.set(file, barChart(title, panels));
  }
  const lines = grown(run);
  if (lines.length > 0) files.set(GROWTH_FILE, lineChart(GROWTH_TITLE, lines));
  return files;
}

const titleOf = (file: string): string => CHARTS.find((chart) => chart.file === file)?.title ?? GROWTH_TITLE;

/** The pictures as a page in `docs/` shows them. */
export const chartLinks = (run: Run): string[] =>
  [...charts(run).keys()].map((file) => `![${titleOf(file)}](images/${file})`);
