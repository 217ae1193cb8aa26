/**
 * `npm run bench`: Gyre beside every other proxy installed on this machine, in one run.
 *
 * Layout: options (what was asked) · axes (what is measured) · opponents/ (who takes part) · processes and proc (start,
 * pin, end, read /proc) · sink, load, tunnel, pattern, job (the two processes at the ends of every tunnel) · session,
 * load-generator, measure (one proxy started, driven, read) · results and report (figures to tables).
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { type AxisName, METRICS, obstacle } from './axes.ts';
import { type Entrant, type Outcome, runSession, type Sink, startSink } from './session.ts';
import { OPPONENTS } from './opponents/all.ts';
import { type Options, readOptions } from './options.ts';
import { cpuSeconds, descriptorLimit, machineSeconds } from './proc.ts';
import { cores, end, folder, pinning, pinSelf, stopAll } from './processes.ts';
import { type Machine, render, type Run, toJson } from './report.ts';
import { Results } from './results.ts';

const BEGIN = '<!-- bench:begin -->';
const END = '<!-- bench:end -->';

const say = (line: string): void => void process.stderr.write(`${line}\n`);

function machine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown CPU',
    cores: cores.length,
    // Only the number: what follows it may name the machine's maker or owner.
    kernel: /^[\d.]+\d/.exec(release())?.[0] ?? 'unknown',
    node: process.versions.node,
    pinning: pinning
      ? 'The proxy alone on one core, everything else on the others.'
      : 'Nothing was pinned (no taskset, or one core only): figures are rougher.',
  };
}

/** Measures the cores that programs other than this benchmark keep busy, from now on. */
function startMeter(): () => number {
  const others = (): number => machineSeconds() - cpuSeconds(process.pid);
  const [before, started] = [others(), performance.now()];
  return () => Math.max(0, ((others() - before) / (performance.now() - started)) * 1000);
}

function findEntrants(options: Options): { entrants: Entrant[]; missing: Map<string, string> } {
  const entrants: Entrant[] = [];
  const missing = new Map<string, string>();
  for (const opponent of OPPONENTS.filter(({ name }) => options.only.includes(name))) {
    const found = opponent.find(folder);
    if ('missing' in found) missing.set(opponent.name, found.missing);
    else entrants.push({ opponent, ...found });
  }
  for (const [name, reason] of missing) say(`${name}: ${reason}`);
  return { entrants, missing };
}

function sayOutcome(round: string, name: string, axis: AxisName, outcome: Outcome): void {
  const figures = METRICS.filter((metric) => metric.axis === axis).map(({ id, unit, digits }) => {
    const value = 'failed' in outcome ? undefined : outcome.figures[id];
    return value === undefined ? '–' : `${value.toFixed(digits)} ${unit}`;
  });
  say(
    `${round}  ${name.padEnd(12)}  ${axis.padEnd(7)}  ${'failed' in outcome ? outcome.failed : figures.join(', ')}`,
  );
}

/** A run before it has taken place. */
type Plan = Omit<Run, 'disturbance'>;

/** One round: every proxy once. Who begins changes, so that no one always inherits the same leftovers. */
async function runRound(round: number, run: Plan, axes: readonly AxisName[], sink: Sink): Promise<void> {
  const first = round % run.entrants.length;
  const order = [...run.entrants.slice(first), ...run.entrants.slice(0, first)];
  // Memory is read on a fresh process: one that has carried load has room left for idle tunnels.
  const sessions = [axes.filter((axis) => axis !== 'idle'), axes.filter((axis) => axis === 'idle')];
  for (const entrant of order) {
    for (const session of sessions) {
      const { name } = entrant.opponent;
      for (const [axis, outcome] of await runSession(entrant, sink, session, run.sizes)) {
        run.results.add(name, axis, outcome);
        sayOutcome(`${round + 1}/${run.rounds}`, name, axis, outcome);
      }
    }
  }
}

/** Puts the report between the markers of the document and keeps every figure beside the bench. */
function write(run: Run, report: string, out: string): void {
  const text = readFileSync(out, 'utf8');
  const begin = text.indexOf(BEGIN);
  const stop = text.indexOf(END);
  if (begin < 0 || stop < begin) throw new Error(`${out} lacks the markers ${BEGIN} and ${END}`);
  writeFileSync(out, `${text.slice(0, begin + BEGIN.length)}\n\n${report}\n\n${text.slice(stop)}`);
  const results = fileURLToPath(new URL('./results/', import.meta.url));
  mkdirSync(results, { recursive: true });
  writeFileSync(`${results}${new Date().toISOString().replaceAll(':', '')}.json`, toJson(run));
}

async function main(options: Options): Promise<void> {
  pinSelf();
  const { entrants, missing } = findEntrants(options);
  if (entrants.length === 0) throw new Error('none of the proxies asked for is installed');
  const limit = descriptorLimit();
  const skipped = new Map<string, string>();
  for (const axis of options.axes) {
    const reason = obstacle(axis, options.sizes, limit);
    if (reason !== undefined) skipped.set(axis, reason);
  }
  for (const [axis, reason] of skipped) say(`axis ${axis} is not run: ${reason}`);
  const plan: Plan = {
    date: new Date().toISOString().slice(0, 10),
    rounds: options.rounds,
    sizes: options.sizes,
    machine: machine(),
    entrants,
    missing,
    skipped,
    results: new Results(),
  };
  const sink = await startSink();
  const axes = options.axes.filter((axis) => !skipped.has(axis));
  const meter = startMeter();
  for (let round = 0; round < plan.rounds; round++) await runRound(round, plan, axes, sink);
  await end(sink.child);
  const run: Run = { ...plan, disturbance: meter() };
  const report = render(run);
  process.stdout.write(`${report}\n`);
  if (options.json !== undefined) writeFileSync(options.json, toJson(run));
  if (options.write) write(run, report, options.out);
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)
  process.once(signal, () => process.exit(code));
process.once('exit', stopAll);

try {
  await main(readOptions(process.argv.slice(2)));
} catch (error) {
  say(`The benchmark stopped: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
