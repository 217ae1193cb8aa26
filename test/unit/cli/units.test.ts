import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatBytes, formatFrequency, formatMs, formatSpan, formatSpeed } from '../../../src/cli/units.ts';

test('bytes have three digits at most, and the unit that gives them', () => {
  const cases = [
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [1234, '1.2 kB'],
    [9949, '9.9 kB'],
    [9960, '10 kB'],
    [999_499, '999 kB'],
    [999_500, '1.0 MB'],
    [12_345_678, '12 MB'],
    [5e12, '5.0 TB'],
    [-5, '0 B'],
  ] as const;
  for (const [bytes, text] of cases) assert.equal(formatBytes(bytes), text);
  fc.assert(
    fc.property(fc.maxSafeNat(), (bytes) =>
      assert.match(formatBytes(bytes), /^(\d{1,3}|\d\.\d) [kMGTPE]?B$/),
    ),
  );
});

test('speeds and frequencies are per second', () => {
  assert.equal(formatSpeed(1_500_000), '1.5 MB/s');
  assert.deepEqual([0, 0.42, 9.96, 35.2].map(formatFrequency), ['0/s', '0.4/s', '10/s', '35/s']);
});

test('spans have their two largest units', () => {
  const spans = [0, 999, 59_999, 60_000, 184_000, 3_600_000, 11_520_000, 90_000_000, -5];
  assert.deepEqual(spans.map(formatSpan), [
    '0s',
    '0s',
    '59s',
    '1m 0s',
    '3m 4s',
    '1h 0m',
    '3h 12m',
    '1d 1h',
    '0s',
  ]);
});

test('measured times are short, and a dash where nothing was measured', () => {
  assert.deepEqual([null, 0, 0.42, 12.4, 999.4, 1250].map(formatMs), [
    '-',
    '0 ms',
    '0.4 ms',
    '12 ms',
    '999 ms',
    '1.3 s',
  ]);
});
