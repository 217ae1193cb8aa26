/**
 * Who may come in.
 *
 * Users are listed (`users/roster.ts`), known to somebody else (`users/external.ts`), or both: then the list is asked
 * first, and whoever is not let in by it is asked for outside. An unknown name and a wrong password take the same way, cost
 * the same and are answered the same.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Credentials, Identity } from '../connection.ts';
import { ProxyError } from '../errors.ts';
import { NO_PARAMETERS, parseUserName } from './identity.ts';
import { hashKind, verifyPassword } from './password.ts';
import type { Account, UserIdentity } from './users/account.ts';
import { BcryptThread, type Bcrypt } from './users/bcrypt.ts';
import { External, type ExternalCheck } from './users/external.ts';
import { Roster } from './users/roster.ts';
import { Seldom, type Report } from './users/seldom.ts';
import { Turns } from './users/turns.ts';

/** A user as the configuration has it. */
export type UserConfig = Account;

export interface Authenticator {
  /**
   * False while no users are configured: anyone may come in, and a name they send is only a label. Once true, it stays so
   * until {@link admit} says otherwise: a list that has become empty lets nobody in.
   */
  readonly required: boolean;
  /**
   * Identity, or undefined when refused. Synchronous whenever it can be.
   *
   * @param client Its address: what it asks for waits behind its own, never behind that of others.
   * @throws ProxyError (or rejects with it): `LOGIN_THROTTLED` for too many guesses, or too many logins under way;
   * `ACCOUNT_EXPIRED`, only to somebody with the right password; `OVERLOADED` when it cannot be found out.
   */
  verify(credentials: Credentials, client?: string): Identity | undefined | Promise<Identity | undefined>;
  /**
   * Other listed users, at once: what was proved of those who are gone, or have another password, counts no more.
   *
   * @throws TypeError for a name given twice or empty, or a hash that cannot be verified; then nothing has changed.
   */
  replace(accounts: readonly Account[]): void;
  /**
   * Another answer to who may come in beside those who are listed. Who is being asked about is answered as before.
   *
   * @throws TypeError for a URL of the external check that is none; then nothing has changed.
   */
  admit(strangers: Strangers): void;
  /** Whether somebody who came in under that name may stay: false for listed users that {@link replace} has taken out. */
  knows(user: string): boolean;
  /** Ends the thread and the connections it may have. Logins under way are refused. */
  close(): void;
}

/** Guesses are counted elsewhere; all of them may be told a name of up to 512 characters, or an empty one. */
export interface LoginCounts {
  /** @throws ProxyError `LOGIN_THROTTLED` */
  check(client: string, name: string): void;
  failed(client: string, name: string): void;
  succeeded(client: string, name: string): void;
}

/** How those are met who are not listed. */
export interface Strangers {
  /** Users may be listed later: nobody comes in without being one. Implied by users, and by an external check. */
  readonly required?: boolean | undefined;
  readonly external?: ExternalCheck | undefined;
}

export interface AuthenticatorOptions extends Strangers {
  readonly logins?: LoginCounts | undefined;
  /** Milliseconds since the epoch; it may be set back. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
  /** Hears, once a minute at most, that logins cannot be checked and why. */
  readonly report?: Report | undefined;
  /** Where bcrypt is computed, which others may use as well. Default: a thread of its own, started when it is needed. */
  readonly bcrypt?: Bcrypt | undefined;
}

/**
 * Verifications on this thread, two at a time and one of each client: they are all that guessing can use of the machine.
 * A few hundred is as much as could end within the handshake's deadline.
 */
const TURNS = {
  running: 2,
  runningPerClient: 1,
  waiting: 512,
  waitingPerClient: 64,
  waitMs: 10_000,
} as const;

/**
 * Compiles the users. What a client asks for beside its name is taken apart first (`identity.ts`); a malformed name is a
 * wrong login.
 *
 * @throws TypeError as {@link Authenticator.replace}, and for a URL of the external check that is none.
 */
export function buildAuthenticator(
  accounts: readonly Account[],
  options: AuthenticatorOptions = {},
): Authenticator {
  return new Users(accounts, options);
}

/** What was found out: undefined is a no. */
type Found = UserIdentity | undefined;

