/**
 * Passwords at rest: scrypt (RFC 7914) in the PHC string format, `$scrypt$ln=15,r=8,p=1$<salt>$<hash>`, which is what
 * Gyre makes; and bcrypt, `$2b$12$<salt><hash>`, which it takes from files made by others.
 */
import { randomBytes, scrypt, timingSafeEqual, type ScryptOptions } from 'node:crypto';
import { promisify } from 'node:util';

// 32 MiB and about 0.1 s for one guess.
const LOG_COST = 15;
const BLOCK_SIZE = 8;
const PARALLELISM = 1;
const SALT_BYTES = 16;
const HASH_BYTES = 32;

/** Most memory one verification may take: a hash that asks for more is a mistake, or an attack on this host. */
const MAX_MEMORY = 1024 ** 3;

const PHC =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/;

/**
 * bcrypt as crypt_blowfish, htpasswd, Python and PHP write it. `$2x$` stands for a defect that is imitated, `$2$` for an
 * older one. 184 bits of hash leave two bits of the last character empty.
 */
const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{22}[./A-Za-z0-9]{30}[.CGKOSWaeimquy26]$/;

/** The costs of bcrypt that are taken, as powers of two; each step doubles the work, and 16 takes seconds. */
export const BCRYPT_COSTS = { least: 4, most: 16 } as const;

const derive: (password: string, salt: Buffer, length: number, options: ScryptOptions) => Promise<Buffer> =
  promisify(scrypt);

interface PasswordHash {
  readonly options: ScryptOptions;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/** Hashes a password under a fresh salt. @throws RangeError for an empty one, which nobody could log in with. */
export async function hashPassword(password: string): Promise<string> {
  if (password === '') throw new RangeError('the password is empty: choose one of 1 to 255 bytes');
  const salt = randomBytes(SALT_BYTES);
  const hash = await derive(password, salt, HASH_BYTES, scryptOptions(LOG_COST, BLOCK_SIZE, PARALLELISM));
  return `$scrypt$ln=${LOG_COST},r=${BLOCK_SIZE},p=${PARALLELISM}$${toBase64(salt)}$${toBase64(hash)}`;
}

/**
 * Whether `password` is the one that was hashed by scrypt. False for everything else, bcrypt included: that is verified by
 * a thread of its own (`users/bcrypt.ts`), since it runs in JavaScript.
 */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  const stored = parse(hash);
  if (stored === undefined) return false;
  return timingSafeEqual(
    await derive(password, stored.salt, stored.hash.length, stored.options),
    stored.hash,
  );
}

/**
 * Whether a text is a hash that can be verified. scrypt: ln 10–20, r 1–32, p 1–16, at most 1 GiB of memory, a salt of 8 to
 * 64 bytes and a hash of 16 to 64. bcrypt: `$2a$`, `$2b$` or `$2y$` with a cost within {@link BCRYPT_COSTS}.
 */
export function isPasswordHash(text: string): boolean {
  return hashKind(text) !== undefined;
}

/** By what a hash has to be verified; undefined for what is none. */
export function hashKind(text: string): 'scrypt' | 'bcrypt' | undefined {
  if (parse(text) !== undefined) return 'scrypt';
  const cost = Number(BCRYPT.exec(text)?.[1]);
  return within(cost, BCRYPT_COSTS.least, BCRYPT_COSTS.most) ? 'bcrypt' : undefined;
}

function parse(text: string): PasswordHash | undefined {
  const [, ln, r, p, salt = '', hash = ''] = PHC.exec(text) ?? [];
  const [logCost, blockSize, parallelism] = [Number(ln), Number(r), Number(p)];
  if (!within(logCost, 10, 20) || !within(blockSize, 1, 32) || !within(parallelism, 1, 16)) return undefined;
  if (2 ** logCost * blockSize * 128 > MAX_MEMORY) return undefined;
  const stored = {
    options: scryptOptions(logCost, blockSize, parallelism),
    salt: Buffer.from(salt, 'base64'),
    hash: Buffer.from(hash, 'base64'),
  };
  // Base64 has several texts for the same bytes, and texts cut in the middle: take the exact one only.
  return toBase64(stored.salt) === salt && toBase64(stored.hash) === hash ? stored : undefined;
}

function scryptOptions(logCost: number, r: number, p: number): ScryptOptions {
  const N = 2 ** logCost;
  // OpenSSL counts the working table, the blocks and some scratch space against `maxmem`.
  return { N, r, p, maxmem: 128 * r * (N + p + 2) + 1024 };
}

/** False for NaN as well. */
function within(value: number, low: number, high: number): boolean {
  return value >= low && value <= high;
}

function toBase64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
