import assert from 'node:assert/strict';
import { parseUserName, type ParsedName } from '../../../src/policy/identity.ts';
import type { Target } from '../target.ts';

const WEEK_MS = 7 * 86_400_000;
const WORD = /^[A-Za-z0-9_.]{1,64}$/;

/** `NAME`, or known users with commas between them and `NAME` on two lines. */
function run(input: Buffer): string {
  const [first = '', second] = input.toString('utf8').split('\n', 2);
  const text = second ?? first;
  const known = second === undefined ? undefined : new Set(first.split(',').filter((name) => name !== ''));
  const parsed = parseUserName(text, known);
  if (parsed === undefined) return 'refused';
  check(parsed, text);
  // What was understood, written plainly, is understood in the same way; a plain word may be too long for a name.
  const plain = written(parsed);
  if (plain.length <= 512) assert.deepEqual(parseUserName(plain, new Set([parsed.user])), parsed);
  return `${known?.has(parsed.user) === true ? 'known' : 'user'} ${Object.values(parsed.parameters).filter(Boolean).length}`;
}

function check({ user, parameters }: ParsedName, text: string): void {
  assert.ok(user !== '' && text.includes(user), 'the user is not part of the text');
  const { pool, session, ttlMs, tags } = parameters;
  if (pool !== undefined) assert.match(pool, WORD);
  if (session !== undefined) assert.match(session, WORD);
  if (ttlMs !== undefined)
    assert.ok(Number.isInteger(ttlMs) && ttlMs >= 1000 && ttlMs <= WEEK_MS, `ttl ${ttlMs}`);
  checkWords(text, { user, parameters });
  const keys = tags.map((tag) => tag.split('=', 1)[0]);
  assert.equal(new Set(keys).size, keys.length, 'a tag is given twice');
  for (const tag of tags) assert.match(tag, /^[a-z]+=[a-z0-9_.]{1,64}$/);
}

/** Each word of the text has had its effect: none was given twice, none was passed over. */
function checkWords(
  text: string,
  { user, parameters: { pool, session, ttlMs, strict, tags } }: ParsedName,
): void {
  const pairs = [pool, session, ttlMs, ...tags].filter((value) => value !== undefined).length;
  const behind = (prefix: string): string => text.slice(prefix.length + user.length);
  const counts = ['', 'user-', 'customer-', 'brd-customer-']
    .filter((prefix) => text.startsWith(prefix + user))
    .map((prefix) => behind(prefix).split('-').length - 1);
  // `strict` is a word of its own, or part of another one.
  assert.ok(
    counts.includes(2 * pairs) || (strict && counts.includes(2 * pairs + 1)),
    `${counts.join(' or ')} words, ${pairs} pairs`,
  );
}

function written({ user, parameters: { pool, session, ttlMs, strict, tags } }: ParsedName): string {
  return [
    user,
    ...(pool === undefined ? [] : ['pool', pool]),
    ...(session === undefined ? [] : ['session', session]),
    ...(ttlMs === undefined ? [] : ['ttl', `${ttlMs / 1000}s`]),
    ...(strict ? ['strict'] : []),
    ...tags.flatMap((tag) => tag.split('=')),
  ].join('-');
}

export const target: Target = {
  longest: 600,
  words: [
    'alice',
    'alice,alice-pool-de\n',
    'user-',
    'customer-',
    'brd-customer-',
    '-pool-de',
    '-session-shop1',
    '-sessid-1',
    '-hardsession-1',
    '-session_iplock-1',
    '-ttl-10m',
    '-lifetime-7d',
    '-strict',
    '-country-DE',
    '-cc-us',
    '-city-berlin',
    '-asn-64500',
    '-',
    '\n',
  ],
  run,
};
