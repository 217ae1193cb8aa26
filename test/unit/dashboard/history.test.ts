import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failedTotal, History, HISTORY_MS } from '../../../src/dashboard/model/history.ts';
import { sampleStatus } from './samples.ts';

test('rates are differences by the time between two statuses', () => {
  const history = new History();
  history.push(
    sampleStatus({ now: 1000, totals: { accepted: 10, sent: 500, failures: { TARGET_RESET: 1 } } }),
  );
  assert.equal(history.latest.connections, null, 'one status has no rate');
  assert.equal(history.latest.active, 0);
  history.push(
    sampleStatus({
      now: 3000,
      totals: { accepted: 16, sent: 2500, active: 4, failures: { TARGET_RESET: 2 } },
    }),
  );
  assert.equal(history.latest.connections, 3);
  assert.equal(history.latest.sent, 1000);
  assert.equal(history.latest.active, 4);
  assert.equal(history.latest.failures, 0.5);
});

test('a silence is a gap in the line', () => {
  const history = new History();
  for (const now of [1000, 2000, 60_000, 61_000])
    history.push(sampleStatus({ now, totals: { accepted: now } }));
  const [times, values] = history.columns(['connections']);
  assert.deepEqual(times, [1, 2, 2.001, 60, 61]);
  assert.deepEqual(values, [null, 1000, null, 1000, 1000]);
});

test('another process begins anew', () => {
  const history = new History();
  history.push(sampleStatus({ now: 1000, startedAt: 1, totals: { accepted: 100 } }));
  history.push(sampleStatus({ now: 2000, startedAt: 1500, totals: { accepted: 3 } }));
  assert.deepEqual(history.columns(['connections']), [[2], [null]]);
  assert.equal(history.recent().accepted, 0);
});

test('the same status twice, or an older one, adds nothing', () => {
  const history = new History();
  for (const now of [2000, 2000, 1500]) history.push(sampleStatus({ now }));
  assert.equal(history.columns(['active'])[0].length, 1);
});

test('five minutes are kept, whatever comes', () => {
  const history = new History();
  for (let second = 1; second <= 1000; second += 1) {
    history.push(sampleStatus({ now: second * 1000, totals: { accepted: second } }));
  }
  const [times] = history.columns(['connections']);
  assert.equal(times.length, HISTORY_MS / 1000 + 1);
  assert.equal(times.at(-1)! - times[0]!, HISTORY_MS / 1000);
  assert.equal(history.recent().accepted, HISTORY_MS / 1000);
  assert.deepEqual(history.range('connections'), { low: 1, high: 1 });
  assert.equal(history.range('p50'), undefined);
});

test('what failed lately is the difference, by code', () => {
  const history = new History();
  history.push(sampleStatus({ now: 1000, totals: { failures: { TARGET_RESET: 7 } } }));
  const latest = sampleStatus({
    now: 2000,
    totals: { accepted: 9, failures: { TARGET_RESET: 7, DNS_FAILED: 2 } },
  });
  history.push(latest);
  const recent = history.recent();
  assert.deepEqual([...recent.failures], [['DNS_FAILED', 2]]);
  assert.equal(recent.failed, 2);
  assert.equal(failedTotal(latest), 9);
});
