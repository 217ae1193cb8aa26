import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Deadline } from '../../../src/forward/deadline.ts';

test('one deadline at a time: the last one set', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const deadline = new Deadline();
  const expired: string[] = [];
  deadline.set(100, () => expired.push('first'));
  deadline.set(200, () => expired.push('second'));
  mock.timers.tick(150);
  assert.equal(expired.length, 0);
  mock.timers.tick(100);
  assert.deepEqual(expired, ['second']);
  deadline.set(-5, () => expired.push('past'));
  mock.timers.tick(1);
  deadline.set(10, () => expired.push('cleared'));
  deadline.clear();
  mock.timers.tick(100);
  assert.deepEqual(expired, ['second', 'past']);
  mock.timers.reset();
});

test('a stall is silence without a break', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const deadline = new Deadline();
  let bytes = 0;
  let stalled = false;
  deadline.stall(
    400,
    () => bytes,
    () => (stalled = true),
  );
  for (let i = 0; i < 20; i++) {
    mock.timers.tick(100);
    if (i % 3 === 0) bytes++;
  }
  assert.equal(stalled, false);
  for (let i = 0; i < 5; i++) mock.timers.tick(100);
  assert.equal(stalled, true);
  mock.timers.reset();
});
