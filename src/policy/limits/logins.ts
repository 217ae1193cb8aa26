/**
 * Throttling of guesses at passwords, over all threads.
 *
 * Failures are counted by client address and by user name, whether or not there is such a user. That anybody can lock out
 * a name is provided for: a client that has logged in by a name before is not kept from it, whatever others try.
 *
 * A success takes back nothing: else one right password would pay for guesses at others without end.
 */
import { ProxyError } from '../../errors.ts';
import { sharedClock } from './clock.ts';
import { Guesses } from './guesses.ts';
import { KeyedHash, type KeyHash } from './keyed-hash.ts';
import { Locks } from './locks.ts';
import { LOGINS, SECRET, type LimitMemory } from './memory.ts';
import { later, notNow } from './refusal.ts';
import { clientLabel } from './subjects.ts';
import type { LimitOptions, LoginTerms } from './terms.ts';

/** How long a client is known for a name after it last logged in; milliseconds. */
const KNOWN_MS = 24 * 3_600_000;

const OF_CLIENT = 'too many wrong passwords from this client address';
const OF_NAME = 'too many wrong passwords for this user name';
/** Nothing can be kept of a newcomer, so it must not guess. */
const OF_ALL = 'too many clients are locked out for wrong passwords';

/** Who tries to log in. */
interface Attempt {
  /** Undefined for a client without an IP address: whoever reaches a socket file was let in by its permissions. */
  readonly client: KeyHash | undefined;
  readonly name: KeyHash;
  /** The two together. */
  readonly pair: KeyHash | undefined;
}

export class Logins {
  readonly #locks: Locks;
  readonly #hash: KeyedHash;
  readonly #clients: Guesses;
  readonly #names: Guesses;
  /** Clients and names that belong together. */
  readonly #known: Guesses;
  readonly #now: () => number;
  #terms: LoginTerms;

  /** @param now Milliseconds that never go back, the same on all threads. */
  constructor(
    { head, guesses }: LimitMemory,
    { logins }: Pick<LimitOptions, 'logins'>,
    now: () => number = sharedClock(),
  ) {
    const secret = new Int32Array(head);
    this.#locks = new Locks(head);
    this.#hash = new KeyedHash(secret[SECRET]!, secret[SECRET + 1]!);
    this.#clients = new Guesses(guesses.clients);
    this.#names = new Guesses(guesses.names);
    this.#known = new Guesses(guesses.trusted);
    this.#now = now;
    this.#terms = logins;
  }

  replace({ logins }: Pick<LimitOptions, 'logins'>): void {
    this.#terms = logins;
  }

  /**
   * Before a password is verified. Attempts of one client at the same time all pass when none has failed yet.
   * @param name The user's alone: with parameters in it every session would be a name of its own.
   * @throws ProxyError `LOGIN_THROTTLED`.
   */
  check(client: string, name: string): void {
    if (this.#terms.failures === Infinity) return;
    const attempt = this.#attempt(client, name);
    const refused = this.#locked(() => this.#refusal(attempt, this.#now()));
    if (refused !== undefined) throw refused();
  }

  /** The password was wrong, or there is no such user. */
  failed(client: string, name: string): void {
    if (this.#terms.failures === Infinity) return;
    const attempt = this.#attempt(client, name);
    this.#locked(() => {
      const now = this.#now();
      if (attempt.client !== undefined) this.#clients.fail(attempt.client, this.#terms, now);
      // The old password in a program of the user's own must not lock out the user everywhere.
      if (!this.#isKnown(attempt, now)) this.#names.fail(attempt.name, this.#terms, now);
      return undefined;
    });
  }

  /** The password was right. */
  succeeded(client: string, name: string): void {
    if (this.#terms.failures === Infinity) return;
    const { pair } = this.#attempt(client, name);
    if (pair === undefined) return;
    this.#locked(() => {
      const now = this.#now();
      this.#known.mark(pair, now + KNOWN_MS, now);
      return undefined;
    });
  }

  #refusal(attempt: Attempt, now: number): (() => ProxyError) | undefined {
    const ofClient = attempt.client === undefined ? 0 : this.#clients.ban(attempt.client, now);
    if (ofClient !== undefined && ofClient > 0) return () => later('LOGIN_THROTTLED', OF_CLIENT, ofClient);
    if (this.#isKnown(attempt, now)) return undefined;
    const ofName = this.#names.ban(attempt.name, now);
    if (ofName === undefined || ofClient === undefined)
      return () => new ProxyError('LOGIN_THROTTLED', OF_ALL);
    return ofName > 0 ? () => later('LOGIN_THROTTLED', OF_NAME, ofName) : undefined;
  }

  #isKnown({ pair }: Attempt, now: number): boolean {
    return pair !== undefined && this.#known.isMarked(pair, now);
  }

  #attempt(client: string, name: string): Attempt {
    const label = clientLabel(client);
    return {
      client: label === undefined ? undefined : this.#hash.of(label),
      name: this.#hash.of(name),
      // No label has a space.
      pair: label === undefined ? undefined : this.#hash.of(`${label} ${name}`),
    };
  }

  #locked(action: () => (() => ProxyError) | undefined): (() => ProxyError) | undefined {
    if (!this.#locks.take(LOGINS)) return notNow;
    try {
      return action();
    } finally {
      this.#locks.release(LOGINS);
    }
  }
}
