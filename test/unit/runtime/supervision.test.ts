import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Beat, beatMemory, beats, loopDelay } from '../../../src/runtime/beat.ts';
import { overloadMemory, Overload, writeOffClients } from '../../../src/runtime/overload.ts';
import { BackOff, StallWatch } from '../../../src/runtime/supervision.ts';
import { eventually } from '../../support/gateway.ts';

/** Beats by hand, and looks by a clock of its own. */
function scene(stallMs: number, lanes = 2) {
  const memory = beatMemory(lanes);
  const found: [lane: number, silentMs: number][] = [];
  const watch = new StallWatch(
    memory,
    lanes,
    () => stallMs,
    (lane, silentMs) => found.push([lane, silentMs]),
  );
  let now = 1000;
  watch.look(now);
  return {
    watch,
    found,
    beat: (lane: number): void => {
      const words = new Int32Array(memory, (memory.byteLength / lanes) * lane);
      words[0]! += 1;
    },
    /** Looks again and again. */
    pass: (ms: number, everyMs = 250): void => {
      for (const end = now + ms; now < end;) watch.look((now += everyMs));
    },
  };
}

suite('the watch over threads', () => {
  test('finds the one that stands still, once, and no other', () => {
    const { watch, found, beat, pass } = scene(2000);
    watch.serves(0);
    watch.serves(1);
    for (let i = 0; i < 20; i++) {
      beat(1);
      pass(250);
    }
    assert.deepEqual(found, [[0, 2000]]);
    assert.deepEqual([watch.silentMs(0), watch.silentMs(1)], [5000, 0]);
  });

  test('counts anew with each beat, and with each new thread', () => {
    const { watch, found, beat, pass } = scene(2000);
    watch.serves(0);
    pass(1750);
    beat(0);
    pass(250);
    pass(1750);
    assert.deepEqual(found, []);
    watch.serves(0);
    pass(1750);
    assert.deepEqual(found, []);
    pass(250);
    assert.deepEqual(found, [[0, 2000]]);
  });

  test('a suspended machine, or a main thread that was held up, is no standstill of others', () => {
    const { watch, found, pass } = scene(10_000);
    watch.serves(0);
    pass(3_600_000, 3_600_000);
    assert.deepEqual([found, watch.silentMs(0)], [[], 500]);
    pass(9 * 60_000, 60_000);
    assert.deepEqual([found, watch.silentMs(0)], [[], 5000]);
  });

  test('looks at nobody who is not there, and never finds anybody when it is switched off', () => {
    const off = scene(0);
    off.watch.serves(0);
    off.pass(60_000);
    assert.deepEqual(off.found, []);
    const on = scene(1);
    on.pass(60_000);
    on.watch.serves(0);
    on.watch.gone(0);
    on.pass(60_000);
    assert.deepEqual(on.found, []);
  });

  test('a stall below a second counts as one', () => {
    const { watch, found, pass } = scene(1);
    watch.serves(0);
    pass(750);
    assert.deepEqual(found, []);
    pass(250);
    assert.deepEqual(found, [[0, 1000]]);
  });
});

test('a thread beats, and tells how late its timers were', async () => {
  const memory = beatMemory(2);
  const beat = new Beat(memory, 1);
  const first = beats(memory, 1);
  await eventually('it beats', () => beats(memory, 1) > first);
  const before = loopDelay(memory, 1);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, before + 700);
  await eventually('it knows that it was late', () => loopDelay(memory, 1) >= 300);
  beat.stop();
  assert.deepEqual([beats(memory, 0), loopDelay(memory, 0)], [0, 0]);
  const after = new Beat(memory, 1);
  assert.equal(loopDelay(memory, 1), 0, 'the past of a dead thread is forgotten');
  after.stop();
});

test('a dead thread is replaced at once, then later and later, and at once again after a long life', () => {
  const backOff = new BackOff();
  const waits = Array.from({ length: 10 }, () => backOff.next(50));
  assert.deepEqual(waits, [0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
  assert.equal(backOff.next(60_001), 0);
  assert.equal(backOff.next(59_999), 100);
});

test('the clients of a dead thread are no clients of the others', () => {
  const memory = overloadMemory(2);
  new Int32Array(memory)[1] = 2;
  const options = { descriptors: 0, memory: 0, loopDelay: 0 };
  const [one, two] = [new Overload(memory, options, 0), new Overload(memory, options, 1)];
  assert.deepEqual([one.came(), one.came(), two.came()], [true, true, false]);
  two.left();
  writeOffClients(memory, 0);
  assert.deepEqual([two.came(), two.came()], [true, true]);
});
