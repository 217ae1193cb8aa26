/** When requests begin: as soon as there is room, or each at its own moment of a constant rate. */

export interface Pace {
  /** Requests a second; undefined: the next one when the one before has ended. */
  readonly rps: number | undefined;
  /** Requests in all; undefined: any number. */
  readonly count: number | undefined;
  /** Milliseconds in which requests begin; undefined: until there were enough. */
  readonly duration: number | undefined;
}

export class Schedule {
  readonly #pace: Pace;
  readonly #now: () => number;
  readonly #start: number;
  /** Those that could begin, but nothing is due. The latest goes first: so few connections as possible stay in use. */
  readonly #waiting: ((due: number | undefined) => void)[] = [];
  #timer: NodeJS.Timeout | undefined = undefined;
  #stopped = false;
  /** Requests that have begun. */
  begun = 0;

  /** It starts now. @param now Milliseconds on a clock that never goes back. */
  constructor(pace: Pace, now: () => number = () => performance.now()) {
    this.#pace = pace;
    this.#now = now;
    this.#start = now();
  }

  /**
   * Waits for the next turn.
   * @returns When it was due, which is in the past when nobody was free then. Undefined: there are no more.
   */
  turn(): number | undefined | Promise<number | undefined> {
    const now = this.#now();
    if (this.#over(now)) return undefined;
    const due = this.#due(now);
    if (due <= now) {
      this.begun++;
      return due;
    }
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#arm(due - now);
    });
  }

  /** Nothing begins any more. */
  stop(): void {
    this.#stopped = true;
    this.#release();
  }

  /** Requests that were due and never began, as all connections were busy. */
  get unsent(): number {
    const { rps, count = Infinity, duration = Infinity } = this.#pace;
    if (rps === undefined) return 0;
    const elapsed = Math.min(this.#now() - this.#start, duration);
    const due = Math.min(count, Math.ceil((elapsed * rps) / 1000));
    return Math.max(0, due - this.begun);
  }

  /** How much of it is over, 0 to 1. */
  get share(): number {
    const { count, duration } = this.#pace;
    const ofTime = duration === undefined ? 0 : (this.#now() - this.#start) / duration;
    const ofCount = count === undefined ? 0 : this.begun / count;
    return Math.min(1, Math.max(ofTime, ofCount));
  }

  #due(now: number): number {
    const { rps } = this.#pace;
    return rps === undefined ? now : this.#start + (this.begun * 1000) / rps;
  }

  #over(now: number): boolean {
    const { count = Infinity, duration = Infinity } = this.#pace;
    const end = this.#start + duration;
    return this.#stopped || this.begun >= count || now >= end || this.#due(now) >= end;
  }

  #arm(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#wake();
    }, Math.ceil(ms));
  }

  #wake(): void {
    const now = this.#now();
    while (this.#waiting.length > 0 && !this.#over(now)) {
      const due = this.#due(now);
      if (due > now) return this.#arm(due - now);
      this.begun++;
      this.#waiting.pop()!(due);
    }
    if (this.#over(now)) this.#release();
  }

  #release(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const resolve of this.#waiting.splice(0)) resolve(undefined);
  }
}
