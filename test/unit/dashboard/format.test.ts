import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  bigCount,
  bitRate,
  bytes,
  count,
  duration,
  latency,
  percent,
  perSecond,
  plural,
} from '../../../src/dashboard/model/format.ts';

test('bytes in powers of 1000, with few digits', () => {
  const cases: [number, string][] = [
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 kB'],
    [12_345, '12.3 kB'],
    [999_499, '999 kB'],
    [999_500, '1.00 MB'],
    [5.5e9, '5.50 GB'],
    [3e18, '3000 PB'],
  ];
  for (const [value, text] of cases) assert.equal(bytes(value), text);
});

test('a bit rate never falls below Mbit/s', () => {
  assert.deepEqual(bitRate(0), { value: '0.0', unit: 'Mbit/s' });
  assert.deepEqual(bitRate(1250), { value: '0.01', unit: 'Mbit/s' });
  assert.deepEqual(bitRate(12_500_000), { value: '100', unit: 'Mbit/s' });
  assert.deepEqual(bitRate(250_000_000), { value: '2.00', unit: 'Gbit/s' });
  assert.deepEqual(bitRate(null), { value: '–', unit: 'Mbit/s' });
});

test('rates, counts and plurals', () => {
  assert.equal(perSecond(0).value, '0');
  assert.equal(perSecond(0.25).value, '0.3');
  assert.equal(perSecond(12.4).value, '12');
  assert.equal(perSecond(null).value, '–');
  assert.equal(count(1_234_567), '1,234,567');
  assert.equal(plural(1, 'tunnel'), '1 tunnel');
  assert.equal(plural(0, 'address', 'addresses'), '0 addresses');
});

test('numbers beyond 2^53 keep their size', () => {
  assert.equal(bigCount('65536'), '65,536');
  assert.equal(bigCount('18446744073709551616'), '1.8 × 10^19');
  assert.equal(bigCount('?'), '?');
});

test('durations in their two largest units', () => {
  const cases: [number, string][] = [
    [-5, '0 s'],
    [0, '0 s'],
    [59_999, '59 s'],
    [61_000, '1 min 1 s'],
    [3_600_000, '1 h'],
    [90_061_000, '1 d 1 h'],
  ];
  for (const [ms, text] of cases) assert.equal(duration(ms), text);
});

test('latencies', () => {
  assert.deepEqual([null, 0.42, 12.6, 1400].map(latency), ['–', '0.4 ms', '13 ms', '1.4 s']);
});

test('a share is never rounded to nothing or to all', () => {
  assert.equal(percent(0, 0), '0\u202f%');
  assert.equal(percent(1, 100_000), '< 0.1\u202f%');
  assert.equal(percent(99_999, 100_000), '> 99.9\u202f%');
  assert.equal(percent(1, 3), '33\u202f%');
  assert.equal(percent(3, 3), '100\u202f%');
});

test('no number makes a text that is longer than a cell', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e17, noNaN: true }), (value) => {
      assert(bytes(value).length <= 8, bytes(value));
      assert(bitRate(value).value.length <= 6, bitRate(value).value);
    }),
  );
});
