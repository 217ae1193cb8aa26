/** A feed with everything it says, to wait for. */
import { parsePool } from '../../src/egress/expression/expression.ts';
import { Feed, type FeedOptions, type SourceReport } from '../../src/egress/sources/feed.ts';
import { expand, type Range } from '../../src/egress/pool/ranges.ts';

/** No test waits longer, in milliseconds. The wait also keeps the process alive, which a feed by itself does not. */
const PATIENCE_MS = 10_000;

export class WatchedFeed implements Disposable {
  readonly feed: Feed;
  readonly reports: SourceReport[] = [];
  readonly changes: (readonly Range[])[] = [];
  #awake: () => void = () => {};

  constructor(items: readonly string[], options: FeedOptions = {}) {
    const report = (said: SourceReport): void => {
      this.reports.push(said);
      this.#awake();
    };
    this.feed = new Feed(parsePool(items), { ...options, report });
    this.feed.onChange((ranges) => {
      this.changes.push(ranges);
      this.#awake();
    });
  }

  async start(): Promise<string[]> {
    return [...expand(await this.#within(this.feed.start()), 100)];
  }

  /** Waits until the pool has become these addresses. */
  async becomes(...addresses: readonly string[]): Promise<void> {
    const wanted = addresses.join();
    await this.until(() => [...expand(this.changes.at(-1) ?? [], 100)].join() === wanted);
  }

  /** Waits for a report that was not heard before. */
  async says(pattern: RegExp): Promise<SourceReport> {
    const heard = this.reports.length;
    const find = (): SourceReport | undefined =>
      this.reports.find(({ message }, index) => index >= heard && pattern.test(message));
    await this.until(() => find() !== undefined);
    return find()!;
  }

  /** Asks again whenever the feed says something. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#awake = resolve;
      await this.#within(promise);
    }
  }

  #within<T>(promise: Promise<T>): Promise<T> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const said = this.reports.map(({ text, message }) => `${text}: ${message}`).join('\n');
      reject(new Error(`the feed did not do what it should; it said:\n${said}`));
    }, PATIENCE_MS);
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
  }

  [Symbol.dispose](): void {
    this.feed.stop();
  }
}
