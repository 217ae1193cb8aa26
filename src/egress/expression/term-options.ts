/** What may follow the addresses of a term: `*3` a weight, and after semicolons tags and settings. */
import { bad, quote, type PoolError } from './pool-error.ts';
import { unquoted } from './words.ts';

export interface TermOptions {
  readonly weight: number | undefined;
  /** `country=de`: lower case, sorted, each key once. */
  readonly tags: readonly string[];
  readonly identityBits: number | undefined;
  /** Milliseconds. */
  readonly refreshMs: number | undefined;
}

/** How a term may be named in an error. */
interface Blamed {
  readonly term: string;
  /** An option may be a piece of a URL or command with a secret in it: do not repeat it. */
  readonly secret: boolean;
}

interface Parts {
  /** What follows the `*`; undefined without one. */
  readonly weight: string | undefined;
  /** What stands between the semicolons. */
  readonly settings: readonly string[];
}

const MOST_WEIGHT = 1000;
const MOST_TAGS = 16;
const WORD = /^[a-z0-9_]{1,64}$/;
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * Cuts a term from its options. The first semicolon begins them (in a URL write `%3B` for one of its own, in a command
 * put it in quotes).
 * @param scheme Undefined for addresses.
 */
export function splitOptions(body: string, scheme: string | undefined): { core: string; parts: Parts } {
  const end = scheme === 'exec' ? unquoted(body, ';') : body.indexOf(';');
  const head = (end === -1 ? body : body.slice(0, end)).trimEnd();
  const settings = end === -1 ? [] : body.slice(end + 1).split(';');
  // A path, a URL and a command may hold a star of their own: there only a number at the end is a weight.
  const open = scheme !== undefined && scheme !== 'interface' && scheme !== 'aws';
  const star = open ? head.search(/\*[-+]?[\d.]+$/) : head.indexOf('*');
  if (star === -1) return { core: head, parts: { weight: undefined, settings } };
  return { core: head.slice(0, star), parts: { weight: head.slice(star + 1), settings } };
}

/** @throws {PoolError} */
export function readOptions({ weight, settings }: Parts, blamed: Blamed): TermOptions {
  const tags = new Map<string, string>();
  const known = new Map<string, string>();
  for (const setting of settings) {
    const [key, value] = keyAndValue(setting.trim(), blamed);
    const into = key === 'identity' || key === 'refresh' ? known : tags;
    if (into.has(key)) throw bad(blamed.term, `has ${key} twice`, 'leave one out');
    into.set(key, value);
  }
  if (tags.size > MOST_TAGS) throw bad(blamed.term, `has more than ${MOST_TAGS} tags`);
  return {
    weight: readWeight(weight, blamed),
    tags: [...tags].map(([key, value]) => `${key}=${value}`).sort(),
    identityBits: readIdentity(known.get('identity'), blamed),
    refreshMs: readRefresh(known.get('refresh'), blamed),
  };
}

/** Refuses options that mean nothing for their term. @throws {PoolError} */
export function checkOptions(
  { weight, tags, identityBits, refreshMs }: TermOptions,
  of: {
    readonly term: string;
    readonly excluded: boolean;
    /** Length of an IPv6 prefix. */
    readonly prefix: number | undefined;
    readonly refreshes: boolean;
  },
): void {
  const { term, excluded, prefix, refreshes } = of;
  if (excluded && (weight !== undefined || tags.length > 0 || identityBits !== undefined)) {
    throw bad(term, 'is excluded, and what is not in the pool has no weight and no tags', 'leave them out');
  }
  if (identityBits !== undefined && (prefix === undefined || prefix >= identityBits)) {
    throw bad(
      term,
      'cannot rotate by whole /64s',
      'identity=64 is for IPv6 prefixes shorter than /64, for example 2001:db8::/48;identity=64',
    );
  }
  if (refreshMs !== undefined && !refreshes) {
    throw bad(term, 'has nothing to refresh: its addresses are written out', 'leave refresh out');
  }
}

function keyAndValue(setting: string, { term, secret }: Blamed): [key: string, value: string] {
  const [key = '', value = '', ...more] = setting.toLowerCase().split('=');
  if (WORD.test(key) && WORD.test(value) && more.length === 0) {
    if (key === 'weight') throw bad(term, 'has a weight in the wrong form', `write TERM*${value}`);
    return [key, value];
  }
  const what = secret || setting === '' ? 'what follows a semicolon' : quote(setting);
  const hint = setting.includes('*')
    ? 'the weight comes before the tags: TERM*3;country=de'
    : 'write KEY=VALUE in letters, digits and underscores, for example country=de';
  throw bad(term, `has a bad tag: ${what} is not KEY=VALUE`, hint);
}

function readWeight(text: string | undefined, { term }: Blamed): number | undefined {
  if (text === undefined) return undefined;
  const weight = /^[1-9]\d{0,3}$/.test(text) ? Number(text) : Infinity;
  if (weight <= MOST_WEIGHT) return weight;
  const hint = text === '0' ? 'to keep an address out of the pool write !ADDRESS' : 'for example 192.0.2.1*3';
  throw bad(term, `has a bad weight: it takes a whole number from 1 to ${MOST_WEIGHT}`, hint);
}

function readIdentity(value: string | undefined, { term }: Blamed): number | undefined {
  if (value === undefined) return undefined;
  if (value !== '64') throw bad(term, 'has a bad identity: only 64 is supported', 'write identity=64');
  return 64;
}

function readRefresh(value: string | undefined, { term }: Blamed): number | undefined {
  if (value === undefined) return undefined;
  const [, amount = '', unit = ''] = /^(\d{1,9})(ms|s|m|h)$/.exec(value) ?? [];
  const ms = Number(amount) * (UNITS[unit] ?? NaN);
  if (ms >= 1000 && ms <= 24 * 3_600_000) return ms;
  throw badRefresh(term);
}

function badRefresh(term: string): PoolError {
  return bad(term, 'has a bad refresh: it takes a time from 1s to 24h', 'for example refresh=10s');
}
