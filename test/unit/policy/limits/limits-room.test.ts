/** Who stays in a memory that never grows, and what happens when it is full. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { KeyedHash } from '../../../../src/policy/limits/keyed-hash.ts';
import { KeyTable, keyTableMemory } from '../../../../src/policy/limits/key-table.ts';
import type { Stay } from '../../../../src/policy/limits/limits.ts';
import { NOBODY, refusal, refused, Stage } from './stage.ts';

const HOUR = 3_600_000;
const clientOf = (index: number): string =>
  `2001:db8:${(index >>> 16).toString(16)}:${(index & 0xffff).toString(16)}::1`;
const FULL = 'more clients are connected than their limits can be kept for';

suite('room for who is connected', () => {
  for (const descriptors of [1024, 20_000, 65_536]) {
    test(`twice as many entries as ${descriptors} descriptors: every one of them can be another client and user`, () => {
      const terms = { connections: 1 };
      const stage = new Stage(
        { perClient: terms, perUser: terms, handshakes: 1 },
        { entries: 2 * descriptors },
      );
      // Always with another secret: it is not by luck that they find room.
      for (let i = 0; i < descriptors; i++) stage.connect(clientOf(i), `user-${i}`);
      assert.deepEqual(stage.held, { connections: 4 * descriptors, handshakes: 0 });
      for (let i = 0; i < descriptors; i += 97) assert.ok(refusal(() => stage.connect(clientOf(i), 'new')));
    });
  }

  test('it takes far more than half of the entries before anybody is refused for want of room', () => {
    const entries = 8192;
    const stage = new Stage({ perClient: { connections: 1 } }, { entries });
    let connected = 0;
    while (connected <= entries && refusal(() => stage.connect(clientOf(connected))) === undefined)
      connected++;
    assert.ok(connected <= entries);
    assert.ok(connected > 0.6 * entries, `${connected} of ${entries}`);
  });

  test('then who is limited is refused, clearly, and who is not limited gets in', () => {
    const stage = new Stage({ perClient: { connections: 1 } }, { entries: 16 });
    const stays: Stay[] = [];
    for (let i = 0; i < 16; i++) stays.push(stage.connect(clientOf(i)));
    // It finds no place for the handshake, which is not limited; for the connection it needs one.
    const stay = stage.limits.enter(clientOf(16));
    refused(() => stay.settle(0, undefined), 'OVERLOADED', FULL);
    stay.leave();
    stage.replace({ handshakes: 5 });
    refused(() => stage.limits.enter(clientOf(16)), 'OVERLOADED', FULL);
    stage.replace({});
    stage.connect(clientOf(16)).leave();
    assert.equal(stage.held.connections, 4 * 16);

    stage.replace({ perClient: { connections: 1 } });
    for (const [i, stay] of stays.entries()) {
      stay.leave();
      // Whoever leaves makes room for one, and only for one.
      stays[i] = stage.connect(clientOf(100 + i));
      assert.equal(refusal(() => stage.connect(clientOf(200)))?.code, 'OVERLOADED');
    }
    for (const stay of stays) stay.leave();
    assert.deepEqual(stage.held, NOBODY);
  });
});

suite('who makes way', () => {
  /** Clients that come and go, more than there are entries. */
  const flood = (stage: Stage, count = 2000): void => {
    for (let i = 0; i < count; i++) stage.connect(clientOf(1000 + i), 'passer-by').leave();
  };

  test('a million passers-by push out nobody who is connected, and the memory is what it was', () => {
    const stage = new Stage({ perClient: { connections: 2 } }, { entries: 1024 });
    const size = stage.memory.entries.byteLength;
    const stays = Array.from({ length: 100 }, (_, i) => stage.connect(clientOf(i), 'resident'));
    flood(stage, 1_000_000);
    for (let i = 0; i < 100; i++) assert.equal(stage.room(3, clientOf(i)), 1);
    for (const stay of stays) stay.leave();
    assert.deepEqual(stage.held, NOBODY);
    assert.equal(stage.memory.entries.byteLength, size);
  });

  test('nobody whose quota is partly used, as long as others have nothing to remember', () => {
    const stage = new Stage({ perClient: { quota: { bytes: 100, period: 'day' } } }, { entries: 64 });
    for (let i = 0; i < 8; i++) {
      const stay = stage.connect(clientOf(i));
      assert.equal(stay.spend(100), false);
      stay.leave();
    }
    flood(stage);
    for (let i = 0; i < 8; i++)
      assert.equal(refusal(() => stage.connect(clientOf(i)))?.code, 'QUOTA_EXCEEDED');
    // Tomorrow it is worth nothing.
    stage.utc += 24 * HOUR;
    flood(stage);
    for (let i = 0; i < 8; i++) stage.connect(clientOf(i)).leave();
  });

  test('of those who owe something the one whose debt ends first', () => {
    const rate = { count: 120, perMs: HOUR };
    const users = { eve: { rate: { count: 1, perMs: HOUR } } };
    const stage = new Stage({ perUser: { rate }, users }, { entries: 16 });
    stage.connect('198.51.100.1', 'eve').leave();
    // Each of them owes half a minute, eve an hour.
    for (let i = 0; i < 500; i++) stage.connect('198.51.100.1', `user-${i}`).leave();
    assert.equal(refusal(() => stage.connect('198.51.100.1', 'eve'))?.code, 'RATE_LIMITED');
  });
});

test('a table spreads keys over both of their sets', () => {
  const table = new KeyTable(keyTableMemory(65_536));
  assert.equal(table.size, 65_536);
  const hash = new KeyedHash(17, 4);
  const slots = new Map<number, string>();
  let name = 0;
  for (; ; name++) {
    const key = hash.of(`${name}`);
    assert.equal(table.find(key), -1);
    // Everybody stays.
    const slot = table.room(key, () => Infinity);
    if (slot === -1) break;
    assert.ok(!slots.has(slot) && table.isEmpty(slot));
    table.put(slot, key);
    slots.set(slot, `${name}`);
  }
  assert.ok(name > 0.6 * table.size, `the first without a place is number ${name}`);
  for (const [slot, name] of slots) assert.equal(table.find(hash.of(name)), slot);
  for (const slot of slots.keys()) table.clear(slot);
  assert.equal(table.find(hash.of('1')), -1);
});
