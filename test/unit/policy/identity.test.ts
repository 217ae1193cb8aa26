import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import type { SessionParameters } from '../../../src/connection.ts';
import { NO_PARAMETERS, parseUserName } from '../../../src/policy/identity.ts';

const MINUTE = 60_000;

/** What a name comes to: the user, and what it asks for beyond nothing. */
const read = (
  text: string,
  known?: readonly string[],
): [user: string, asked: Partial<SessionParameters>] | undefined => {
  const parsed = parseUserName(text, known && new Set(known));
  if (parsed === undefined) return undefined;
  const defaults: Record<string, unknown> = { ...NO_PARAMETERS, tags: undefined };
  const asked = Object.entries(parsed.parameters).filter(
    ([key, value]) => value !== defaults[key] && !(Array.isArray(value) && value.length === 0),
  );
  return [parsed.user, Object.fromEntries(asked)];
};

suite('a user name', () => {
  const cases: [string, [string, Partial<SessionParameters>]][] = [
    ['alice', ['alice', {}]],
    ['alice-session-abc', ['alice', { session: 'abc' }]],
    ['alice-sessid-Abc_1.x', ['alice', { session: 'Abc_1.x' }]],
    ['alice-strict', ['alice', { strict: true }]],
    ['alice-ttl-90s-strict-session-a', ['alice', { session: 'a', ttlMs: 90_000, strict: true }]],
    ['alice-strict-pool-eu-session-a', ['alice', { pool: 'eu', session: 'a', strict: true }]],
    ['alice-session-strict', ['alice', { session: 'strict' }]],
    ['alice-session-session', ['alice', { session: 'session' }]],
    ['alice-session-a-sessionduration-10', ['alice', { session: 'a', ttlMs: 10 * MINUTE }]],
    ['alice-sesstime-10-sessid-a', ['alice', { session: 'a', ttlMs: 10 * MINUTE }]],
    ['alice-session-a-lifetime-1440', ['alice', { session: 'a', ttlMs: 1440 * MINUTE }]],
    ['alice-ttl-1s', ['alice', { ttlMs: 1000 }]],
    ['alice-ttl-1h', ['alice', { ttlMs: 60 * MINUTE }]],
    ['alice-ttl-7d', ['alice', { ttlMs: 7 * 24 * 60 * MINUTE }]],
    ['alice-sessid_oneip-a1', ['alice', { session: 'a1', strict: true }]],
    ['alice-session_iplock-a1', ['alice', { session: 'a1', strict: true }]],
    ['alice-hardsession-a1', ['alice', { session: 'a1', strict: true }]],
    ['alice-hardsession-a1-strict', ['alice', { session: 'a1', strict: true }]],
    ['alice-country-DE', ['alice', { tags: ['country=de'] }]],
    ['alice-cc-US-st-us_california', ['alice', { tags: ['country=us', 'state=us_california'] }]],
    ['user-alice-session-a', ['alice', { session: 'a' }]],
    [
      'customer-alice-cc-US-sessid-a-sesstime-3',
      ['alice', { session: 'a', ttlMs: 3 * MINUTE, tags: ['country=us'] }],
    ],
    ['brd-customer-hl_1-zone-z1-session-a', ['hl_1', { session: 'a', tags: ['zone=z1'] }]],
    ['user', ['user', {}]],
    ['jean-luc-session-a', ['jean-luc', { session: 'a' }]],
    ['günther@example.com-session-a', ['günther@example.com', { session: 'a' }]],
    ['a-foo-bar', ['a-foo-bar', {}]],
    ['alice-', ['alice-', {}]],
    ['alice-Session-a', ['alice-Session-a', {}]],
  ];
  for (const [text, expected] of cases) {
    test(text, () => {
      assert.deepEqual(read(text), expected);
      if (expected[0] !== text) assert.deepEqual(read(text, [expected[0]]), expected);
    });
  }

  const refused = [
    '',
    'user-',
    '-session-a',
    'session-a',
    'strict',
    'alice-session',
    'alice-session-',
    'alice-session--ttl-5m',
    'alice-session-a-',
    'alice-session-a b',
    'alice-session-ä',
    'alice-session-a\0b',
    'alice-session-a/../b',
    `alice-session-${'a'.repeat(65)}`,
    'alice-session-a-session-b',
    'alice-session-a-sessid-a',
    'alice-session-a-hardsession-a',
    'alice-ttl-5m-lifetime-5m',
    'alice-country-de-cc-de',
    'alice-strict-strict',
    'alice-session-a-foo-bar',
    'alice-session-a-b',
    'alice-ttl-0',
    'alice-ttl-0s',
    'alice-ttl-8d',
    'alice-ttl-10081',
    'alice-ttl-1e309',
    'alice-ttl--5',
    'alice-ttl-1.5h',
    'alice-ttl-1w',
    'alice-ttl-5M',
    'alice-ttl-99999999999999999999',
    'alice-ttl-Infinity',
    'alice-ttl-0x10',
    'alice-country-',
    'alice-pool-',
    'a'.repeat(10_240),
    `alice${'-'.repeat(10_240)}`,
    `alice-session-${'a-'.repeat(5120)}`,
  ];
  for (const text of refused) {
    test(`refused: ${JSON.stringify(text.slice(0, 40))}`, () => {
      assert.equal(parseUserName(text, undefined), undefined);
      assert.equal(parseUserName(text, new Set(['alice', 'bob'])), undefined);
      assert.equal(parseUserName(text, new Set(['bob'])), undefined, 'whether the user exists is not told');
    });
  }
});

