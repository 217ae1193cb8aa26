import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hashKey } from '../../../../src/egress/sessions/rendezvous.ts';
import { hashText, readHash, SeenSessions } from '../../../../src/egress/sessions/seen.ts';
import { partsOf, sessionKey, type SessionKind } from '../../../../src/egress/sessions/sessions.ts';

const KINDS: readonly SessionKind[] = ['user', 'client', 'port', 'listen'];

test('what a key was made of can be read from it, whatever that was', () => {
  fc.assert(
    fc.property(fc.constantFrom(...KINDS), fc.array(fc.string({ unit: 'binary' })), (kind, parts) => {
      assert.deepEqual(partsOf(sessionKey(kind, ...parts)), { kind, parts });
    }),
  );
  assert.equal(partsOf('user x:abc'), undefined);
});

test('a hash as text is read back, and nothing else is taken for one', () => {
  fc.assert(
    fc.property(fc.string(), fc.constantFrom(4 as const, 6 as const), (key, family) => {
      const hash = hashKey(key, family);
      assert.match(hashText(hash), /^[\da-f]{16}$/);
      assert.deepEqual(readHash(hashText(hash)), hash);
    }),
  );
  for (const text of ['', 'abc', '00000000-0000000', '0123456789ABCDEF', '0123456789abcdef0']) {
    assert.equal(readHash(text), undefined);
  }
});

test('those seen last are remembered, each once, and no more of them than the bound', () => {
  const seen = new SeenSessions(3);
  const add = (key: string, family: 4 | 6 = 4): void => seen.add(key, family, hashKey(key, family));
  for (const key of ['a', 'b', 'c', 'a', 'd', 'a']) add(key);
  assert.deepEqual(
    seen.list().map(({ key }) => key),
    ['c', 'd', 'a'],
  );
  add('a', 6);
  assert.equal(seen.list().length, 4);
  const wanted = [hashText(hashKey('a', 6)), hashText(hashKey('d', 4)), hashText(hashKey('b', 4))];
  assert.deepEqual(seen.list(wanted), [
    { hash: wanted[1], key: 'd', family: 4 },
    { hash: wanted[0], key: 'a', family: 6 },
  ]);
});
