/** One session of one proxy: start it afresh, warm it up, measure it axis by axis, end it. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type AxisName, figures, protocolOf, type Sizes, warmUpOf, workOf } from './axes.ts';
import type { Job, Protocol, SinkReady, Work } from './job.ts';
import { LoadGenerator } from './load-generator.ts';
import { measure, warmUp } from './measure.ts';
import type { Installed, Opponent } from './opponents/opponent.ts';
import { end, folder, freePort, listening, start } from './processes.ts';

export interface Sink {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly port: number;
}

/** A proxy that takes part in this run. */
export interface Entrant extends Installed {
  readonly opponent: Opponent;
}

/** The figures of one measurement by metric, or why there are none. */
export type Outcome =
  | { readonly figures: Readonly<Record<string, number>>; readonly seconds: number }
  | { readonly failed: string };

interface Proxy {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly port: number;
}

interface Step {
  readonly axis: AxisName;
  readonly protocol: Protocol;
}

export async function startSink(): Promise<Sink> {
  const script = fileURLToPath(new URL('./sink.ts', import.meta.url));
  const child = start('load', process.execPath, [script], ['ignore', 'ignore', 'inherit', 'ipc']);
  const [ready] = (await once(child, 'message')) as [SinkReady];
  return { child, pid: child.pid ?? 0, port: ready.port };
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
    throw new Error(`did not start, ${reasonOf(error)}${complaint(path)}`, { cause: error });
  }
  return { child, pid: child.pid ?? 0, port };
}

/** What is common to all steps of a session. */
class Session {
  readonly outcomes = new Map<AxisName, Outcome>();
  readonly #plan: readonly Step[];
  readonly #proxy: Proxy;
  readonly #sink: Sink;
  readonly #sizes: Sizes;
  readonly #load = new LoadGenerator();

  constructor(plan: readonly Step[], proxy: Proxy, sink: Sink, sizes: Sizes) {
    this.#plan = plan;
    this.#proxy = proxy;
    this.#sink = sink;
    this.#sizes = sizes;
  }

  /** All axes are warmed up first: so none of them pays for the compiling of what another one uses as well. */
  async run(): Promise<void> {
    try {
      await this.#each((step) => warmUp(this.#load, this.#job(step, warmUpOf(step.axis, this.#sizes))));
      await this.#each(async (step) => {
        this.outcomes.set(step.axis, await this.#measure(step));
      });
    } finally {
      await this.#load.end();
    }
  }

  async #measure(step: Step): Promise<Outcome> {
    const work = workOf(step.axis, this.#sizes);
    const usage = await measure(this.#load, this.#job(step, work), this.#proxy.pid, this.#sink.pid);
    if (work.kind !== 'idle' && usage.cpuSeconds === 0) return { failed: 'too little work to measure' };
    return { figures: figures(step.axis, work, usage), seconds: usage.seconds };
  }

  #job(step: Step, work: Work): Job {
    return { route: { protocol: step.protocol, port: this.#proxy.port, sinkPort: this.#sink.port }, work };
  }

  /** A failure spoils its own axis only, and that for the rest of the session. */
  async #each(run: (step: Step) => Promise<void>): Promise<void> {
    for (const step of this.#plan.filter(({ axis }) => !this.outcomes.has(axis))) {
      try {
        await run(step);
      } catch (error) {
        this.outcomes.set(step.axis, { failed: reasonOf(error) });
      }
    }
  }
}

/**
 * Measures some axes against one fresh instance of a proxy. An axis the proxy does not speak is left out of the answer.
 */
export async function runSession(
  entrant: Entrant,
  sink: Sink,
  axes: readonly AxisName[],
  sizes: Sizes,
): Promise<ReadonlyMap<AxisName, Outcome>> {
  const plan = axes.flatMap((axis): Step[] => {
    const protocol = protocolOf(axis, entrant.opponent.protocols);
    return protocol === undefined ? [] : [{ axis, protocol }];
  });
  if (plan.length === 0) return new Map();
  let proxy: Proxy;
  try {
    proxy = await startProxy(entrant, sink, sizes.idle);
  } catch (error) {
    return new Map(plan.map(({ axis }) => [axis, { failed: reasonOf(error) }]));
  }
  const session = new Session(plan, proxy, sink, sizes);
  try {
    await session.run();
  } finally {
    await end(proxy.child);
  }
  return session.outcomes;
}