suite('with known users', () => {
  const known = ['bob', 'bob-session-x', 'jean-luc', 'user', 'user-eve', 'strict', 'a-strict'];

  test('the longest known name wins, keywords or not', () => {
    assert.deepEqual(read('bob-session-x', known), ['bob-session-x', {}]);
    assert.deepEqual(read('bob-session-x-ttl-5m', known), ['bob-session-x', { ttlMs: 5 * MINUTE }]);
    assert.deepEqual(read('bob-session-y', known), ['bob', { session: 'y' }]);
    assert.deepEqual(read('a-strict-strict', known), ['a-strict', { strict: true }]);
    assert.deepEqual(read('strict', known), ['strict', {}]);
  });

  test('a longer name that leaves nonsense gives way to a shorter one', () => {
    assert.deepEqual(read('bob-session-x', ['bob', 'bob-session']), ['bob', { session: 'x' }]);
  });

  test('a prefix that is part of a name stays part of it', () => {
    assert.deepEqual(read('user-eve', known), ['user-eve', {}]);
    assert.deepEqual(read('user-session-a', known), ['user', { session: 'a' }]);
    assert.deepEqual(read('user-bob-session-a', known), ['bob', { session: 'a' }]);
    assert.deepEqual(read('customer-user-eve-strict', known), ['user-eve', { strict: true }]);
  });

  test('a name that merely begins like a known one is another name', () => {
    assert.deepEqual(read('bobby-session-a', known), ['bobby', { session: 'a' }]);
    assert.deepEqual(read('bob-foo-bar', known), ['bob-foo-bar', {}]);
  });
});

suite('any user name', () => {
  test('never throws, and what is accepted is within bounds', () => {
    const word = fc.oneof(
      fc.constantFrom(
        'session',
        'ttl',
        'strict',
        'country',
        'user',
        'pool',
        '',
        'a',
        '1e309',
        '10m',
        '9'.repeat(30),
      ),
      fc.string({ unit: 'binary', maxLength: 20 }),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 9 }), fc.boolean(), (words, open) => {
        const parsed = parseUserName(words.join('-'), open ? undefined : new Set(['a', 'user-a']));
        if (parsed === undefined) return;
        assert.notEqual(parsed.user, '');
        const { session, pool, ttlMs, tags } = parsed.parameters;
        for (const value of [session, pool]) if (value !== undefined) assert.match(value, /^[\w.]{1,64}$/);
        if (ttlMs !== undefined) assert.ok(Number.isInteger(ttlMs) && ttlMs >= 1000 && ttlMs <= 604_800_000);
        assert.equal(new Set(tags).size, tags.length);
      }),
      { numRuns: 2000 },
    );
  });

  test('the order of parameters does not matter', () => {
    const parts = ['session-a', 'ttl-10m', 'strict', 'country-de', 'pool-eu'];
    const expected = read(`alice-${parts.join('-')}`);
    fc.assert(
      fc.property(fc.shuffledSubarray(parts, { minLength: parts.length }), (shuffled) => {
        assert.deepEqual(read(`alice-${shuffled.join('-')}`), expected);
      }),
    );
  });
});
