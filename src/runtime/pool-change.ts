/** Pools that have been read, and are not in use yet. */
import { DEFAULT_POOL } from '../connection.ts';
import { parsePool } from '../egress/expression/expression.ts';
import { count, type Range } from '../egress/pool/ranges.ts';
import { Feed, type SourceReport } from '../egress/sources/feed.ts';
import { StartError } from '../listener.ts';

type Put = (ranges: ReadonlyMap<string, readonly Range[]>, feeds: ReadonlyMap<string, Feed>) => void;

export class PoolChange {
  readonly #feeds = new Map<string, Feed>();
  readonly #ranges = new Map<string, readonly Range[]>();
  readonly #tell: (pool: string) => (report: SourceReport) => void;
  readonly #put: Put;
  #over = false;

  /** @param put Puts in place what was read; may throw a RangeError, and has changed nothing then. */
  constructor(tell: (pool: string) => (report: SourceReport) => void, put: Put) {
    this.#tell = tell;
    this.#put = put;
  }

  /** All at the same time: sources may be slow. @throws PoolError, StartError; nothing goes on then. */
  async read(pools: readonly (readonly [name: string, expression: readonly string[]])[]): Promise<void> {
    try {
      await Promise.all(pools.map(([name, expression]) => this.#read(name, expression)));
    } catch (error) {
      this.discard();
      throw error;
    }
  }

  /** Whether there is anything to put in place but what is gone. */
  get empty(): boolean {
    return this.#feeds.size === 0;
  }

  /** @throws RangeError when there is no room; nothing has changed, and {@link discard} is to follow. */
  put(): void {
    this.#put(this.#ranges, this.#feeds);
    this.#over = true;
  }

  /** Nothing once it is put. */
  discard(): void {
    if (this.#over) return;
    this.#over = true;
    for (const feed of this.#feeds.values()) feed.stop();
  }

  async #read(name: string, expression: readonly string[]): Promise<void> {
    const feed = new Feed(parsePool(expression), { report: this.#tell(name) });
    this.#feeds.set(name, feed);
    // A source may change before this is in use.
    feed.onChange((ranges) => {
      if (!this.#over) this.#ranges.set(name, ranges);
    });
    const ranges = await feed.start();
    if (count(ranges) === 0n) throw empty(name);
    this.#ranges.set(name, ranges);
  }
}

function empty(name: string): StartError {
  const which = name === DEFAULT_POOL ? 'the pool' : `the pool ${name}`;
  return new StartError(
    `${which} is empty: there is no address to leave from`,
    'see what it stands for with `gyre pool expand`',
  );
}
