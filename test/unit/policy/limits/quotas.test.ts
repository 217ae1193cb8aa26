import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import { periodEnd } from '../../../../src/policy/limits/quotas.ts';
import type { LimitTerms, Period } from '../../../../src/policy/limits/terms.ts';
import { AFTERNOON, refused, refusal, Stage } from './stage.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const quota = (bytes: number, period: Period): LimitTerms => ({ quota: { bytes, period } });

suite('a quota', () => {
  test('counts both ways and all connections together; when it is used up they are cut, and nobody new gets in', () => {
    const stage = new Stage({ perUser: quota(1000, 'day') }, { lanes: 2 });
    const [one, two] = [stage.connect('198.51.100.1', 'alice', 0), stage.connect('198.51.100.2', 'alice', 1)];
    assert.equal(one.spend(600), true);
    assert.equal(two.spend(399), true);
    assert.equal(one.spend(1), false);
    // The other one hears of it, even when it is silent.
    assert.equal(two.spend(0), false);
    refused(
      () => stage.connect('198.51.100.3', 'alice', 1),
      'QUOTA_EXCEEDED',
      'the quota of bytes of this user is used up: try again in 34200 s',
      9.5 * 3600,
    );
    stage.connect('198.51.100.1', 'bob');
  });

  const KINDS = [
    ['global', { global: quota(10, 'hour') }, 'of all clients together'],
    ['listener', { perListener: [quota(10, 'hour')] }, 'of this listener'],
    ['client', { perClient: quota(10, 'hour') }, 'of this client address'],
    ['user', { perUser: quota(10, 'hour') }, 'of this user'],
  ] as const;
  for (const [kind, options, whose] of KINDS) {
    test(`of a ${kind} says so`, () => {
      const stage = new Stage(options);
      const stay = stage.connect();
      assert.equal(stay.spend(9), true);
      assert.equal(stay.spend(1), false);
      stay.leave();
      const message = `the quota of bytes ${whose} is used up: try again in 1800 s`;
      refused(() => stage.connect(), 'QUOTA_EXCEEDED', message, 1800);
    });
  }

  test('of nothing lets nobody in', () => {
    assert.equal(refusal(() => new Stage({ perUser: quota(0, 'month') }).connect())?.code, 'QUOTA_EXCEEDED');
  });

  for (const [period, last] of [
    ['hour', Date.UTC(2026, 10, 23, 15) - 1],
    ['day', Date.UTC(2026, 10, 24) - 1],
    ['month', Date.UTC(2026, 11, 1) - 1],
  ] as const) {
    test(`per ${period} begins anew when the calendar says so, for those who are here as well`, () => {
      const stage = new Stage({ perUser: quota(1000, period) });
      const stay = stage.connect();
      assert.equal(stay.spend(1000), false);
      stage.utc = last;
      assert.equal(stay.spend(0), false);
      refused(
        () => stage.connect(),
        'QUOTA_EXCEEDED',
        'the quota of bytes of this user is used up: try again in 1 s',
        1,
      );
      stage.utc++;
      stage.connect();
      assert.equal(stay.spend(999), true);
      assert.equal(stay.spend(1), false);
    });
  }

  test('with another period, or by a clock that was put back, begins anew', () => {
    const stage = new Stage({ perUser: quota(1000, 'day') });
    const stay = stage.connect();
    assert.equal(stay.spend(1000), false);
    stage.replace({ perUser: quota(1000, 'month') });
    assert.equal(stay.spend(999), true);
    stage.utc = Date.UTC(2026, 8, 1);
    assert.equal(stay.spend(999), true);
  });

  test('that comes later counts from then on, and one that is made bigger counts on', () => {
    const stage = new Stage();
    const stay = stage.connect();
    assert.equal(stay.spend(1e9), true);
    stage.replace({ perUser: quota(1000, 'day') });
    assert.equal(stay.spend(1000), false);
    stage.replace({ perUser: quota(2000, 'day') });
    assert.equal(stay.spend(999), true);
    assert.equal(stay.spend(1), false);
  });

  test('is spent by who has its places, and by nobody else', () => {
    const stage = new Stage({ perUser: quota(1000, 'day') });
    const stay = stage.limits.enter('198.51.100.1');
    assert.equal(stay.spend(5000), true);
    stay.settle(0, 'alice');
    assert.equal(stay.spend(999), true);
    stay.leave();
    assert.equal(stay.spend(5000), true);
    stage.connect();
  });
});

test('a period ends after the moment that it is asked at, and not one period too late', () => {
  const longest = { hour: HOUR, day: 24 * HOUR, month: 31 * 24 * HOUR };
  const moment = fc.integer({ min: Date.UTC(1970, 0, 1), max: Date.UTC(2200, 0, 1) });
  fc.assert(
    fc.property(moment, fc.constantFrom<Period>('hour', 'day', 'month'), (utc, period) => {
      const end = periodEnd(period, utc);
      assert.ok(end > utc && end - utc <= longest[period]);
      const text = new Date(end).toISOString();
      assert.match(text, { hour: /:00:00\.000Z$/, day: /T00:00:00/, month: /-01T00:00:00/ }[period]);
      // One that has just begun is asked about to its end.
      assert.ok(periodEnd(period, end) > end);
    }),
  );
  assert.equal(periodEnd('month', Date.UTC(2026, 11, 31, 23, 59)), Date.UTC(2027, 0, 1));
  assert.equal(periodEnd('month', Date.UTC(2028, 1, 29)), Date.UTC(2028, 2, 1));
  assert.equal(periodEnd('hour', AFTERNOON), Date.UTC(2026, 10, 23, 15));
});
