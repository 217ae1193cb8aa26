/** One source in service: when it is read, and what it said last. */
import { sameRanges, summary } from './combine.ts';
import { aborted, describe, SourceError, type Problem, type Source, type SourceAnswer } from './source.ts';

/** How far the time to the next read is off, at most: not all sources of all proxies shall be asked at once. */
const JITTER = 0.1;

export interface SupplyOptions {
  /** Milliseconds one read may take. */
  readonly limitMs: number;
  /** The addresses are other ones than before. */
  readonly changed: () => void;
  readonly report: (level: 'info' | 'warn', message: string) => void;
}

export class Supply {
  readonly #source: Source;
  readonly #options: SupplyOptions;
  readonly #stop = new AbortController();
  #answer: SourceAnswer | undefined = undefined;
  #answeredAt = 0;
  #lastError: string | undefined = undefined;
  #errors = 0;
  #reading: Promise<void> | undefined = undefined;
  #busy = false;
  /** Something changed while a read was under way: what that read saw may be old. */
  #again = false;
  #timer: NodeJS.Timeout | undefined = undefined;
  #unwatch: (() => void) | undefined = undefined;

  constructor(source: Source, options: SupplyOptions) {
    this.#source = source;
    this.#options = options;
  }

  /** The last good answer. */
  get answer(): SourceAnswer | undefined {
    return this.#answer;
  }

  /** Milliseconds since the last good answer. */
  get ageMs(): number | undefined {
    return this.#answer === undefined ? undefined : performance.now() - this.#answeredAt;
  }

  /** Why the last read failed; undefined when it did not. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** Reads that failed, in all. */
  get errors(): number {
    return this.#errors;
  }

  /** Reads it for the first time, and from now on whenever it is due. @returns When the first read is over. */
  start(): Promise<void> {
    // Watched before it is read, so that nothing happens in between unseen.
    this.#unwatch = this.#source.watch?.(() => this.#refresh());
    return this.#read();
  }

  /** Ends a read under way; what it would have said is not heard. */
  stop(): void {
    this.#stop.abort(new SourceError('it was stopped'));
    clearTimeout(this.#timer);
    this.#unwatch?.();
  }

  #refresh(): void {
    if (this.#reading === undefined) void this.#read();
    else this.#again = true;
  }

  #read(): Promise<void> {
    this.#reading ??= this.#readOnce().finally(() => {
      this.#reading = undefined;
      this.#schedule();
    });
    return this.#reading;
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#stop.signal.aborted) return;
    const jitter = 1 + JITTER * (2 * Math.random() - 1);
    const ms = this.#again ? 0 : this.#source.refreshMs * jitter;
    this.#again = false;
    this.#timer = setTimeout(() => this.#refresh(), ms).unref();
  }

  async #readOnce(): Promise<void> {
    const { limitMs } = this.#options;
    const limit = AbortSignal.timeout(limitMs);
    const signal = AbortSignal.any([this.#stop.signal, limit]);
    try {
      this.#take(await Promise.race([this.#ask(signal), aborted(signal)]));
    } catch (error) {
      this.#fail(limit.aborted ? `it took longer than ${limitMs / 1000} s` : describe(error));
    }
  }

  /** A source may be deaf to the signal, like a file on a server that is gone: it is not asked twice at a time. */
  async #ask(signal: AbortSignal): Promise<SourceAnswer> {
    if (this.#busy) throw new SourceError('an earlier read of it still hangs');
    this.#busy = true;
    try {
      return await this.#source.read(signal);
    } finally {
      this.#busy = false;
    }
  }

  #take(answer: SourceAnswer): void {
    if (this.#stop.signal.aborted) return;
    const { report, changed } = this.#options;
    if (this.#lastError !== undefined) report('info', 'it answers again');
    const news = summaryOf(answer.problems);
    if (news !== '' && news !== summaryOf(this.#answer?.problems)) report('warn', news);
    const same = sameRanges(this.#answer?.ranges ?? [], answer.ranges);
    this.#lastError = undefined;
    this.#answer = answer;
    this.#answeredAt = performance.now();
    if (!same) changed();
  }

  #fail(message: string): void {
    if (this.#stop.signal.aborted) return;
    const keeps = this.#answer === undefined ? 'it brings no addresses' : 'its last good answer stays';
    // Once for each failure, not for each read that meets it.
    if (message !== this.#lastError) this.#options.report('warn', `${message}; ${keeps}`);
    this.#lastError = message;
    this.#errors++;
  }
}

function summaryOf(problems: readonly Problem[] = []): string {
  return summary({ count: problems.length, first: problems });
}
