import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import {
  formatRate,
  formatSize,
  parseQuota,
  parseRate,
  parseSpeed,
} from '../../../src/runtime/config/amounts.ts';
import { parseMoment } from '../../../src/runtime/config/moment.ts';
import { Refusal } from '../../../src/runtime/config/problem.ts';

/** Message and hint of what is refused. */
function refusal(parse: () => unknown): string {
  try {
    parse();
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error));
    return `${error.message} (${error.hint})`;
  }
  return assert.fail('it was taken');
}

suite('speeds', () => {
  test('in every unit', () => {
    const speeds = {
      '1B/s': 1,
      '500B/s': 500,
      '1kB/s': 1e3,
      '1.5MB/s': 1_500_000,
      '2GB/s': 2e9,
      '1TB/s': 1e12,
      '1KiB/s': 1024,
      '0.5MiB/s': 524_288,
      '1GiB/s': 2 ** 30,
      '1TiB/s': 2 ** 40,
      '8bit/s': 1,
      '8kbit/s': 1e3,
      '100Mbit/s': 12_500_000,
      '1Gbit/s': 125e6,
    };
    for (const [text, bytes] of Object.entries(speeds)) assert.equal(parseSpeed(text), bytes, text);
  });

  for (const [text, expected] of [
    ['1MB', 'expected a speed such as 1MB/s, not "1MB" (write 1MB/s)'],
    ['10', 'expected a speed such as 1MB/s, not the bare number 10 (give a unit: 10B/s are bytes)'],
    ['10mb/s', 'expected a speed such as 1MB/s, not "10mb/s" (write 10MB/s for bytes, or 10Mbit/s for bits)'],
    ['10Mb/s', 'expected a speed such as 1MB/s, not "10Mb/s" (write 10MB/s for bytes, or 10Mbit/s for bits)'],
    ['10KB/s', 'expected a speed such as 1MB/s, not "10KB/s" (did you mean 10kB/s?)'],
    ['10 MB/s', 'expected a speed such as 1MB/s, not "10 MB/s" (did you mean 10MB/s?)'],
    ['10mib/S', 'expected a speed such as 1MB/s, not "10mib/S" (did you mean 10MiB/s?)'],
    ['100Mbps', 'expected a speed such as 1MB/s, not "100Mbps" (write 100Mbit/s)'],
    ['64kbps', 'expected a speed such as 1MB/s, not "64kbps" (write 64kbit/s)'],
    ['0B/s', '0B/s lets nothing through (the least is 1B; leave it out for no limit)'],
    ['1bit/s', '1bit/s lets nothing through (the least is 1B; leave it out for no limit)'],
    ['99999999TB/s', '99999999TB/s is more than can be counted (leave it out for no limit)'],
  ] as const) {
    test(`${text} is refused`, () =>
      assert.equal(
        refusal(() => parseSpeed(text)),
        expected,
      ));
  }

  test('what is nothing of the kind is told the units', () => {
    for (const text of ['', 'fast', '-1MB/s', '1PB/s', '1MB/m', '1MB/s/s', '1e3B/s', '1,5MB/s'])
      assert.match(
        refusal(() => parseSpeed(text)),
        /^expected a speed .* \(the units are .*Gbit\)$/,
        text,
      );
  });
});

suite('rates', () => {
  test('by the second, the minute and the hour', () => {
    assert.deepEqual(parseRate('20/s'), { count: 20, perMs: 1000 });
    assert.deepEqual(parseRate('600/m'), { count: 600, perMs: 60_000 });
    assert.deepEqual(parseRate('1000/h'), { count: 1000, perMs: 3_600_000 });
    for (const text of ['20/s', '600/m', '1000/h']) assert.equal(formatRate(parseRate(text)), text);
  });

  test('what is none is refused', () => {
    for (const text of ['', '20', '20/d', '20/2s', '-1/s', '1.5/s', '20 /s', '20/S'])
      assert.match(
        refusal(() => parseRate(text)),
        /^expected a rate such as 20\/s, not ".*" \(write 20\/s, 600\/m or 1000\/h\)$/,
        text,
      );
    assert.match(
      refusal(() => parseRate('0/s')),
      /^"0\/s" is no rate \(the count goes from 1 to 1000000000\)$/,
    );
    assert.match(
      refusal(() => parseRate('1000000001/s')),
      /is no rate/,
    );
  });
});

