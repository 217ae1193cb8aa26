import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { sessionOfServerName } from '../../../src/protocol/server-name.ts';

const DOMAIN = 'proxy.example';

test('the first label names the session', () => {
  const cases: readonly (readonly [name: string, session: string])[] = [
    ['s-1.proxy.example', '1'],
    ['s-shop1.proxy.example', 'shop1'],
    ['s-shop-1_eu.proxy.example', 'shop-1_eu'],
    ['S-Shop1.Proxy.EXAMPLE', 'shop1'],
    ['s-s-1.proxy.example', 's-1'],
    ['s--.proxy.example', '-'],
    [`s-${'a'.repeat(61)}.proxy.example`, 'a'.repeat(61)],
  ];
  for (const [name, session] of cases) assert.equal(sessionOfServerName(name, DOMAIN), session, name);
});

test('the domain may be written in any case, and have one label', () => {
  assert.equal(sessionOfServerName('s-1.proxy.example', 'Proxy.Example'), '1');
  assert.equal(sessionOfServerName('s-1.localhost', 'localhost'), '1');
});

test('every other name asks for no session', () => {
  const names = [
    '', 's-', 's-1', '.', 'proxy.example', 's.proxy.example', 's-.proxy.example', 'x-1.proxy.example', '1.proxy.example',
    's-1.a.proxy.example', 'a.s-1.proxy.example', 's-1.proxy.example.', 's-1.proxy.example.evil.example', 's-1.xproxy.example',
    's-1.evilproxy.example', 's-1.proxy-example', 's-1proxy.example', 's-1..proxy.example', ' s-1.proxy.example', 's-1.proxy.example ',
    's-1.proxy.example\n', 's-a b.proxy.example', 's-a.b.proxy.example', 's-a@b.proxy.example', 's-a\0.proxy.example', 's-a\n.proxy.example',
    's-é.proxy.example', 's-\u212a.proxy.example', '\u017f-1.proxy.example', 's-1.pro\u212ay.example', 's-1.proxy.example\0',
    `s-${'a'.repeat(62)}.proxy.example`, `s-${'a'.repeat(100_000)}.proxy.example`,
  ]; // prettier-ignore
  for (const name of names)
    assert.equal(sessionOfServerName(name, DOMAIN), undefined, JSON.stringify(name.slice(0, 80)));
  assert.equal(sessionOfServerName('s-1.\u212a.example', 'k.example'), undefined);
});

test('an empty domain has no sessions', () => {
  for (const name of ['s-1', 's-1.', 's-1.example']) assert.equal(sessionOfServerName(name, ''), undefined);
});

test('every id of the alphabet is read back in lower case', () => {
  const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,61}$/);
  fc.assert(
    fc.property(id, fc.domain(), (id, domain) => {
      assert.equal(sessionOfServerName(`s-${id}.${domain}`, domain), id.toLowerCase());
    }),
  );
});

test('any text is a session or none', () => {
  const anything = fc.uint16Array({ maxLength: 70 }).map((units) => String.fromCharCode(...units));
  const text = fc.oneof(
    anything,
    anything.map((id) => `s-${id}.${DOMAIN}`),
  );
  fc.assert(
    fc.property(text, (name) => {
      const session = sessionOfServerName(name, DOMAIN);
      if (session !== undefined) assert.match(session, /^[a-z0-9_-]{1,61}$/);
    }),
    { numRuns: 1000 },
  );
});
