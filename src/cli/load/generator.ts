/** How busy the load test itself was: whether its numbers tell of the proxy, or of itself. */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';

/** How often the loop is looked at; milliseconds. */
const RESOLUTION_MS = 10;
/** From here on there was no time left for waiting. */
const BUSY = 0.95;
/** Timers that are so late make answers seem late; milliseconds. */
const LATE_MS = 50;

export interface GeneratorState {
  /** Share of the time in which its one thread worked, 0 to 1. */
  readonly utilization: number;
  /** How late its timers were, 99th percentile; milliseconds. */
  readonly loopDelay: number;
  /** Its numbers are those of the load test rather than of the proxy. */
  readonly bottleneck: boolean;
}

export class GeneratorWatch {
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #begun = performance.eventLoopUtilization();

  constructor() {
    this.#delay.enable();
  }

  end(): GeneratorState {
    this.#delay.disable();
    const { utilization } = performance.eventLoopUtilization(this.#begun);
    // Each value is a whole period: what the timer waits for, and what came on top.
    const late = this.#delay.count === 0 ? 0 : this.#delay.percentile(99) / 1e6 - RESOLUTION_MS;
    return judge(utilization, Math.max(0, late));
  }
}

export function judge(utilization: number, loopDelay: number): GeneratorState {
  return { utilization, loopDelay, bottleneck: utilization >= BUSY || loopDelay >= LATE_MS };
}
