/**
 * A thread that dies takes nothing with it, at whatever point of whatever it was doing: every atomic operation of its is
 * made the last one.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { GATE, LOCK, LOGINS } from '../../../../src/policy/limits/memory.ts';
import { heldPlaces, limitLedger, writeOff } from '../../../../src/policy/limits/places.ts';
import { Limits } from '../../../../src/policy/limits/limits.ts';
import { limitOptions, NOBODY, refusal, Stage } from './stage.ts';

const CLIENT = '198.51.100.1';
const TERMS = { connections: 3, up: 1e6, quota: { bytes: 1e9, period: 'day' } } as const;
const OPTIONS = { handshakes: 3, global: TERMS, perListener: [TERMS], perClient: TERMS, perUser: TERMS };

class Death extends Error {}

/** Runs it until its operation number `last` on shared memory is done; after that nothing of it happens any more. */
function dieAfter(last: number, action: () => void): 'died' | 'lived' {
  const atomics = Atomics as unknown as Record<string, (...args: unknown[]) => unknown>;
  const names = ['add', 'sub', 'store', 'compareExchange'] as const;
  const real = names.map((name) => atomics[name]!);
  let done = 0;
  for (const [i, name] of names.entries()) {
    atomics[name] = (...args) => {
      if (done === last) throw new Death();
      done++;
      return real[i]!(...args);
    };
  }
  try {
    action();
    return 'lived';
  } catch (error) {
    if (!(error instanceof Death)) throw error;
    return 'died';
  } finally {
    for (const [i, name] of names.entries()) atomics[name] = real[i]!;
  }
}

/** Two lanes, one with connections, the other about to die. */
function scene(): { stage: Stage; before: { connections: number; handshakes: number } } {
  const stage = new Stage(OPTIONS, { lanes: 2 });
  stage.connect(CLIENT, 'alice', 0);
  stage.limits.enter(CLIENT);
  return { stage, before: stage.held };
}

const LIVES: Readonly<Record<string, (limits: Limits) => void>> = {
  'that enters': (limits) => void limits.enter(CLIENT),
  'that settles': (limits) => limits.enter(CLIENT).settle(0, 'alice'),
  'that settles as somebody new': (limits) => limits.enter('2001:db8::1').settle(0, 'bob'),
  'that changes its user': (limits) => {
    const stay = limits.enter(CLIENT);
    stay.settle(0, 'alice');
    stay.settle(0, 'bob');
  },
  'that leaves': (limits) => {
    const stay = limits.enter(CLIENT);
    stay.settle(0, 'alice');
    stay.leave();
  },
  'that reads and spends': (limits) => {
    const stay = limits.enter(CLIENT);
    stay.settle(0, 'alice');
    stay.up!.take(1000);
    stay.spend(1000);
  },
};

suite('a thread that dies', () => {
  for (const [what, life] of Object.entries(LIVES)) {
    test(`${what}: the others count on as if it had never been`, () => {
      let last = 0;
      for (; ; last++) {
        const { stage, before } = scene();
        const end = dieAfter(last, () => life(stage.lanes[1]!.limits));
        assert.equal(writeOff(stage.memory, stage.lanes[1]!.ledger), true);
        assert.deepEqual(stage.held, before, `after operation ${last}`);
        // Nothing is locked, and there is exactly the room that there was.
        assert.equal(stage.room(9), 2);
        const stay = stage.connect();
        assert.equal(stay.up!.take(0), 0);
        assert.equal(stay.spend(1), true);
        if (end === 'lived') break;
      }
      assert.ok(last >= 4, `${last} operations`);
    });
  }

  test('is written off again by who takes over its ledger', () => {
    const { stage, before } = scene();
    const { ledger, limits } = stage.lanes[1]!;
    limits.enter(CLIENT).settle(0, 'alice');
    const successor = new Limits(stage.memory, limitOptions(OPTIONS), ledger);
    assert.deepEqual(stage.held, before);
    const stay = successor.enter(CLIENT);
    stay.settle(0, 'alice');
    stay.leave();
    assert.deepEqual(stage.held, before);
  });

  test('has to wait for another one that died with the gate', () => {
    const { stage, before } = scene();
    const other = limitLedger(stage.memory);
    const gate = new Int32Array(stage.memory.head);
    stage.connect(CLIENT, 'alice', 1);
    // Threads are known by a number, which is the first word of their ledger.
    new Int32Array(other)[0] = 4711;
    gate[GATE] = 4711;
    assert.equal(writeOff(stage.memory, stage.lanes[1]!.ledger), false);
    assert.throws(
      () => new Limits(stage.memory, limitOptions(), stage.lanes[1]!.ledger),
      /written off before others/,
    );
    assert.equal(writeOff(stage.memory, other), true);
    assert.equal(writeOff(stage.memory, stage.lanes[1]!.ledger), true);
    assert.deepEqual(stage.held, before);
  });

  test('gives up the lock of logins, and of every meter', () => {
    const { stage } = scene();
    const ledger = limitLedger(stage.memory);
    new Int32Array(ledger)[0] = 4711;
    const [head, entries] = [new Int32Array(stage.memory.head), new Int32Array(stage.memory.entries)];
    const stay = stage.connect();
    head[LOGINS] = 4711;
    entries[LOCK] = 4711;
    // The meter of all connections cannot be had: what was read is paid for there with the next read.
    assert.equal(stay.up!.take(1e6), 900);
    writeOff(stage.memory, ledger);
    assert.deepEqual([head[LOGINS], entries[LOCK]], [0, 0]);
    const other = stage.connect('198.51.100.2', 'bob', 0, 1);
    assert.equal(other.up!.take(0), 0);
    stay.up!.take(0);
    assert.equal(other.up!.take(0), 900);
  });

  test('that had counted nothing changes nothing', () => {
    const { stage, before } = scene();
    assert.equal(writeOff(stage.memory, limitLedger(stage.memory)), true);
    assert.deepEqual(stage.held, before);
    stage.die(0);
    assert.deepEqual(stage.held, NOBODY);
    assert.equal(
      refusal(() => stage.connect()),
      undefined,
    );
    assert.notDeepEqual(heldPlaces(stage.memory), NOBODY);
  });
});
