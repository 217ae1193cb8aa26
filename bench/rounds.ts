/** The rounds of a run: who is measured when. */
import type { AxisName, Sizes } from './axes.ts';
import { growthSizes, type Point } from './growth.ts';
import { METRICS } from './metrics.ts';
import type { Opponent } from './opponents/opponent.ts';
import { folder } from './processes.ts';
import type { Results } from './results.ts';
import { type Entrant, type Outcome, runSession, type Task } from './session.ts';
import { DIRECT, type Sink } from './start.ts';

export const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** How many of anything there are, and which one it is. */
type Round = Readonly<{ index: number; of: number }>;

function tell({ index, of }: Round, name: string, axis: AxisName, outcome: Outcome): void {
  const figures = METRICS.filter((metric) => metric.axis === axis).flatMap(({ id, unit, digits }) => {
    const value = 'failed' in outcome ? undefined : outcome.figures[id];
    return value === undefined ? [] : [`${value.toFixed(digits)} ${unit}`];
  });
  const text = 'failed' in outcome ? `failed: ${outcome.failed}` : figures.join(', ');
  say(`${index + 1}/${of}  ${name.padEnd(14)}  ${axis.padEnd(7)}  ${text}`);
}

/** Who begins changes, so that no one always inherits the same leftovers. */
function turned<T>(list: readonly T[], round: number): T[] {
  const first = round % Math.max(1, list.length);
  return [...list.slice(first), ...list.slice(0, first)];
}

/** Memory is read on a fresh process: one that has carried load has room left for idle tunnels. */
const ALONE: readonly AxisName[] = ['idle', 'crowd'];

const sessionsOf = (axes: readonly AxisName[]): (readonly AxisName[])[] => [
  axes.filter((axis) => axis !== 'latency' && !ALONE.includes(axis)),
  ...ALONE.filter((axis) => axes.includes(axis)).map((axis) => [axis]),
];

/** Which axes a proxy is measured on, by its name. */
export type AxesOf = (name: string) => readonly AxisName[];

/** Every proxy once. The axis `latency` needs figures of others first: {@link latencyRound}. */
export async function axesRound(
  round: Round,
  entrants: readonly Entrant[],
  axesOf: AxesOf,
  sizes: Sizes,
  sink: Sink,
  results: Results,
): Promise<void> {
  for (const entrant of turned(entrants, round.index)) {
    for (const session of sessionsOf(axesOf(entrant.opponent.name))) {
      for (const [axis, outcome] of await runSession(entrant, sink, { axes: session, sizes })) {
        results.add(entrant.opponent.name, axis, outcome);
        tell(round, entrant.opponent.name, axis, outcome);
      }
    }
  }
}

const direct: Entrant = {
  opponent: { name: DIRECT, protocols: ['fixed'], setup: '', find: () => ({ missing: '' }) },
  version: '',
  command: () => ({ file: '', args: [] }),
};

/** The outcome with what the proxy adds to the way without one. */
function withAdded(outcome: Outcome, base: Outcome | undefined): Outcome {
  if ('failed' in outcome || base === undefined || 'failed' in base) return outcome;
  const { figures, seconds } = outcome;
  const added = (id: 'p50' | 'p99'): number => figures[id]! - base.figures[id]!;
  return { figures: { ...figures, addedP50: added('p50'), addedP99: added('p99') }, seconds };
}

/** Whether a proxy has the handshake that the latency is about. */
const shakesHands = ({ opponent: { protocols } }: Entrant): boolean => protocols[0] !== 'fixed';

/** Every proxy once at a fixed rate, and before them nobody: what they add counts from there. */
export async function latencyRound(
  round: Round,
  entrants: readonly Entrant[],
  sizes: Sizes,
  sink: Sink,
  results: Results,
): Promise<void> {
  let base: Outcome | undefined;
  for (const entrant of [direct, ...turned(entrants.filter(shakesHands), round.index)]) {
    const { name } = entrant.opponent;
    const outcomes = await runSession(entrant, sink, { axes: ['latency'], sizes });
    for (const [axis, outcome] of outcomes) {
      base ??= outcome;
      const full = withAdded(outcome, name === DIRECT ? undefined : base);
      results.add(name, axis, full);
      tell(round, name, axis, full);
    }
  }
}

/** Tunnels a second that nobody is more than half busy with: half of what the slowest did when it was let loose. */
export function halfOfTheSlowest(
  entrants: readonly Entrant[],
  sizes: Sizes,
  results: Results,
): number | undefined {
  const tunnels: readonly AxisName[] = ['socks5', 'connect'];
  const rates = entrants.flatMap(({ opponent: { name } }) =>
    tunnels.flatMap((axis) => {
      const seconds = results.cell(name, axis)?.seconds ?? [];
      return seconds.length === 0 ? [] : [sizes.tunnels / Math.max(...seconds)];
    }),
  );
  return rates.length === 0 ? undefined : Math.max(10, Math.floor(Math.min(...rates) / 20) * 10);
}

const installed = (opponent: Opponent): Entrant | undefined => {
  const found = opponent.find(folder);
  return 'missing' in found ? undefined : { opponent, ...found };
};

/** With the most tunnels held a proxy has seen as many, and with more threads each as many, before one is measured. */
function pastOf({ growth, opponent, held, threads }: Point, { crowd, tunnels }: Sizes): number {
  if (!opponent.compiles) return 0;
  return growth.name === 'open' ? Math.max(0, crowd - held) : tunnels * threads;
}

/** Every amount of everything that grows, once. */
export async function growthRound(
  round: Round,
  points: readonly Point[],
  sizes: Sizes,
  sink: Sink,
  results: Results,
): Promise<void> {
  for (const point of turned(points, round.index)) {
    const { opponent, key, axes, held } = point;
    const entrant = installed(opponent);
    if (entrant === undefined) continue;
    const task: Task = { axes, sizes: growthSizes(sizes), past: pastOf(point, sizes), held };
    for (const [axis, outcome] of await runSession(entrant, sink, task)) {
      results.add(key, axis, outcome);
      tell(round, key, axis, outcome);
    }
  }
}
