/** Says the same thing once a minute at most, however often it happens. */
const MINUTE_MS = 60_000;

/** A sentence for the log, without secrets. */
export type Report = (message: string, fields: Record<string, unknown>) => void;

export class Seldom {
  readonly #report: Report;
  readonly #now: () => number;
  #saidAt = -Infinity;
  #unsaid = 0;

  /** @param now Milliseconds. */
  constructor(report: Report, now: () => number) {
    this.#report = report;
    this.#now = now;
  }

  /** `times` in the fields is how often it happened since it was said last. */
  say(message: string, fields: Record<string, unknown>): void {
    this.#unsaid++;
    const now = this.#now();
    if (Math.abs(now - this.#saidAt) < MINUTE_MS) return;
    this.#report(message, { ...fields, times: this.#unsaid });
    this.#saidAt = now;
    this.#unsaid = 0;
  }
}
