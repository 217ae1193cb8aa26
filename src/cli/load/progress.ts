/** What is to be seen while a load test runs: a bar on a terminal, otherwise a line every few seconds. */
import { formatCount } from '../terminal.ts';
import { formatMs, formatRate } from './figures.ts';
import type { Schedule } from './schedule.ts';
import type { Tally } from './tally.ts';

/** Milliseconds between two looks. */
const ON_TERMINAL_MS = 250;
const IN_LINES_MS = 5000;
const BAR_WIDTH = 20;
const ERASE_LINE = '\r\x1b[K';

/** Where progress is written to. */
export interface ProgressStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

export class Progress {
  readonly #stream: ProgressStream;
  readonly #tally: Tally;
  readonly #schedule: Schedule;
  readonly #timer: NodeJS.Timeout;
  readonly #start = performance.now();
  #before = { at: this.#start, done: 0 };

  constructor(stream: ProgressStream, tally: Tally, schedule: Schedule) {
    this.#stream = stream;
    this.#tally = tally;
    this.#schedule = schedule;
    const every = stream.isTTY === true ? ON_TERMINAL_MS : IN_LINES_MS;
    this.#timer = setInterval(() => this.show(performance.now()), every);
  }

  /** @param now Milliseconds on the clock of `performance`. */
  show(now: number): void {
    const { succeeded, failed, total } = this.#tally;
    const done = succeeded + failed;
    const rate = ((done - this.#before.done) * 1000) / Math.max(1, now - this.#before.at);
    this.#before = { at: now, done };
    const words = [
      `${Math.round((now - this.#start) / 1000)} s`,
      formatRate(rate),
      `${formatCount(failed)} failed`,
      `p50 ${formatMs(total.percentile(50))}`,
      `p99 ${formatMs(total.percentile(99))}`,
    ].join('  ');
    if (this.#stream.isTTY === true) this.#draw(words);
    else this.#stream.write(`${words}\n`);
  }

  /** Leaves the line empty. */
  end(): void {
    clearInterval(this.#timer);
    if (this.#stream.isTTY === true) this.#stream.write(ERASE_LINE);
  }

  #draw(words: string): void {
    const full = Math.round(this.#schedule.share * BAR_WIDTH);
    const line = `${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)} ${words}`;
    // A line that wraps could not be erased.
    this.#stream.write(ERASE_LINE + line.slice(0, (this.#stream.columns ?? 80) - 1));
  }
}
