/**
 * A race with staggered starts (RFC 8305 §5): the runners start in order, each when the one before it has stumbled or
 * has been running for the stagger. The first to arrive wins, the others are stopped.
 */
import { ProxyError } from '../../errors.ts';

/** A way to learn, and to be told, that nobody waits for the outcome any more. */
export interface Interrupt {
  readonly broken: ProxyError | undefined;
  onBroken: ((error: ProxyError) => void) | undefined;
}

export interface Runner<T> {
  /**
   * @param interrupt Breaks when the runner is to stop; it must then reject, and clean up after itself.
   * @param stumbled To be called at a failure that is not the end yet: the next runner need not wait any longer.
   */
  run(interrupt: Interrupt, stumbled: () => void): Promise<T>;
}

/**
 * @param runners At least one.
 * @param staggerMs Head start of each runner over the next, in milliseconds.
 * @param discard Gets what a runner brings that arrives after the winner.
 * @throws ProxyError when every runner failed: the failure that says most about the target. Or why it was interrupted.
 */
export function race<T>(
  runners: readonly Runner<T>[],
  staggerMs: number,
  interrupt: Interrupt,
  discard: (late: T) => void,
): Promise<T> {
  const [only] = runners;
  if (only !== undefined && runners.length === 1) return only.run(interrupt, () => {});
  return new Race(runners, staggerMs, discard).run(interrupt);
}

/** What a loser is told; nobody else hears of it. */
const OVERTAKEN = new ProxyError('INTERNAL', 'another attempt was faster');

class Race<T> {
  readonly #waiting: Runner<T>[];
  readonly #staggerMs: number;
  readonly #discard: (late: T) => void;
  readonly #running = new Set<Stop>();
  readonly #failures: ProxyError[] = [];
  readonly #outcome = Promise.withResolvers<T>();
  #timer: NodeJS.Timeout | undefined = undefined;
  #over = false;

  constructor(runners: readonly Runner<T>[], staggerMs: number, discard: (late: T) => void) {
    this.#waiting = [...runners];
    this.#staggerMs = staggerMs;
    this.#discard = discard;
  }

  async run(interrupt: Interrupt): Promise<T> {
    if (interrupt.broken !== undefined) throw interrupt.broken;
    interrupt.onBroken = (error) => this.#end(() => this.#outcome.reject(error), error);
    this.#startNext();
    try {
      return await this.#outcome.promise;
    } finally {
      interrupt.onBroken = undefined;
    }
  }

  #startNext(): void {
    clearTimeout(this.#timer);
    const runner = this.#over ? undefined : this.#waiting.shift();
    if (runner === undefined) return;
    if (this.#waiting.length > 0) this.#timer = setTimeout(() => this.#startNext(), this.#staggerMs);
    void this.#follow(runner);
  }

  async #follow(runner: Runner<T>): Promise<void> {
    const stop = new Stop();
    this.#running.add(stop);
    let first = true;
    const stumbled = (): void => {
      // Once a runner: the next one runs by itself, and the one after that waits for it.
      if (first) this.#startNext();
      first = false;
    };
    try {
      const arrived = await runner.run(stop, stumbled);
      this.#running.delete(stop);
      if (this.#over) this.#discard(arrived);
      else this.#end(() => this.#outcome.resolve(arrived), OVERTAKEN);
    } catch (thrown) {
      this.#running.delete(stop);
      this.#failures.push(ProxyError.from(thrown));
      stumbled();
      if (this.#running.size > 0 || this.#waiting.length > 0) return;
      this.#end(() => this.#outcome.reject(mostTelling(this.#failures)), OVERTAKEN);
    }
  }

  /** @param reason For the runners that are still under way. */
  #end(settle: () => void, reason: ProxyError): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    settle();
    for (const stop of this.#running) stop.break(reason);
  }
}

/** Stops one runner. */
class Stop implements Interrupt {
  broken: ProxyError | undefined = undefined;
  onBroken: ((error: ProxyError) => void) | undefined = undefined;

  break(error: ProxyError): void {
    this.broken = error;
    this.onBroken?.(error);
  }
}

/** What the target itself said, before what may be somebody else's doing, before our own lack of means; the last of its kind. */
function mostTelling(failures: readonly ProxyError[]): ProxyError {
  const ofTarget = failures.filter(({ failure }) => failure.blame === 'target');
  return ofTarget.findLast(({ failure }) => !failure.retry) ?? ofTarget.at(-1) ?? failures.at(-1)!;
}
