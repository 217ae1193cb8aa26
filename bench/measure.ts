/** One session of one proxy: start it, run jobs against it, read what it used, end it. */
import type { ChildProcess } from 'node:child_process';
import { on, once } from 'node:events';
import { mkdtempSync, openSync, closeSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type AxisName, figures, protocolOf, type Sizes, type Usage, warmUpOf, workOf } from './axes.ts';
import type { Answer, Job, Protocol, SinkReady, Work } from './job.ts';
import type { Installed, Opponent } from './opponents/opponent.ts';
import { cpuSeconds, memory } from './proc.ts';
import { end, folder, freePort, listening, start } from './processes.ts';

const JOB_DEADLINE_MS = 180_000;
const SETTLE_STEP_MS = 50;
const SETTLE_STEPS = 20;

const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const IPC = ['ignore', 'ignore', 'inherit', 'ipc'] as const;

export interface Sink {
  readonly child: ChildProcess;
  readonly port: number;
}

export async function startSink(): Promise<Sink> {
  const child = start('load', process.execPath, [script('./sink.ts')], [...IPC]);
  const [ready] = (await once(child, 'message')) as [SinkReady];
  return { child, port: ready.port };
}

/** A proxy that takes part in this run. */
export interface Entrant extends Installed {
  readonly opponent: Opponent;
}

/** One figure, or why there is none. */
export type Outcome =
  | { readonly figures: Readonly<Record<string, number>>; readonly seconds: number }
  | { readonly failed: string };

interface Proxy {
  readonly child: ChildProcess;
  readonly port: number;
  readonly pid: number;
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What a program said when it did not start, without the folders of this machine. */
function complaint(path: string): string {
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  const line = lines.find((text) => /error|fatal|cannot/i.test(text)) ?? lines.at(-1) ?? '';
  return line === '' ? '' : `: ${line.replaceAll(/(?:file:\/\/)?\/\S*\//g, '').slice(0, 200)}`;
}

async function startProxy(entrant: Entrant, sink: Sink, tunnels: number): Promise<Proxy> {
  const place = mkdtempSync(join(folder, 'proxy-'));
  const port = await freePort();
  const command = entrant.command({ port, sinkPort: sink.port, folder: place, tunnels });
  const path = join(place, 'output.txt');
  const output = openSync(path, 'a');
  const stream = command.discardOutput ? 'ignore' : output;
  const child = start('proxy', command.file, command.args, ['ignore', stream, stream]);
  closeSync(output);
  try {
    await listening(child, port);
  } catch (error) {
    await end(child);
    throw new Error(`did not start, ${reasonOf(error)}${complaint(path)}`, {
      cause: error,
    });
  }
  if (child.pid === undefined) throw new Error('did not start');
  return { child, port, pid: child.pid };
}

/** Waits until the proxy has used no CPU for a moment, so that what it still does is counted, and only once. */
async function settle(pid: number): Promise<void> {
  let last = cpuSeconds(pid);
  for (let step = 0; step < SETTLE_STEPS; step++) {
    await delay(SETTLE_STEP_MS);
    const now = cpuSeconds(pid);
    if (now === last) return;
    last = now;
  }
}

/** The answers of one load generator, in order; throws when it reports a failure or goes away. */
async function* answersOf(load: ChildProcess): AsyncGenerator<Exclude<Answer, { kind: 'failed' }>> {
  const signal = AbortSignal.timeout(JOB_DEADLINE_MS);
  try {
    for await (const [answer] of on(load, 'message', { signal, close: ['exit'] })) {
      const { kind } = answer as Answer;
      if (kind === 'failed') throw new Error((answer as Extract<Answer, { kind: 'failed' }>).reason);
      yield answer as Exclude<Answer, { kind: 'failed' }>;
    }
  } catch (error) {
    throw signal.aborted ? new Error(`not done within ${JOB_DEADLINE_MS / 1000} s`) : error;
  }
  throw new Error('the load generator ended');
}

/** Runs one job and reads the proxy's use of CPU and memory around its measured part. */
async function runJob(proxy: Proxy, sink: Sink, job: Job): Promise<Usage & { seconds: number }> {
  const load = start('load', process.execPath, [script('./load.ts')], [...IPC]);
  try {
    const answers = answersOf(load);
    load.send({ prepare: job });
    await answers.next();
    await settle(proxy.pid);
    const others = (): number => cpuSeconds(load.pid ?? 0) + cpuSeconds(sink.child.pid ?? 0);
    const before = memory(proxy.pid);
    const othersBefore = others();
    const started = cpuSeconds(proxy.pid);
    load.send('go');
    const done = await answers.next();
    const othersSeconds = others() - othersBefore;
    await settle(proxy.pid);
    const used = cpuSeconds(proxy.pid) - started;
    const after = memory(proxy.pid);
    load.send('check');
    await answers.next();
    const seconds = done.value?.kind === 'done' ? done.value.seconds : 0;
    return { cpuSeconds: used, othersSeconds, before, after, seconds };
  } finally {
    await end(load);
  }
}

interface Step {
  readonly axis: AxisName;
  readonly protocol: Protocol;
}

const jobOf = (step: Step, proxy: Proxy, sink: Sink, work: Work): Job => ({
  route: { protocol: step.protocol, port: proxy.port, sinkPort: sink.port },
  work,
});

async function runStep(step: Step, proxy: Proxy, sink: Sink, sizes: Sizes): Promise<Outcome> {
  const work = workOf(step.axis, sizes);
  const usage = await runJob(proxy, sink, jobOf(step, proxy, sink, work));
  if (work.kind !== 'idle' && usage.cpuSeconds === 0) return { failed: 'too little work to measure' };
  return { figures: figures(step.axis, work, usage), seconds: usage.seconds };
}

/** Runs every step that has not failed before; a failure spoils its own axis only. */
async function forEachStep(
  plan: readonly Step[],
  outcomes: Map<AxisName, Outcome>,
  run: (step: Step) => Promise<void>,
): Promise<void> {
  for (const step of plan.filter(({ axis }) => !outcomes.has(axis))) {
    try {
      await run(step);
    } catch (error) {
      outcomes.set(step.axis, { failed: reasonOf(error) });
    }
  }
}

/**
 * Measures some axes against one fresh instance of a proxy, which is warmed up on all of them first: so none of them
 * pays for the compiling of what another one uses as well. An axis the proxy does not speak is left out of the answer.
 */
export async function runSession(
  entrant: Entrant,
  sink: Sink,
  axes: readonly AxisName[],
  sizes: Sizes,
): Promise<Map<AxisName, Outcome>> {
  const outcomes = new Map<AxisName, Outcome>();
  const plan = axes.flatMap((axis): Step[] => {
    const protocol = protocolOf(axis, entrant.opponent.protocols);
    return protocol === undefined ? [] : [{ axis, protocol }];
  });
  if (plan.length === 0) return outcomes;
  let proxy: Proxy;
  try {
    proxy = await startProxy(entrant, sink, sizes.idle);
  } catch (error) {
    return new Map(plan.map(({ axis }) => [axis, { failed: reasonOf(error) }]));
  }
  try {
    await forEachStep(plan, outcomes, async (step) => {
      await runJob(proxy, sink, jobOf(step, proxy, sink, warmUpOf(step.axis, sizes)));
    });
    await forEachStep(plan, outcomes, async (step) => {
      outcomes.set(step.axis, await runStep(step, proxy, sink, sizes));
    });
  } finally {
    await end(proxy.child);
  }
  return outcomes;
}
