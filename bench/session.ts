/** One session of one proxy: start it afresh, warm it up, measure it axis by axis, end it. */
import { AT_ONCE, type AxisName, obstacle, protocolOf, type Sizes, warmUpOf, workOf } from './axes.ts';
import type { Job, Protocol, Route, Work } from './job.ts';
import { LoadGenerator } from './load-generator.ts';
import { measure, warmUp } from './measure.ts';
import { type Figures, figures } from './metrics.ts';
import type { Installed, Opponent } from './opponents/opponent.ts';
import { descriptorLimit } from './proc.ts';
import { type Proxy, type Sink, startProxy } from './start.ts';

/** A proxy that takes part in this run. */
export interface Entrant extends Installed {
  readonly opponent: Opponent;
}

/** The figures of one measurement by metric, or why there are none. */
export type Outcome = { readonly figures: Figures; readonly seconds: number } | { readonly failed: string };

/** What is to be measured in a session. */
export interface Task {
  readonly axes: readonly AxisName[];
  readonly sizes: Sizes;
  /** Tunnels that are open, and idle, all the time. */
  readonly held?: number;
  /** Tunnels that have come and gone before, so that a runtime is as warm with few that are held as with many. */
  readonly past?: number;
}

interface Step {
  readonly axis: AxisName;
  readonly protocol: Protocol;
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What is common to all steps of a session. */
class Session {
  readonly outcomes = new Map<AxisName, Outcome>();
  readonly #plan: readonly Step[];
  readonly #opponent: Opponent;
  readonly #proxy: Proxy;
  readonly #sink: Sink;
  readonly #task: Task;
  readonly #load = new LoadGenerator();
  /** Has the tunnels that are held. */
  readonly #holder = new LoadGenerator();

  constructor(plan: readonly Step[], opponent: Opponent, proxy: Proxy, sink: Sink, task: Task) {
    this.#plan = plan;
    this.#opponent = opponent;
    this.#proxy = proxy;
    this.#sink = sink;
    this.#task = task;
  }

  /** All axes are warmed up first: so none of them pays for the compiling of what another one uses as well. */
  async run(): Promise<void> {
    try {
      await this.#hold();
      await this.#each((step) => warmUp(this.#load, this.#job(step.protocol, this.#warmUpOf(step))));
      await this.#each(async (step) => {
        this.outcomes.set(step.axis, await this.#measure(step));
      });
      if (this.#task.held !== undefined) await this.#holder.check();
    } catch (error) {
      for (const { axis } of this.#plan) this.outcomes.set(axis, { failed: reasonOf(error) });
    } finally {
      await this.#load.end();
      await this.#holder.end();
    }
  }

  async #hold(): Promise<void> {
    const { held = 0, past = 0 } = this.#task;
    const { protocol } = this.#plan[0]!;
    if (past > 0)
      await warmUp(this.#holder, this.#job(protocol, { kind: 'tunnels', count: past, atOnce: AT_ONCE }));
    if (held === 0) return;
    await this.#holder.prepare(this.#job(protocol, { kind: 'idle', count: held }));
    await this.#holder.go();
  }

  async #measure({ axis, protocol }: Step): Promise<Outcome> {
    const work = workOf(axis, this.#task.sizes);
    const usage = await measure(this.#load, this.#job(protocol, work), this.#proxy.pid, this.#sink.pid);
    if (work.kind !== 'idle' && usage.cpuSeconds === 0) return { failed: 'too little work to measure' };
    return { figures: figures(axis, work, usage), seconds: usage.seconds };
  }

  #warmUpOf({ axis }: Step): Work {
    return warmUpOf(axis, this.#task.sizes, this.#opponent.compiles === true);
  }

  #job(protocol: Protocol, work: Work): Job {
    const route: Route = {
      protocol,
      port: this.#proxy.port,
      sinkPort: this.#sink.port,
      login: this.#opponent.login === true,
    };
    return { route, work };
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

/** Most tunnels that a task has open at once. */
const mostTunnels = ({ axes, sizes, held = 0 }: Task): number =>
  held + (axes.includes('crowd') ? Math.max(sizes.idle, sizes.crowd) : sizes.idle);

/** Tunnels that wait while something is measured. */
const tunnelsHeld = ({ axes, sizes, held = 0 }: Task): number =>
  held + (axes.includes('crowd') ? sizes.crowd : axes.includes('idle') ? sizes.idle : 0);

/**
 * Measures some axes against one fresh instance of a proxy. An axis the proxy does not speak is left out of the answer.
 */
export async function runSession(
  entrant: Entrant,
  sink: Sink,
  task: Task,
): Promise<ReadonlyMap<AxisName, Outcome>> {
  const { opponent } = entrant;
  const plan = task.axes.flatMap((axis): Step[] => {
    const protocol = protocolOf(axis, opponent.protocols);
    return protocol === undefined ? [] : [{ axis, protocol }];
  });
  if (plan.length === 0) return new Map();
  let proxy: Proxy;
  try {
    const reason = obstacle(tunnelsHeld(task), descriptorLimit(), opponent.descriptors);
    if (reason !== undefined) throw new Error(reason);
    proxy = await startProxy(entrant, sink, mostTunnels(task));
  } catch (error) {
    return new Map(plan.map(({ axis }) => [axis, { failed: reasonOf(error) }]));
  }
  const session = new Session(plan, opponent, proxy, sink, task);
  try {
    await session.run();
  } finally {
    await proxy.end();
  }
  return session.outcomes;
}
