import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import { formatAddress } from '../../../../src/egress/pool/format.ts';
import {
  EgressTable,
  ledgerMemory,
  tableMemory,
  type EgressState,
} from '../../../../src/egress/pool/table.ts';

const table = (capacity: number = 8): EgressTable => new EgressTable(tableMemory(capacity));
const CLOSINGS = 8192;

suite('state', () => {
  test('a slot nobody has is draining', () => {
    assert.equal(table().state(3), 'draining');
  });

  test('all but down are usable: who draining ones are kept from is a matter of the snapshot', () => {
    const one = table();
    const usable = (['new', 'up', 'down', 'draining'] as const).map((state) => {
      one.setState(5, state);
      assert.equal(one.state(5), state);
      return one.usable(5);
    });
    assert.deepEqual(usable, [true, true, false, true]);
    assert.deepEqual([one.state(4), one.state(6)], ['draining', 'draining'], 'neighbours are left alone');
  });

  test('ejectNow takes a usable egress down, once, and leaves the others as they are', () => {
    const outcome = (state: EgressState): readonly [boolean, EgressState] => {
      const one = table();
      one.setState(0, state);
      return [one.ejectNow(0), one.state(0)];
    };
    assert.deepEqual(outcome('new'), [true, 'down']);
    assert.deepEqual(outcome('up'), [true, 'down']);
    assert.deepEqual(outcome('down'), [false, 'down']);
    assert.deepEqual(outcome('draining'), [false, 'draining']);
  });

  test('success makes new up, forgets failures, and does not bring back what is down', () => {
    const one = table();
    for (const state of ['new', 'down'] as const) {
      one.setState(0, state);
      assert.equal(one.failed(0), 1);
      assert.equal(one.failed(0), 2);
      assert.equal(one.failures(0), 2);
      one.succeeded(0);
      assert.equal(one.failures(0), 0);
      assert.equal(one.state(0), state === 'new' ? 'up' : 'down');
    }
  });
});

suite('counters', () => {
  test('tables over the same memory see the same', () => {
    const memory = tableMemory(8);
    const [one, two] = [new EgressTable(memory), new EgressTable(memory)];
    one.opened(7);
    two.opened(7);
    one.closed(7);
    assert.deepEqual([one.active(7), two.active(7), two.active(6)], [1, 1, 0]);
    assert.deepEqual([one.nextPort(2), two.nextPort(2), one.nextPort(3)], [0, 1, 0]);
    assert.deepEqual([one.nextStep(2), two.nextStep(2), one.steps(2), one.steps(3)], [0n, 1n, 2n, 0n]);
    one.touch(1);
    two.touch(4);
    assert.ok(two.lastUsed(1) < one.lastUsed(4));
    assert.equal(one.lastUsed(4), two.now());
  });

  test('the port cursor is unsigned past 2^31 and wraps', () => {
    const memory = tableMemory(4);
    const one = new EgressTable(memory);
    const ports = new Int32Array(memory.ints, 4 * 4 * 4, 4);
    ports[1] = 0x7fff_ffff;
    assert.deepEqual([one.nextPort(1), one.nextPort(1)], [2 ** 31 - 1, 2 ** 31]);
    ports[1] = -1;
    assert.deepEqual([one.nextPort(1), one.nextPort(1)], [2 ** 32 - 1, 0]);
  });

  test('openedAt and touchAt do nothing when somebody was faster', () => {
    const one = table();
    one.opened(0);
    assert.deepEqual(
      [one.openedAt(0, 0), one.active(0), one.openedAt(0, 1), one.active(0)],
      [false, 1, true, 2],
    );
    one.touch(0);
    const seen = one.lastUsed(0);
    assert.equal(one.touchAt(0, seen - 1), false);
    assert.equal(one.lastUsed(0), seen);
    assert.equal(one.touchAt(0, seen), true);
    assert.ok(one.lastUsed(0) > seen);
  });

  test('the log of closed tunnels knows the last ones, in order, and says what it has lost', () => {
    const one = table();
    assert.equal(one.closing(0), -1, 'nothing was closed yet');
    for (let turn = 0; turn < CLOSINGS + 10; turn++) {
      one.opened(turn % 8);
      one.closed(turn % 8);
    }
    assert.equal(one.closings(), CLOSINGS + 10);
    assert.deepEqual(
      [9, 10, 11, CLOSINGS + 9, CLOSINGS + 10].map((position) => one.closing(position)),
      [-1, 2, 3, 1, -1],
    );
  });

  test('a dead thread takes its tunnels along, and only its own', () => {
    const memory = tableMemory(8);
    const ledger = ledgerMemory(8);
    const main = new EgressTable(memory);
    const dying = new EgressTable(memory, ledger);
    main.opened(1);
    dying.opened(1);
    dying.opened(1);
    dying.openedAt(1, 3);
    dying.closed(1);
    dying.opened(2);
    const before = main.closings();
    main.writeOff(ledger);
    assert.deepEqual([main.active(1), main.active(2)], [1, 0]);
    assert.equal(main.closing(before), -1, 'whoever follows the log has to look anew');
    main.writeOff(ledger);
    assert.deepEqual([main.active(1), main.active(2)], [1, 0]);
  });
});

suite('addresses', () => {
  test('come back as they are spelt', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), fc.nat(7), (value, slot) => {
        const one = table();
        one.put(slot, 6, value);
        assert.equal(one.address(slot), formatAddress(6, value));
        const low = BigInt.asUintN(32, value);
        one.put(slot, 4, low);
        assert.equal(one.address(slot), formatAddress(4, low));
        assert.equal(one.family(slot), 4);
      }),
    );
  });

  test('have a hash that depends on nothing but the address', () => {
    const one = table();
    one.put(0, 4, 5n);
    one.put(1, 6, 5n);
    one.put(2, 6, (1n << 100n) + 5n);
    one.reset(3);
    one.put(3, 4, 5n);
    assert.equal(one.addressHash(3), one.addressHash(0));
    assert.equal(new Set([0, 1, 2].map((slot) => one.addressHash(slot))).size, 3);
  });
});

test('reset leaves no trace, and what gets the slot comes before all that were used', () => {
  const one = table();
  one.put(0, 6, 1n << 100n);
  one.setState(0, 'up');
  for (const leave of [
    () => one.opened(0),
    () => one.failed(0),
    () => one.nextPort(0),
    () => one.nextStep(0),
  ])
    leave();
  one.touch(1);
  one.touch(0);
  one.reset(0);
  assert.deepEqual(
    [one.state(0), one.active(0), one.failures(0), one.nextPort(0), one.steps(0), one.addressHash(0)],
    ['draining', 0, 0, 0, 0n, 0],
  );
  assert.ok(one.now() - one.lastUsed(0) > one.now() - one.lastUsed(1));
});
