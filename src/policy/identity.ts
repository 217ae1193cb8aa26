/**
 * What clients ask for inside a user name: `alice-session-shop1-ttl-10m-strict-country-de`, in any order.
 *
 * The words are those of the large vendors, so that a client written for one of them needs nothing but another address.
 * What is malformed is refused as a bad login: a session that silently is none would be found out too late.
 */
import type { SessionParameters } from '../connection.ts';

/** A user name taken apart. */
export interface ParsedName {
  /** Not empty. Whether there is such a user is not said. */
  readonly user: string;
  readonly parameters: SessionParameters;
}

/** The users there are. */
export interface Names {
  readonly size: number;
  has(name: string): boolean;
}

/** Longer names are refused; SOCKS5 has room for 255 bytes (RFC 1929 §2). */
const MAX_NAME = 512;
/** Ids, pools and the values of tags. */
const WORD = /^[A-Za-z0-9_.]{1,64}$/;
/** A number of up to eight digits, and a unit; without one, minutes, as with the vendors. */
const TTL = /^(\d{1,8})([smhd]?)$/;
const UNITS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  '': 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const SHORTEST_MS = 1000;
const LONGEST_MS = 7 * 86_400_000;

/** Before the account name, and not a part of it: how vendors begin. */
const PREFIXES = ['user-', 'customer-', 'brd-customer-'];

/** What a keyword stands for: one meaning may be given once, in whatever spelling. */
type Meaning = 'pool' | 'session' | 'strict-session' | 'ttl' | `tag ${string}`;

const KEYWORDS: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  ['pool', 'pool'],
  ['session', 'session'],
  ['sessid', 'session'],
  ['hardsession', 'strict-session'],
  ['session_iplock', 'strict-session'],
  ['sessid_oneip', 'strict-session'],
  ['ttl', 'ttl'],
  ['lifetime', 'ttl'],
  ['sesstime', 'ttl'],
  ['sessionduration', 'ttl'],
  ['country', 'tag country'],
  ['cc', 'tag country'],
  ['state', 'tag state'],
  ['st', 'tag state'],
  ['city', 'tag city'],
  ['region', 'tag region'],
  ['continent', 'tag continent'],
  ['zone', 'tag zone'],
  ['zip', 'tag zip'],
  ['asn', 'tag asn'],
  ['isp', 'tag isp'],
]);
/** The only keyword without a value. */
const STRICT = 'strict';

/** Of who asks for nothing. */
export const NO_PARAMETERS: SessionParameters = {
  pool: undefined,
  session: undefined,
  ttlMs: undefined,
  strict: false,
  tags: [],
};

/**
 * Reads `[user-|customer-]NAME[-KEY-VALUE | -strict]…`.
 *
 * A name may contain `-` itself, and even keywords: the longest known user that leaves well-formed parameters is the one.
 * If there is none, or nobody is known, the name ends before the first keyword.
 * @returns undefined for what must be refused. It is the same for known and unknown users, so that it gives nobody away.
 */
export function parseUserName(text: string, knownUsers: Names | undefined): ParsedName | undefined {
  if (text.length > MAX_NAME) return undefined;
  const prefix = PREFIXES.find((prefix) => text.startsWith(prefix)) ?? '';
  const bare = text.slice(prefix.length);
  if (knownUsers !== undefined && knownUsers.size > 0) {
    const known = parseKnown(text, knownUsers) ?? (prefix === '' ? undefined : parseKnown(bare, knownUsers));
    if (known !== undefined) return known;
  }
  const words = bare.split('-');
  const end = words.findIndex((word) => word === STRICT || KEYWORDS.has(word));
  const user = end === -1 ? bare : words.slice(0, end).join('-');
  const parameters = end === -1 ? NO_PARAMETERS : parseParameters(words.slice(end));
  return user === '' || parameters === undefined ? undefined : { user, parameters };
}

function parseKnown(text: string, knownUsers: Names): ParsedName | undefined {
  for (let end = text.length; end > 0; end = text.lastIndexOf('-', end - 1)) {
    const user = text.slice(0, end);
    if (!knownUsers.has(user)) continue;
    const parameters = end === text.length ? NO_PARAMETERS : parseParameters(text.slice(end + 1).split('-'));
    if (parameters !== undefined) return { user, parameters };
  }
  return undefined;
}

/** @param words Keywords and values in turn; `strict` stands alone. */
function parseParameters(words: readonly string[]): SessionParameters | undefined {
  const found = new Map<string, string>();
  for (let index = 0; index < words.length;) {
    const keyword = words[index++]!;
    const value = keyword === STRICT ? STRICT : words[index++];
    const meaning = keyword === STRICT ? STRICT : KEYWORDS.get(keyword);
    if (meaning === undefined || value === undefined || !WORD.test(value)) return undefined;
    const key = meaning === 'strict-session' ? 'session' : meaning;
    if (found.has(key)) return undefined;
    found.set(key, value);
    // Not a repetition if the word itself comes as well.
    if (meaning === 'strict-session') found.set('locked', value);
  }
  return build(found);
}

function build(found: ReadonlyMap<string, string>): SessionParameters | undefined {
  const ttl = found.get('ttl');
  const ttlMs = ttl === undefined ? undefined : parseTtl(ttl);
  if (ttl !== undefined && ttlMs === undefined) return undefined;
  const tags = [...found]
    .filter(([key]) => key.startsWith('tag '))
    .map(([key, value]) => `${key.slice('tag '.length)}=${value.toLowerCase()}`);
  return {
    pool: found.get('pool'),
    session: found.get('session'),
    ttlMs,
    strict: found.has(STRICT) || found.has('locked'),
    tags,
  };
}

function parseTtl(text: string): number | undefined {
  const [, amount, unit] = TTL.exec(text) ?? [];
  if (amount === undefined || unit === undefined) return undefined;
  const ms = Number(amount) * UNITS[unit]!;
  return ms >= SHORTEST_MS && ms <= LONGEST_MS ? ms : undefined;
}
