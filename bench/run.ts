/**
 * `npm run bench`: Gyre beside every other proxy installed on this machine, in one run.
 *
 * Layout: options (what was asked) · axes and metrics (what is measured), growth (what is made to grow) · opponents/ (who
 * takes part) · processes and proc (start, pin, end, read /proc) · sink, load, tunnel, requests, paced, pattern, job (the
 * two processes at the ends of every tunnel) · start, session, load-generator, measure (one proxy started, driven, read) ·
 * rounds, results (all of them, in turn) · report/, write, guard (what is made of the figures).
 */
import { writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { descriptorsFor, obstacle } from './axes.ts';
import { GROWTHS, pointsOf } from './growth.ts';
import { guardReport, isGuarded, violations } from './guard.ts';
import { OPPONENTS } from './opponents/all.ts';
import { type Options, readOptions } from './options.ts';
import { cpuSeconds, descriptorLimit, machineSeconds } from './proc.ts';
import { cores, end, folder, pinning, pinSelf, raiseDescriptors, stopAll } from './processes.ts';
import { render } from './report/render.ts';
import { type Machine, type Run, toJson } from './report/record.ts';
import { Results } from './results.ts';
import { type AxesOf, axesRound, growthRound, halfOfTheSlowest, latencyRound, say } from './rounds.ts';
import type { Entrant } from './session.ts';
import { type Sink, startSink } from './start.ts';
import { write } from './write.ts';

/** Rounds that a guard may add when a figure is above its limit: a neighbour may have been loud. */
const EXTRA_ROUNDS = 2;

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

/** What the limit of open files leaves out, after it has been raised as far as it can be. */
function findObstacles({ axes, sizes }: Options): Map<string, string> {
  raiseDescriptors(descriptorsFor(Math.max(sizes.idle, sizes.crowd)));
  const limit = descriptorLimit();
  const skipped = new Map<string, string>();
  for (const axis of ['idle', 'crowd'] as const) {
    const reason = axes.includes(axis) ? obstacle(sizes[axis], limit) : undefined;
    if (reason !== undefined) skipped.set(axis, reason);
  }
  for (const [axis, reason] of skipped) say(`${axis} is not run: ${reason}`);
  return skipped;
}

/** A run before it has taken place. */
type Plan = Omit<Run, 'disturbance' | 'minutes'>;

function planOf(options: Options): Plan {
  const { entrants, missing } = findEntrants(options);
  if (entrants.length === 0) throw new Error('none of the proxies asked for is installed');
  return {
    date: new Date().toISOString().slice(0, 10),
    rounds: options.rounds,
    sizes: options.sizes,
    machine: machine(),
    entrants,
    missing,
    skipped: findObstacles(options),
    growths: options.growths,
    results: new Results(),
  };
}

async function measureAxes(plan: Plan, options: Options, sink: Sink): Promise<Plan> {
  const { entrants, rounds, results, skipped } = plan;
  const axes = options.axes.filter((axis) => !skipped.has(axis));
  const axesOf: AxesOf = (name) => (options.guard ? axes.filter((axis) => isGuarded(name, axis)) : axes);
  const round = (index: number): Promise<void> =>
    axesRound({ index, of: rounds }, entrants, axesOf, plan.sizes, sink, results);
  for (let index = 0; index < rounds; index++) await round(index);
  for (let more = 0; options.guard && more < EXTRA_ROUNDS && violations(results).length > 0; more++)
    await round(rounds + more);
  if (!axes.includes('latency')) return plan;
  const rate = options.rateGiven ? undefined : halfOfTheSlowest(entrants, plan.sizes, results);
  const sizes = { ...plan.sizes, ...(rate !== undefined && { rate }) };
  for (let index = 0; index < rounds; index++)
    await latencyRound({ index, of: rounds }, entrants, sizes, sink, results);
  return { ...plan, sizes };
}

async function measureGrowth(plan: Plan, options: Options, sink: Sink): Promise<void> {
  const { rounds, results, sizes } = plan;
  const most = Math.floor((descriptorLimit() - descriptorsFor(0)) / 2) - 100;
  const growths = GROWTHS.filter(({ name }) => options.growths.includes(name));
  const points = growths.flatMap((growth) => pointsOf(growth, options.only, options.endsOnly, most));
  for (let index = 0; index < rounds; index++)
    await growthRound({ index, of: rounds }, points, sizes, sink, results);
}

async function measureAll(options: Options): Promise<Run> {
  const plan = planOf(options);
  const sink = await startSink();
  const [meter, started] = [startMeter(), performance.now()];
  const done = await measureAxes(plan, options, sink);
  await measureGrowth(done, options, sink);
  await end(sink.child);
  return { ...done, disturbance: meter(), minutes: (performance.now() - started) / 60_000 };
}

async function main(options: Options): Promise<void> {
  pinSelf();
  const run = await measureAll(options);
  if (options.json !== undefined) writeFileSync(options.json, toJson(run));
  if (options.guard) {
    process.stdout.write(`${guardReport(run.results)}\n`);
    if (violations(run.results).length > 0) process.exitCode = 1;
    return;
  }
  const report = render(run);
  process.stdout.write(`${report}\n`);
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
