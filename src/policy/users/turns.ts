/**
 * Work that is dear, in fair turns: each client address has a line of its own, and the lines take turns.
 *
 * Whoever sends ten thousand wrong passwords waits behind himself only. Everybody else waits for what is running at that
 * moment and for one piece of work of each other client.
 */
import { ProxyError } from '../../errors.ts';
import { clientLabel } from '../limits/subjects.ts';

export interface TurnsOptions {
  /** Pieces of work at the same time: of all clients, and of one. */
  readonly running: number;
  readonly runningPerClient: number;
  /** Pieces of work that may wait: of all clients, and of one. */
  readonly waiting: number;
  readonly waitingPerClient: number;
  /** Work that has waited longer is not begun: who asked for it has gone. Milliseconds. */
  readonly waitMs: number;
}

interface Job {
  readonly begin: () => Promise<void>;
  readonly refuse: (error: ProxyError) => void;
  readonly before: number;
}

/** What one client has waiting and running. */
interface Line {
  readonly waiting: Job[];
  running: number;
}

export class Turns {
  readonly #options: TurnsOptions;
  readonly #now: () => number;
  /** In the order of turns: the first that may is next. */
  readonly #lines = new Map<string, Line>();
  #waiting = 0;
  #running = 0;

  /** @param now A clock in milliseconds that never goes back. */
  constructor(options: TurnsOptions, now: () => number = () => performance.now()) {
    this.#options = options;
    this.#now = now;
  }

  /**
   * Does the work when it is its client's turn.
   *
   * @returns What the work returns. Rejects without having begun it with a ProxyError: `LOGIN_THROTTLED` when too much work
   * of this client waits, `OVERLOADED` when too much of all clients does, or when it would come too late.
   */
  take<T>(client: string, work: () => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const begin = (): Promise<void> => work().then(resolve, reject);
    const job: Job = { begin, refuse: reject, before: this.#now() + this.#options.waitMs };
    try {
      this.#enqueue(placeOf(client), job);
    } catch (error) {
      reject(error);
    }
    this.#go();
    return promise;
  }

  /** What has not begun is refused. */
  close(): void {
    for (const { waiting } of this.#lines.values()) {
      for (const job of waiting.splice(0)) job.refuse(overloaded());
    }
    this.#waiting = 0;
  }

  #enqueue(place: string, job: Job): void {
    const line = this.#lines.get(place) ?? { waiting: [], running: 0 };
    if (line.waiting.length >= this.#options.waitingPerClient) throw throttled();
    if (this.#waiting >= this.#options.waiting) this.#shorten(line);
    line.waiting.push(job);
    this.#waiting++;
    this.#lines.set(place, line);
  }

  /** Makes room for one more in `line`: the longest one loses its last. */
  #shorten(line: Line): void {
    let longest = line;
    for (const other of this.#lines.values())
      if (other.waiting.length > longest.waiting.length) longest = other;
    // Where nobody has more than this client would have, nobody else is to suffer for it.
    if (longest.waiting.length <= line.waiting.length + 1) throw overloaded();
    longest.waiting.pop()!.refuse(throttled());
    this.#waiting--;
  }

  #go(): void {
    while (this.#running < this.#options.running) {
      const next = this.#next();
      if (next === undefined) return;
      const [place, line] = next;
      const job = line.waiting.shift()!;
      this.#waiting--;
      if (this.#now() <= job.before) void this.#do(job, place, line);
      else {
        job.refuse(overloaded());
        this.#putLast(place, line);
      }
    }
  }

  #next(): [place: string, line: Line] | undefined {
    for (const entry of this.#lines) {
      const [, { waiting, running }] = entry;
      if (waiting.length > 0 && running < this.#options.runningPerClient) return entry;
    }
    return undefined;
  }

  async #do(job: Job, place: string, line: Line): Promise<void> {
    this.#running++;
    line.running++;
    this.#putLast(place, line);
    await job.begin();
    this.#running--;
    line.running--;
    this.#putLast(place, line);
    this.#go();
  }

  /** The others come first now. */
  #putLast(place: string, line: Line): void {
    this.#lines.delete(place);
    if (line.running > 0 || line.waiting.length > 0) this.#lines.set(place, line);
  }
}

function throttled(): ProxyError {
  const error = new ProxyError('LOGIN_THROTTLED', 'too many logins of this client address are being checked');
  error.retryAfterS = 1;
  return error;
}

function overloaded(): ProxyError {
  const error = new ProxyError('OVERLOADED', 'too many logins are being checked');
  error.retryAfterS = 5;
  return error;
}

/** Whose line it is. What is no address (`unix`) is one client. */
function placeOf(client: string): string {
  return clientLabel(client) ?? client;
}
