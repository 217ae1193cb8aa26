/**
 * Who may come in.
 *
 * No password is kept: only its HMAC under a key that dies with the process, so that comparing takes the same time
 * whatever was sent and a memory dump gives nothing away. Hashed users cost a scrypt run, which is remembered for a minute.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Credentials, Identity } from '../connection.ts';
import { NO_PARAMETERS, parseUserName } from './identity.ts';
import { isPasswordHash, verifyPassword } from './password.ts';

/** A user by password, or by its hash as `gyre hash-password` prints it. */
export type UserConfig =
  | { readonly name: string; readonly password: string }
  | { readonly name: string; readonly passwordHash: string };

export interface Authenticator {
  /** No users configured: anyone may come in, and a name they send is only a label. */
  readonly required: boolean;
  /**
   * Identity, or undefined when refused. Synchronous whenever it can be: a plain password, or a hash verified within the
   * last minute. The promise never rejects.
   */
  verify(credentials: Credentials): Identity | undefined | Promise<Identity | undefined>;
}

/** How long a verified hash is believed without another scrypt run, in ms. */
const PROOF_TTL = 60_000;

/**
 * Scrypt runs a thread may have waiting. At about ten a second on each core, more could not end within the handshake's
 * deadline; what exceeds them is refused, so that guessing cannot grow a queue.
 */
const MAX_PENDING = 64;

const DIGEST_BYTES = 32;

interface User {
  readonly identity: Identity;
  /** What scrypt runs against, undefined for a plain password. */
  readonly hash: string | undefined;
  /** HMAC of the right password. Random while it is not known: before a hash has been verified. */
  digest: Buffer;
  /** Until when `digest` counts, on the clock of {@link buildAuthenticator}. */
  until: number;
}

/**
 * Compiles the users. What a client asks for beside its name is taken apart first (`identity.ts`); a malformed name is a
 * wrong login.
 *
 * @param now A clock in ms that never goes back.
 * @throws TypeError for a name given twice or empty, or a hash that cannot be verified.
 */
export function buildAuthenticator(users: readonly UserConfig[], now?: () => number): Authenticator {
  const verifier = buildVerifier(users, now);
  const { required } = verifier;
  const known = required ? new Set(users.map(({ name }) => name)) : undefined;
  return {
    required,
    verify({ name, password }) {
      const parsed = parseUserName(name, known);
      if (parsed === undefined) return undefined;
      const { user, parameters } = parsed;
      const identity = verifier.verify({ name: user, password });
      if (parameters === NO_PARAMETERS || identity === undefined) return identity;
      return identity instanceof Promise
        ? identity.then((found) => found && { ...found, parameters })
        : { ...identity, parameters };
    },
  };
}

/**
 * Names are compared exactly. Unknown names take the way of known ones; as soon as one user is
 * hashed, every refusal costs a scrypt run, so that time tells nothing about who exists.
 */
function buildVerifier(
  users: readonly UserConfig[],
  now: () => number = () => performance.now(),
): Authenticator {
  if (users.length === 0)
    return { required: false, verify: ({ name }) => (name === '' ? undefined : { user: name }) };

  const key = randomBytes(DIGEST_BYTES);
  const digestOf = (password: string): Buffer => createHmac('sha256', key).update(password).digest();
  const known = new Map<string, User>();
  for (const config of users) {
    checkUser(config, known);
    known.set(config.name, compile(config, digestOf));
  }
  const nobody: User = {
    identity: { user: '' },
    hash: undefined,
    digest: randomBytes(DIGEST_BYTES),
    until: -Infinity,
  };
  const decoy = [...known.values()].find(({ hash }) => hash !== undefined)?.hash;
  const pending = new Map<string, Promise<Identity | undefined>>();

  const prove = async (
    user: User,
    password: string,
    digest: Buffer,
    hash: string,
  ): Promise<Identity | undefined> => {
    // An error of scrypt (out of memory) is no proof.
    const right = await verifyPassword(password, hash).catch(() => false);
    if (!right || user.hash === undefined) return undefined;
    user.digest = digest;
    user.until = now() + PROOF_TTL;
    return user.identity;
  };

  return {
    required: true,
    verify({ name, password }) {
      if (name === '' || password === '') return undefined;
      const user = known.get(name) ?? nobody;
      const digest = digestOf(password);
      const same = timingSafeEqual(digest, user.digest);
      if (same && now() < user.until) return user.identity;
      const hash = user.hash ?? decoy;
      if (hash === undefined) return undefined;

      const job = `${digest.toString('base64')} ${name}`;
      const running = pending.get(job);
      if (running !== undefined || pending.size >= MAX_PENDING) return running;
      const run = prove(user, password, digest, hash).finally(() => pending.delete(job));
      pending.set(job, run);
      return run;
    },
  };
}

function compile(config: UserConfig, digestOf: (password: string) => Buffer): User {
  const identity = { user: config.name };
  return 'passwordHash' in config
    ? { identity, hash: config.passwordHash, digest: randomBytes(DIGEST_BYTES), until: -Infinity }
    : { identity, hash: undefined, digest: digestOf(config.password), until: Infinity };
}

function checkUser(config: UserConfig, known: ReadonlyMap<string, User>): void {
  const name = JSON.stringify(config.name);
  if (config.name === '') throw new TypeError('a user has an empty name: give it one of 1 to 255 bytes');
  if (known.has(config.name)) throw new TypeError(`user ${name} is there twice: remove one of them`);
  if ('passwordHash' in config && !isPasswordHash(config.passwordHash)) {
    throw new TypeError(
      `user ${name} has a password hash that cannot be verified: make one with "gyre hash-password"`,
    );
  }
}
