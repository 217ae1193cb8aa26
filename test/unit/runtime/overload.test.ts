import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createLog } from '../../../src/ops/log.ts';
import { LineSink } from '../../../src/ops/sink.ts';
import { Overload, overloadMemory, OverloadWatch, type Host } from '../../../src/runtime/overload.ts';

const OPTIONS = { descriptors: 0.9, memory: 0.9, loopDelay: 0 };

function host(): Host & { used: { descriptors: number; memory: number } } {
  const used = { descriptors: 0, memory: 0 };
  return {
    used,
    descriptors: { most: () => 1000, used: () => used.descriptors },
    memory: { most: () => 2000, used: () => used.memory },
  };
}

const log = createLog({ level: 'error', format: 'json', sink: new LineSink('stderr', { format: 'json' }) });

test('every thread sees what the main thread found, and relief comes a little below the threshold', () => {
  const memory = overloadMemory(2);
  const machine = host();
  const watch = new OverloadWatch(memory, OPTIONS, log, machine);
  const lanes = [new Overload(memory, OPTIONS, 0), new Overload(memory, OPTIONS, 1)];
  const look = (descriptors: number, bytes: number): boolean[] => {
    machine.used.descriptors = descriptors;
    machine.used.memory = bytes;
    watch.look();
    return lanes.map(({ now }) => now);
  };
  assert.deepEqual(look(899, 1799), [false, false]);
  assert.deepEqual(look(900, 0), [true, true]);
  assert.deepEqual(look(870, 0), [true, true]);
  assert.deepEqual(look(850, 0), [false, false]);
  assert.deepEqual(look(0, 1800), [true, true]);
  assert.deepEqual(look(0, 1000), [false, false]);
});

test('a share of 0 switches a watch off, and a host that does not tell is never overloaded', () => {
  const memory = overloadMemory(2);
  const machine = host();
  const lane = new Overload(memory, OPTIONS, 0);
  new OverloadWatch(memory, { ...OPTIONS, descriptors: 0 }, log, machine).look();
  machine.used.descriptors = 1000;
  assert.equal(lane.now, false);
  const mute = { ...machine, descriptors: { most: () => 0, used: () => 5 } };
  new OverloadWatch(memory, OPTIONS, log, mute).look();
  assert.equal(lane.now, false);
});

test('this host tells both', () => {
  const memory = overloadMemory(2);
  new OverloadWatch(memory, OPTIONS, log).look();
  assert.equal(new Overload(memory, OPTIONS, 0).now, false);
  new OverloadWatch(memory, { ...OPTIONS, descriptors: 0.000_001 }, log).look();
  assert.equal(new Overload(memory, OPTIONS, 0).now, true);
});

test('a loop that runs late again and again is overloaded, and recovers', async () => {
  const lane = new Overload(overloadMemory(2), { ...OPTIONS, loopDelay: 50 }, 0);
  const block = (ms: number): void => {
    const until = performance.now() + ms;
    while (performance.now() < until);
  };
  for (let i = 0; i < 4 && !lane.now; i++) {
    block(300);
    await pause(0);
  }
  assert.equal(lane.now, true);
  while (lane.now) await pause(20);
  lane.stop();
});

test('clients of all lanes are counted as they come: a burst is over before anybody looks', () => {
  const memory = overloadMemory(2);
  const machine = host();
  machine.used.descriptors = 40;
  // 900 less 40 descriptors, two for each client.
  const watch = new OverloadWatch(memory, OPTIONS, log, machine);
  watch.start();
  const lanes = [new Overload(memory, OPTIONS, 0), new Overload(memory, OPTIONS, 1)] as const;
  for (let i = 0; i < 430; i++) assert.equal(lanes[i % 2]!.came(), true);
  assert.equal(lanes[0].came(), false);
  lanes[0].left();
  lanes[1].left();
  assert.equal(lanes[0].came(), true);
  // A thread that dies takes its clients with it.
  const heir = new Overload(memory, OPTIONS, 1);
  for (let i = 0; i < 214; i++) assert.equal(heir.came(), true);
  assert.equal(heir.came(), false);
  watch.stop();
});

test('clients that came before the descriptors were counted do not count as something else', () => {
  const memory = overloadMemory(1);
  const machine = host();
  const watch = new OverloadWatch(memory, OPTIONS, log, machine);
  const lane = new Overload(memory, OPTIONS, 0);
  for (let i = 0; i < 100; i++) assert.equal(lane.came(), true);
  machine.used.descriptors = 40 + 200;
  watch.start();
  for (let i = 100; i < 430; i++) assert.equal(lane.came(), true);
  assert.equal(lane.came(), false);
  watch.stop();
});

test('what cannot be looked at for want of a descriptor stays as it was', () => {
  const memory = overloadMemory(1);
  const lane = new Overload(memory, OPTIONS, 0);
  let used = 950;
  const none = (): number => {
    if (used < 0) throw Object.assign(new Error('EMFILE'), { code: 'EMFILE' });
    return used;
  };
  const machine: Host = {
    descriptors: { most: () => 1000, used: none },
    memory: { most: () => 1000, used: () => 0 },
  };
  const watch = new OverloadWatch(memory, OPTIONS, log, machine);
  watch.look();
  assert.equal(lane.now, true);
  used = -1;
  watch.look();
  assert.equal(lane.now, true);
  used = 10;
  watch.look();
  assert.equal(lane.now, false);
});
