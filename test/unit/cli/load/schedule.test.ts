import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Schedule } from '../../../../src/cli/load/schedule.ts';

/** A clock that stands until it is moved. */
function standing(): { now: () => number; at: number } {
  const clock = { at: 1000, now: () => clock.at };
  return clock;
}

suite('as fast as answers come', () => {
  test('a turn is now, until there were enough', () => {
    const clock = standing();
    const schedule = new Schedule({ rps: undefined, count: 2, duration: undefined }, clock.now);
    assert.deepEqual([schedule.turn(), schedule.turn(), schedule.turn()], [1000, 1000, undefined]);
    assert.deepEqual([schedule.begun, schedule.share, schedule.unsent], [2, 1, 0]);
  });

  test('until the time is up', () => {
    const clock = standing();
    const schedule = new Schedule({ rps: undefined, count: undefined, duration: 500 }, clock.now);
    clock.at = 1499;
    assert.equal(schedule.turn(), 1499);
    clock.at = 1500;
    assert.equal(schedule.turn(), undefined);
  });

  test('until it is stopped', () => {
    const schedule = new Schedule({ rps: undefined, count: undefined, duration: undefined });
    schedule.stop();
    assert.equal(schedule.turn(), undefined);
  });
});

suite('at a constant rate', () => {
  test('each turn has its own moment, however late somebody is free for it', () => {
    const clock = standing();
    const schedule = new Schedule({ rps: 100, count: undefined, duration: 1000 }, clock.now);
    assert.equal(schedule.turn(), 1000);
    // Everybody was busy for 35 ms: three turns were due meanwhile, at their old moments.
    clock.at = 1035;
    assert.deepEqual([schedule.turn(), schedule.turn(), schedule.turn()], [1010, 1020, 1030]);
    assert.equal(schedule.unsent, 0);
    schedule.stop();
  });

  test('who is free early waits', async () => {
    const schedule = new Schedule({ rps: 500, count: 3, duration: undefined });
    const turns = await Promise.all([schedule.turn(), schedule.turn(), schedule.turn(), schedule.turn()]);
    const begun = turns.filter((due) => due !== undefined).toSorted((a, b) => a - b);
    assert.equal(begun.length, 3);
    assert.deepEqual(
      begun.slice(1).map((due) => Math.round(due - begun[0]!)),
      [2, 4],
    );
    assert.ok(performance.now() >= begun[2]!, 'never before it is due');
  });

  test('what was due and never began is told', () => {
    const clock = standing();
    const schedule = new Schedule({ rps: 10, count: undefined, duration: 1000 }, clock.now);
    assert.equal(schedule.turn(), 1000);
    clock.at = 5000;
    assert.equal(schedule.turn(), undefined);
    assert.deepEqual([schedule.begun, schedule.unsent], [1, 9]);
  });

  test('stopping wakes who waits', async () => {
    const schedule = new Schedule({ rps: 0.001, count: undefined, duration: undefined });
    assert.ok(typeof schedule.turn() === 'number');
    const waiting = schedule.turn();
    schedule.stop();
    assert.equal(await waiting, undefined);
  });
});
