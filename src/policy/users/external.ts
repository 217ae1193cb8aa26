/**
 * Users that somebody else knows: an HTTP endpoint is asked, and its answers are believed for a while.
 *
 * Answers are kept under keyed digests. Where the endpoint cannot be asked, or says something that is neither yes nor no,
 * nobody gets in; that is told apart from a no, so that no client is taken for a guesser because of it.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { ProxyError } from '../../errors.ts';
import type { UserIdentity } from './account.ts';
import { readAnswer } from './answer.ts';
import { PostBox, PostError } from './post.ts';
import { Seldom, type Report } from './seldom.ts';
import { Shelf } from './shelf.ts';
import { Turns } from './turns.ts';

export interface ExternalCheck {
  /** Gets `{"user": …, "password": …, "client": …}` by POST; `http:` only for this host and networks you trust. */
  readonly url: string;
  /** For one question, until the whole answer is there. */
  readonly timeoutMs: number;
  /** How long a yes is believed; a no five seconds at most. 0 asks each time. */
  readonly cacheMs: number;
}

/** What was answered: undefined is a no. */
export interface Remembered {
  readonly identity: UserIdentity | undefined;
}

const NO_MS = 5000;
/** Answers kept. A no has a place of its own: whoever guesses drives out no yes. */
const MOST_YES = 65_536;
const MOST_NO = 4096;

/** Questions at the same time; a client whose questions stay unanswered holds a quarter of them. */
const CONNECTIONS = 64;
const TURNS = {
  running: CONNECTIONS,
  runningPerClient: CONNECTIONS / 4,
  waiting: 1024,
  waitingPerClient: 64,
  waitMs: 10_000,
} as const;

export class External {
  readonly #box: PostBox;
  readonly #cacheMs: number;
  readonly #turns: Turns;
  readonly #failures: Seldom;
  readonly #yes: Shelf<Remembered>;
  readonly #no: Shelf<Remembered>;
  readonly #running = new Map<string, Promise<UserIdentity | undefined>>();
  readonly #key = randomBytes(32);

  /**
   * @param now Milliseconds since the epoch.
   * @throws TypeError for a URL that is none.
   */
  constructor({ url, timeoutMs, cacheMs }: ExternalCheck, now: () => number, report: Report) {
    this.#box = new PostBox(url, timeoutMs, CONNECTIONS);
    this.#cacheMs = cacheMs;
    this.#turns = new Turns(TURNS);
    this.#failures = new Seldom(report, now);
    this.#yes = new Shelf(MOST_YES, now);
    this.#no = new Shelf(MOST_NO, now);
  }

  /** What was answered lately. @returns Undefined when nothing was. */
  recall(user: string, password: string, client: string): Remembered | undefined {
    const question = this.#digestOf(user, password, client);
    return this.#yes.get(question) ?? this.#no.get(question);
  }

  /**
   * Asks; who asks the same at the same time gets the same answer.
   *
   * @returns Rejects with a ProxyError: `OVERLOADED` when there is no answer, and as {@link Turns.take}.
   */
  ask(user: string, password: string, client: string): Promise<UserIdentity | undefined> {
    const question = this.#digestOf(user, password, client);
    const running = this.#running.get(question);
    if (running !== undefined) return running;
    const run = this.#turns
      .take(client, () => this.#post(user, password, client))
      .then((identity) => this.#keep(question, identity))
      .finally(() => this.#running.delete(question));
    this.#running.set(question, run);
    return run;
  }

  /** A no may be a yes by now. */
  forgetRefusals(): void {
    this.#no.clear();
  }

  /** Closes when those who are asked about now have been answered. */
  async retire(): Promise<void> {
    await Promise.allSettled(this.#running.values());
    this.close();
  }

  close(): void {
    this.#turns.close();
    this.#box.close();
  }

  async #post(user: string, password: string, client: string): Promise<UserIdentity | undefined> {
    try {
      return readAnswer(await this.#box.post(JSON.stringify({ user, password, client })), user);
    } catch (error) {
      const reason = error instanceof PostError ? error.message : 'it failed unexpectedly';
      this.#failures.say('the external check fails: whom it would have to know is refused', {
        host: this.#box.host,
        reason,
      });
      throw unanswered();
    }
  }

  #keep(question: string, identity: UserIdentity | undefined): UserIdentity | undefined {
    if (identity === undefined) this.#no.set(question, { identity }, Math.min(NO_MS, this.#cacheMs));
    else this.#yes.set(question, { identity }, this.#cacheMs);
    return identity;
  }

  /** The client is a part of it: whether somebody may come in can depend on where from. */
  #digestOf(...question: readonly string[]): string {
    return createHmac('sha256', this.#key).update(JSON.stringify(question)).digest('base64');
  }
}

function unanswered(): ProxyError {
  const error = new ProxyError('OVERLOADED', 'logins cannot be checked at the moment');
  error.retryAfterS = 5;
  return error;
}