class Users implements Authenticator {
  required: boolean;
  readonly #roster: Roster;
  #check: ExternalCheck | undefined;
  #external: External | undefined;
  readonly #logins: LoginCounts | undefined;
  readonly #now: () => number;
  readonly #report: Report;
  readonly #turns = new Turns(TURNS);
  readonly #bcrypt: Bcrypt;
  readonly #ownBcrypt: Bcrypt | undefined;
  readonly #failures: Seldom;
  /** Taken out by the last `replace`. */
  #gone: ReadonlySet<string> = new Set();
  #names: readonly string[] = [];

  constructor(accounts: readonly Account[], options: AuthenticatorOptions) {
    const { external, now = Date.now, report = () => {} } = options;
    this.required = options.required === true || external !== undefined;
    this.#logins = options.logins;
    this.#now = now;
    this.#report = report;
    this.#ownBcrypt = options.bcrypt === undefined ? new BcryptThread() : undefined;
    this.#bcrypt = options.bcrypt ?? this.#ownBcrypt!;
    this.#failures = new Seldom(report, now);
    this.#roster = new Roster((password, hash) => this.#matches(password, hash), this.#turns, now);
    this.replace(accounts);
    this.#check = external;
    this.#external = external && new External(external, now, report);
  }

  verify({ name, password }: Credentials, client = ''): Identity | undefined | Promise<Identity | undefined> {
    const parsed = parseUserName(name, this.#roster.names.size === 0 ? undefined : this.#roster.names);
    if (!this.required) return parsed && label(parsed.user, parsed.parameters);
    const user = parsed?.user ?? '';
    this.#logins?.check(client, user);
    const conclude = (found: Found): Identity | undefined => {
      if (found === undefined || parsed === undefined) return this.#refuse(client, user);
      this.#logins?.succeeded(client, user);
      this.#checkExpiry(found);
      return parsed.parameters === NO_PARAMETERS ? found : { ...found, parameters: parsed.parameters };
    };
    if (parsed === undefined || password === '') return conclude(undefined);
    const found = this.#find(user, password, client);
    return found instanceof Promise ? found.then(conclude) : conclude(found);
  }

  replace(accounts: readonly Account[]): void {
    this.#roster.replace(accounts);
    this.required ||= accounts.length > 0;
    this.#gone = new Set(this.#names.filter((name) => !this.#roster.names.has(name)));
    this.#names = accounts.map(({ name }) => name);
    this.#external?.forgetRefusals();
  }

  admit({ required = false, external }: Strangers): void {
    if (!isDeepStrictEqual(external, this.#check)) {
      const next = external && new External(external, this.#now, this.#report);
      void this.#external?.retire();
      this.#external = next;
      this.#check = external;
    }
    this.required = required || external !== undefined || this.#names.length > 0;
  }

  knows(user: string): boolean {
    if (!this.required || this.#roster.names.has(user)) return true;
    return this.#external !== undefined && !this.#gone.has(user);
  }

  close(): void {
    this.#turns.close();
    this.#ownBcrypt?.close();
    this.#external?.close();
  }

  /** What is known without asking anybody comes first, for listed and unknown names alike. */
  #find(user: string, password: string, client: string): Found | Promise<Found> {
    const listed = this.#roster.recall(user, password);
    if (listed !== undefined) return listed;
    const external = this.#external;
    const remembered = external?.recall(user, password, client);
    if (remembered !== undefined) return remembered.identity;
    const proof = this.#roster.prove(user, password, client);
    if (external === undefined) return proof;
    if (proof === undefined) return external.ask(user, password, client);
    return proof.then((found) => found ?? external.ask(user, password, client));
  }

  async #matches(password: string, hash: string): Promise<boolean> {
    try {
      if (hashKind(hash) === 'scrypt') return await verifyPassword(password, hash);
      return (await this.#bcrypt.verify(password, hash)).right;
    } catch (error) {
      // Out of memory, or of threads: no proof that the password was wrong.
      this.#failures.say('a password hash could not be verified: its user is refused for now', {
        error: error instanceof Error ? error.message : String(error),
      });
      const refusal = new ProxyError('OVERLOADED', 'logins cannot be checked at the moment');
      refusal.retryAfterS = 5;
      throw refusal;
    }
  }

  #refuse(client: string, user: string): undefined {
    this.#logins?.failed(client, user);
    return undefined;
  }

  #checkExpiry({ account: { expiresAt } }: UserIdentity): void {
    if (expiresAt !== undefined && this.#now() >= expiresAt) throw new ProxyError('ACCOUNT_EXPIRED');
  }
}

function label(user: string, parameters: Identity['parameters']): Identity {
  return parameters === NO_PARAMETERS ? { user } : { user, parameters };
}
