import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import { expand } from '../../../../src/egress/pool/ranges.ts';
import { ranges, span, Stage } from '../../../support/rotation.ts';

const addressesOf = ({ slots, table }: Stage): string[] =>
  [...slots.members()].map((slot) => table.address(slot)).toSorted();

suite('slots', () => {
  test('a member keeps its slot, its state and its counters, whatever comes and goes around it', () => {
    const stage = new Stage(64);
    const { slots, table } = stage;
    slots.assign(ranges('192.0.2.1-192.0.2.4,2001:db8::1,10.0.0.0/8'));
    const kept = ['192.0.2.3', '2001:db8::1', '10.0.0.0'];
    const before = kept.map((address) => stage.slotOf(address));
    for (const slot of before) {
      table.setState(slot, 'up');
      table.opened(slot);
      table.failed(slot);
      table.nextPort(slot);
      table.nextStep(slot);
    }
    slots.assign(ranges('10.0.0.0/8,198.51.100.1,192.0.2.3,2001:db8::1-2001:db8::2'));
    assert.deepEqual(
      kept.map((address) => stage.slotOf(address)),
      before,
    );
    for (const slot of before) {
      assert.deepEqual(
        [
          table.state(slot),
          table.active(slot),
          table.failures(slot),
          table.nextPort(slot),
          table.steps(slot),
        ],
        ['up', 1, 1, 1, 1n],
      );
    }
    assert.equal(table.state(stage.slotOf('198.51.100.1')), 'new');
  });

  test('what is down stays down while it is a member', () => {
    const stage = new Stage(64);
    stage.slots.assign(ranges('192.0.2.1-192.0.2.2'));
    stage.table.ejectNow(stage.slotOf('192.0.2.1'));
    stage.slots.assign(ranges('192.0.2.1'));
    assert.equal(stage.table.state(stage.slotOf('192.0.2.1')), 'down');
  });

  test('who leaves drains, and comes back as new to the same slot while it has tunnels', () => {
    const stage = new Stage(64);
    const { slots, table } = stage;
    slots.assign(ranges('192.0.2.1-192.0.2.2'));
    const slot = stage.slotOf('192.0.2.1');
    table.setState(slot, 'up');
    table.opened(slot);
    slots.assign(ranges('192.0.2.2'));
    assert.equal(table.state(slot), 'draining');
    assert.deepEqual(addressesOf(stage), ['192.0.2.2']);
    assert.deepEqual([slots.sweep(), slots.sweep(), slots.sweep()], [0, 0, 0], 'it has a tunnel');
    slots.assign(ranges('192.0.2.1-192.0.2.2'));
    assert.equal(stage.slotOf('192.0.2.1'), slot);
    assert.deepEqual([table.state(slot), table.active(slot)], ['new', 1]);
  });

  test('a drained slot is freed by the second sweep that finds it idle, and forgets', () => {
    const stage = new Stage(64);
    const { slots, table } = stage;
    slots.assign(ranges('192.0.2.1-192.0.2.2'));
    const slot = stage.slotOf('192.0.2.1');
    table.opened(slot);
    table.failed(slot);
    slots.assign(ranges('192.0.2.2'));
    table.closed(slot);
    assert.equal(slots.sweep(), 0);
    assert.equal(table.failures(slot), 1);
    table.opened(slot);
    assert.equal(slots.sweep(), 0, 'a thread with the old membership has picked it meanwhile');
    table.closed(slot);
    assert.deepEqual([slots.sweep(), slots.sweep()], [0, 1]);
    assert.equal(table.failures(slot), 0);
    slots.assign(ranges('192.0.2.1-192.0.2.2'));
    assert.notEqual(stage.slotOf('192.0.2.1'), slot, 'freed slots rest as long as there are others');
  });

  test('two pools with the same address share its slot', () => {
    const stage = new Stage(64);
    const [one, two] = [ranges('192.0.2.1-192.0.2.4'), ranges('192.0.2.3-192.0.2.9')];
    stage.slots.assign([...one, ...two]);
    assert.equal([...stage.slots.members()].length, 9);
    assert.deepEqual([...stage.slots.of(two[0]!)].slice(0, 2), [...stage.slots.of(one[0]!)].slice(2));
  });

  test('a block is another one with other ends or another identity, and the same with other holes', () => {
    const stage = new Stage(64);
    const block = span(6, 0n, (1n << 80n) - 1n);
    const slotOf = (range: typeof block): number => {
      stage.slots.assign([range]);
      return stage.slots.of(range)[0]!;
    };
    const slot = slotOf(block);
    assert.equal(slotOf({ ...block, holes: [{ first: 7n, last: 9n }] }), slot);
    assert.notEqual(slotOf({ ...block, last: block.last - 1n }), slot);
    assert.notEqual(slotOf({ ...block, identityBits: 64 }), slot);
  });

  test('a full table refuses more and changes nothing; sweeping makes room', () => {
    const stage = new Stage(8);
    const { slots, table } = stage;
    slots.assign(ranges('192.0.2.0/29'));
    assert.throws(() => slots.assign(ranges('192.0.2.0/29,198.51.100.1')), /more|room/);
    assert.equal(addressesOf(stage).length, 8);
    assert.ok([...slots.members()].every((slot) => table.usable(slot)));
    slots.assign(ranges('192.0.2.4/30'));
    assert.throws(() => slots.assign(ranges('198.51.100.0/29')), RangeError);
    slots.sweep();
    slots.sweep();
    slots.assign(ranges('192.0.2.4/30,198.51.100.0/30'));
    assert.equal(addressesOf(stage).length, 8);
    slots.assign(ranges('192.0.2.4/30,198.51.100.0/30'));
    assert.equal(addressesOf(stage).length, 8, 'what is there already needs no room');
  });

  test('of() refuses a range that was not assigned', () => {
    const stage = new Stage(8);
    assert.throws(() => stage.slots.of(span(4, 1n, 1n)), RangeError);
  });

  test('any history of memberships: members are usable, slots distinct and stable, tunnels never lost', () => {
    const membership = fc.uniqueArray(fc.nat(11), { maxLength: 12 });
    const step = fc.record({ members: membership, open: fc.nat(11), sweep: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const stage = new Stage(24);
        const { slots, table } = stage;
        const held = new Map<number, string>();
        for (const { members, open, sweep } of steps) {
          const pool = members.map((host) => span(4, BigInt(host), BigInt(host)));
          const before = new Map([...slots.members()].map((slot) => [table.address(slot), slot]));
          slots.assign(pool);
          assert.deepEqual(addressesOf(stage), [...expand(pool, Infinity)].toSorted());
          assert.equal(new Set(slots.members()).size, members.length);
          for (const slot of slots.members()) {
            assert.equal(table.usable(slot), true);
            assert.equal(before.get(table.address(slot)) ?? slot, slot);
          }
          const slot = [...slots.members()][open];
          if (slot !== undefined && !held.has(slot)) {
            table.opened(slot);
            held.set(slot, table.address(slot));
          }
          if (sweep) slots.sweep();
          for (const [one, address] of held) assert.equal(table.address(one), address, 'nobody else gets it');
        }
      }),
      { numRuns: 200 },
    );
  });
});
