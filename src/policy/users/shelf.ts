/** What is believed for a while: a bounded table whose entries run out. */
export class Shelf<T> {
  readonly #most: number;
  readonly #now: () => number;
  readonly #entries = new Map<string, Entry<T>>();

  /** @param most Entries; the oldest makes room. @param now Milliseconds; it may be set back. */
  constructor(most: number, now: () => number) {
    this.#most = most;
    this.#now = now;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): T | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || within(this.#now(), entry)) return entry?.value;
    this.#entries.delete(key);
    return undefined;
  }

  /** @param ms How long it counts; 0 keeps nothing. */
  set(key: string, value: T, ms: number): void {
    this.#entries.delete(key);
    if (ms <= 0) return;
    const [oldest] = this.#entries.size >= this.#most ? this.#entries.keys() : [];
    if (oldest !== undefined) this.#entries.delete(oldest);
    const since = this.#now();
    this.#entries.set(key, { value, since, until: since + ms });
  }

  clear(): void {
    this.#entries.clear();
  }
}

/** A stretch of time on the wall clock, in milliseconds. */
export interface Stretch {
  readonly since: number;
  readonly until: number;
}

interface Entry<T> extends Stretch {
  readonly value: T;
}

/** Before its beginning as well as after its end something does not count: a clock that was set back extends nothing. */
export function within(moment: number, { since, until }: Stretch): boolean {
  return moment >= since && moment < until;
}