suite('quotas', () => {
  test('by the hour, the day and the month', () => {
    assert.deepEqual(parseQuota('1GB/hour'), { bytes: 1e9, period: 'hour' });
    assert.deepEqual(parseQuota('10GiB/day'), { bytes: 10 * 2 ** 30, period: 'day' });
    assert.deepEqual(parseQuota('1.5TB/month'), { bytes: 1.5e12, period: 'month' });
  });

  for (const [text, expected] of [
    ['100GB', 'not "100GB" (say for how long: 100GB/hour, 100GB/day or 100GB/month)'],
    ['100', 'not the bare number 100 (give a unit: 100B/month are bytes)'],
    ['100GB/week', 'not "100GB/week" (the periods are hour, day and month)'],
    ['100GB/d', 'not "100GB/d" (the periods are hour, day and month)'],
    ['100gb/month', 'not "100gb/month" (write 100GB/month)'],
    ['100Gbit/month', 'not "100Gbit/month" (the units are B, kB, MB, GB, TB, and KiB, MiB, GiB, TiB)'],
    ['much', 'not "much" (the units are B, kB, MB, GB, TB, and KiB, MiB, GiB, TiB)'],
  ] as const) {
    test(`${text} is refused`, () =>
      assert.equal(
        refusal(() => parseQuota(text)),
        `expected a quota such as 100GB/month, ${expected}`,
      ));
  }

  test('nothing and too much', () => {
    assert.match(
      refusal(() => parseQuota('0.4B/day')),
      /lets nothing through/,
    );
    assert.match(
      refusal(() => parseQuota('10000TB/day')),
      /is more than can be counted/,
    );
  });
});

test('a size is told as it would be written', () => {
  for (const text of ['1B', '999B', '1kB', '1KiB', '1500B', '10MB', '1GiB', '100GB', '2TiB'])
    assert.equal(formatSize(parseQuota(`${text}/day`).bytes), text);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (bytes) =>
      assert.equal(parseQuota(`${formatSize(bytes)}/day`).bytes, bytes),
    ),
  );
});

suite('moments', () => {
  test('a day, a time, a zone', () => {
    const moments = {
      '2027-01-31': Date.UTC(2027, 0, 31),
      '2027-01-31T18:00': Date.UTC(2027, 0, 31, 18),
      '2027-01-31 18:00': Date.UTC(2027, 0, 31, 18),
      '2027-01-31T18:00:30': Date.UTC(2027, 0, 31, 18, 0, 30),
      '2027-01-31T18:00Z': Date.UTC(2027, 0, 31, 18),
      '2027-01-31T18:00:00+02:00': Date.UTC(2027, 0, 31, 16),
      '2027-12-31T23:30-01:30': Date.UTC(2028, 0, 1, 1),
      '2028-02-29': Date.UTC(2028, 1, 29),
    };
    for (const [text, moment] of Object.entries(moments)) assert.equal(parseMoment(text), moment, text);
  });

  test('without a zone it is UTC, wherever the host is', () => {
    const zone = process.env['TZ'];
    process.env['TZ'] = 'Pacific/Auckland';
    try {
      assert.equal(parseMoment('2027-01-31T18:00'), Date.UTC(2027, 0, 31, 18));
      assert.equal(parseMoment('2027-01-31'), Date.UTC(2027, 0, 31));
    } finally {
      if (zone === undefined) delete process.env['TZ'];
      else process.env['TZ'] = zone;
    }
  });

  test('what is none is refused, also what no calendar has', () => {
    for (const text of ['', 'tomorrow', '31.01.2027', '2027-1-31', '2027-01', '2027-01-31T18', '1801353600'])
      assert.match(
        refusal(() => parseMoment(text)),
        /^expected a date such as 2027-01-31, not/,
        text,
      );
    for (const text of ['2027-02-29', '2027-02-30T10:00', '2027-13-01', '2027-00-10', '2027-01-31T25:00'])
      assert.match(
        refusal(() => parseMoment(text)),
        /is on no calendar or clock \(write 2027-01-31,/,
        text,
      );
    assert.match(
      refusal(() => parseMoment('2027-01-31T18:00+25:00')),
      /no calendar or clock/,
    );
  });
});
