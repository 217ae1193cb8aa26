import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { sharedClock } from '../../../../src/policy/limits/clock.ts';
import { Limits } from '../../../../src/policy/limits/limits.ts';
import { ListenerSlots } from '../../../../src/policy/limits/listener-slots.ts';
import { limitMemory, type LimitMemory } from '../../../../src/policy/limits/memory.ts';
import { limitLedger } from '../../../../src/policy/limits/places.ts';

/** Listener slots of a memory for one listener. */
const SLOTS = limitMemory({ perListener: [{}] }, 64).listeners;

function take(slots: ListenerSlots, ...keys: string[]): number[] {
  const planned = slots.plan(keys);
  slots.take(planned);
  return keys.map((key) => planned.get(key)!);
}

function limitsOf(memory: LimitMemory): Limits {
  const terms = { connections: 1 };
  const perListener = Array.from({ length: memory.listeners }, () => terms);
  const logins = { failures: Infinity, perMs: 1000, banMs: 1000 };
  const options = { global: {}, perListener, perClient: {}, perUser: {}, users: {}, handshakes: 100, logins };
  return new Limits(memory, options, limitLedger(memory), sharedClock());
}

suite('the places of listeners in the limits', () => {
  test('stay with them, whatever their order and whoever comes and goes', () => {
    const slots = new ListenerSlots(limitMemory({ perListener: [{}] }, 64));
    assert.deepEqual(take(slots, 'a', 'b', 'c'), [0, 1, 2]);
    assert.deepEqual(take(slots, 'c', 'a'), [2, 0]);
    assert.deepEqual(take(slots, 'd', 'a', 'c'), [3, 0, 2]);
  });

  test('are given anew only when all others have been', () => {
    const slots = new ListenerSlots(limitMemory({ perListener: [{}] }, 64));
    take(slots, 'a', 'b');
    for (let i = 2; i < SLOTS; i++) assert.deepEqual(take(slots, 'a', `${i}`), [0, i]);
    assert.deepEqual(take(slots, 'a', 'again'), [0, 1]);
  });

  test('a plan that is not carried out takes nothing', () => {
    const slots = new ListenerSlots(limitMemory({ perListener: [{}] }, 64));
    take(slots, 'a');
    assert.equal(slots.plan(['b']).get('b'), 1);
    assert.deepEqual(take(slots, 'a', 'c'), [0, 1]);
  });

  test('one that still has connections is not given to another listener', () => {
    const memory = limitMemory({ perListener: [{}] }, 64);
    const slots = new ListenerSlots(memory);
    const keys = Array.from({ length: SLOTS }, (_, i) => `${i}`);
    take(slots, ...keys);
    const limits = limitsOf(memory);
    const stay = limits.enter('192.0.2.1');
    stay.settle(5, undefined);
    const others = keys.filter((key) => key !== '5');
    take(slots, ...others);
    assert.throws(() => slots.plan([...others, 'new']), RangeError);
    stay.leave();
    assert.deepEqual(take(slots, ...others, 'new').at(-1), 5);
    // Nothing is left of the one before.
    limits.enter('192.0.2.1').settle(5, undefined);
  });

  test('more listeners than there are places are refused', () => {
    const slots = new ListenerSlots(limitMemory({ perListener: [{}] }, 64));
    assert.throws(() => slots.plan(Array.from({ length: SLOTS + 1 }, (_, i) => `${i}`)), /no room/);
  });
});
