import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  clock,
  hostPort,
  humanText,
  humanWord,
  jsonString,
  jsonValue,
  unmapped,
} from '../../../src/ops/text.ts';

const HOSTILE = [
  ['line feed', '\n', '\\n'],
  ['carriage return', '\r', '\\r'],
  ['tab', '\t', '\\t'],
  ['NUL', '\0', '\\u0000'],
  ['escape', '\u001b[31m', '\\u001b[31m'],
  ['delete', '\u007f', '\\u007f'],
  ['8-bit CSI', '\u009b31m', '\\u009b31m'],
  ['next line', '\u0085', '\\u0085'],
  ['line separator', '\u2028', '\\u2028'],
  ['paragraph separator', '\u2029', '\\u2029'],
  ['right-to-left override', '\u202e', '\\u202e'],
  ['zero-width joiner', '\u200d', '\\u200d'],
  ['byte order mark', '\ufeff', '\\ufeff'],
  ['tag outside the basic plane', '\u{e0041}', '\\udb40\\udc41'],
  ['lone surrogate', '\ud800', '\\ud800'],
] as const;

const DANGEROUS = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const anyText = fc.string({ unit: 'binary' });

for (const [name, raw, escaped] of HOSTILE) {
  test(`${name} is escaped in JSON and for people`, () => {
    assert.equal(humanText(`a${raw}b`), `a${escaped}b`);
    assert.equal(jsonString(`a${raw}b`), `"a${escaped}b"`);
    assert.equal(humanWord(`a${raw}b`), jsonString(`a${raw}b`));
  });
}

test('whatever the text, JSON reads it back and nothing dangerous is left', () => {
  fc.assert(
    fc.property(fc.oneof(anyText, fc.constantFrom(...HOSTILE.map(([, raw]) => raw))), (text) => {
      const written = jsonString(text);
      assert.equal(JSON.parse(written), text);
      assert.doesNotMatch(written, DANGEROUS);
      assert.doesNotMatch(humanText(text), DANGEROUS);
      assert.doesNotMatch(humanWord(text), DANGEROUS);
    }),
  );
});

test('text beyond ASCII stays readable', () => {
  assert.equal(jsonString('Zoë 東京'), '"Zoë 東京"');
  assert.equal(humanText('Zoë 東京'), 'Zoë 東京');
});

test('a word is quoted when it could be several, or none', () => {
  assert.equal(humanWord('alice'), 'alice');
  assert.equal(humanWord('[2001:db8::1]:443'), '[2001:db8::1]:443');
  assert.equal(humanWord(''), '""');
  assert.equal(humanWord('alice -> bob'), '"alice -> bob"');
  assert.equal(humanWord('a"b'), '"a\\"b"');
  assert.equal(humanWord('a=b'), '"a=b"');
});

test('any value becomes JSON on one line', () => {
  const ring: Record<string, unknown> = {};
  ring['self'] = ring;
  assert.equal(jsonValue({ a: ['x\u2028', 1n, Number.NaN] }), '{"a":["x\\u2028","1","NaN"]}');
  assert.equal(jsonValue([new Error('broken')]), '["broken"]');
  assert.equal(jsonValue(ring), '"(not printable)"');
  assert.equal(
    jsonValue(() => 1),
    '"function"',
  );
  assert.equal(jsonValue(null), 'null');
});

test('hosts and ports', () => {
  assert.equal(hostPort('192.0.2.1', 80), '192.0.2.1:80');
  assert.equal(hostPort('example.com', 443), 'example.com:443');
  assert.equal(hostPort('2001:db8::1', 443), '[2001:db8::1]:443');
  assert.equal(hostPort('unix', 0), 'unix');
});

test('only a mapped IPv4 address is unmapped', () => {
  assert.equal(unmapped('::ffff:192.0.2.1'), '192.0.2.1');
  assert.equal(unmapped('::ffff:c000:201'), '::ffff:c000:201');
  assert.equal(unmapped('2001:db8::1'), '2001:db8::1');
});

test('the clock shows local time to the millisecond', () => {
  assert.equal(clock(new Date(2026, 10, 22, 3, 4, 5, 6).getTime()), '03:04:05.006');
});
