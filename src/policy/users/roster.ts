/**
 * The users that are listed, and what is known of their passwords.
 *
 * No password is kept: only its HMAC under a key that dies with the process, so that comparing takes the same time
 * whatever was sent, and what is kept proves nothing elsewhere. A hashed password costs a verification first; what it
 * proved is believed as long as it is used at least once a minute, and dies with the hash.
 */
import { createHmac, hash as hashOnce, randomBytes, timingSafeEqual } from 'node:crypto';
import { checkAccounts, identityOf, type Account, type UserIdentity } from './account.ts';
import type { Names } from '../identity.ts';
import { within } from './shelf.ts';
import type { Turns } from './turns.ts';

/** How long a verified password is believed without being used; milliseconds. */
const PROOF_MS = 60_000;
const DIGEST_BYTES = 32;

interface User {
  identity: UserIdentity;
  /** What has to be verified against; undefined for a plain password. */
  readonly hash: string | undefined;
  /** Keyed digest of the right password. Random while it is not known: before a hash has been verified. */
  digest: Buffer;
  /** When `digest` counts, in milliseconds since the epoch. */
  since: number;
  until: number;
}

/** Whether a password is the one that was hashed; rejects when that cannot be found out. */
export type VerifyHash = (password: string, hash: string) => Promise<boolean>;

export class Roster {
  readonly #verify: VerifyHash;
  readonly #turns: Turns;
  readonly #now: () => number;
  readonly #key = randomBytes(DIGEST_BYTES);
  readonly #nobody: User = newUser({ user: '', account: { name: '' } }, undefined);
  #known: ReadonlyMap<string, User> = new Map();
  #decoys = new Decoys([]);
  /** Verifications under way, by name, password and hash: who asks the same gets the same answer. */
  readonly #running = new Map<string, Promise<UserIdentity | undefined>>();

  /** @param now Milliseconds since the epoch. */
  constructor(verify: VerifyHash, turns: Turns, now: () => number) {
    this.#verify = verify;
    this.#turns = turns;
    this.#now = now;
  }

  get names(): Names {
    return this.#known;
  }

  /**
   * Other users, at once. Who keeps password or hash keeps what was proved.
   *
   * @throws TypeError as {@link checkAccounts}; then nothing has changed.
   */
  replace(accounts: readonly Account[]): void {
    checkAccounts(accounts);
    const known = new Map<string, User>();
    for (const account of accounts) known.set(account.name, this.#take(account));
    this.#known = known;
    this.#decoys = new Decoys([...known.values()].flatMap(({ hash }) => hash ?? []));
  }

  /** Who that is, if it is known already: by a plain password, or one that was verified lately. */
  recall(name: string, password: string): UserIdentity | undefined {
    const user = this.#known.get(name) ?? this.#nobody;
    const now = this.#now();
    if (!timingSafeEqual(this.#digestOf(password), user.digest) || !within(now, user)) return undefined;
    if (user.hash !== undefined) extend(user, now);
    return user.identity;
  }

  /**
   * Finds out who that is. Unknown names take the way of known ones: as soon as one user is hashed, every refusal costs a
   * verification, so that time tells nothing about who exists.
   *
   * @returns Undefined when there is nothing to find out, since nobody is hashed. Rejects with a ProxyError of
   * {@link Turns.take}, or with what went wrong while verifying.
   */
  prove(name: string, password: string, client: string): Promise<UserIdentity | undefined> | undefined {
    const hash = this.#known.get(name)?.hash ?? this.#decoys.for(name);
    if (hash === undefined) return undefined;
    const digest = this.#digestOf(password);
    const question = `${digest.toString('base64')} ${hash} ${name}`;
    const running = this.#running.get(question);
    if (running !== undefined) return running;
    const run = this.#turns
      .take(client, () => this.#verify(password, hash))
      .then((right) => (right ? this.#believe(name, hash, digest) : undefined))
      .finally(() => this.#running.delete(question));
    this.#running.set(question, run);
    return run;
  }

  /** Of a password that is right for a hash: it may be a decoy, or by now no longer that of the user. */
  #believe(name: string, hash: string, digest: Buffer): UserIdentity | undefined {
    const user = this.#known.get(name);
    if (user?.hash !== hash) return undefined;
    user.digest = digest;
    extend(user, this.#now());
    return user.identity;
  }

  #take(account: Account): User {
    const identity = identityOf(account);
    const before = this.#known.get(account.name);
    const user =
      'passwordHash' in account
        ? newUser(identity, account.passwordHash)
        : withPassword(newUser(identity, undefined), this.#digestOf(account.password));
    if (before === undefined || !sameSecret(before, user)) return user;
    before.identity = identity;
    return before;
  }

  #digestOf(password: string): Buffer {
    // The key is of a fixed length, and nobody gets to see a digest: an HMAC would say no more, and takes three times as long.
    return hashOnce('sha256', Buffer.concat([this.#key, Buffer.from(password)]), 'buffer');
  }
}

function newUser(identity: UserIdentity, hash: string | undefined): User {
  return { identity, hash, digest: randomBytes(DIGEST_BYTES), since: -Infinity, until: -Infinity };
}

function withPassword(user: User, digest: Buffer): User {
  user.digest = digest;
  user.until = Infinity;
  return user;
}

function extend(user: User, now: number): void {
  user.since = now;
  user.until = now + PROOF_MS;
}

function sameSecret(a: User, b: User): boolean {
  return a.hash === b.hash && (a.hash !== undefined || a.digest.equals(b.digest));
}

/**
 * What passwords of unknown names are verified against.
 *
 * Verifying takes as long as the hash says, and hashes may differ. Each name has its own decoy among the hashes of all
 * users, always the same one and the same on every thread: so the time that a name takes is as likely for an unknown one
 * as for a known one.
 */
class Decoys {
  readonly #hashes: readonly string[];
  readonly #key: string;

  constructor(hashes: readonly string[]) {
    this.#hashes = hashes;
    // A secret that all threads share and that seldom changes.
    this.#key = hashes.reduce((least, hash) => (hash < least ? hash : least), hashes[0] ?? '');
  }

  /** @returns Undefined when nobody is hashed. */
  for(name: string): string | undefined {
    if (this.#hashes.length === 0) return undefined;
    const draw = createHmac('sha256', this.#key).update(name).digest().readUInt32BE(0) / 2 ** 32;
    return this.#hashes[Math.floor(draw * this.#hashes.length)];
  }
}
