/**
 * Collects the access lines of one data thread, so that the main thread gets one message for many connections.
 */

export interface BatchOptions {
  /** Milliseconds a line waits at most, while the thread's loop turns. @default 100 */
  readonly intervalMs?: number;
  /** Characters (bytes, for the ASCII that lines mostly are) from which a batch is handed over at once. @default 65536 */
  readonly maxBytes?: number;
}

/** Takes a batch: whole lines, and how many. */
export type Deliver = (text: string, lines: number) => void;

export class LineBatch {
  readonly #deliver: Deliver;
  readonly #intervalMs: number;
  readonly #maxBytes: number;
  #text = '';
  #lines = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(deliver: Deliver, options: BatchOptions = {}) {
    this.#deliver = deliver;
    this.#intervalMs = options.intervalMs ?? 100;
    this.#maxBytes = options.maxBytes ?? 64 * 1024;
  }

  /** @param line One line, ended by `\n`. */
  add(line: string): void {
    this.#text += line;
    this.#lines += 1;
    if (this.#text.length >= this.#maxBytes) this.flush();
    // Unref'd: whoever ends the thread flushes first, and a waiting line keeps nothing alive.
    else this.#timer ??= setTimeout(() => this.flush(), this.#intervalMs).unref();
  }

  /** Hands over what waits, now; nothing happens when nothing does. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#lines === 0) return;
    const text = this.#text;
    const lines = this.#lines;
    this.#text = '';
    this.#lines = 0;
    this.#deliver(text, lines);
  }
}
