import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Roll } from '../../../src/runtime/roll.ts';
import { ranges, Stage } from '../../support/rotation.ts';

function rollOf(...terms: string[]): { roll: Roll; stage: Stage } {
  const stage = new Stage();
  const members = ranges(...terms);
  stage.snapshot(members);
  return { roll: new Roll(members, stage.slots), stage };
}

test('members are in the order of the expression, a block is one', () => {
  const { roll, stage } = rollOf('192.0.2.9', '2001:db8::/64', '192.0.2.1-192.0.2.3', '2001:db8:1::1');
  assert.deepEqual(
    [...roll.slots].map((slot) => stage.table.address(slot)),
    ['192.0.2.9', '2001:db8::', '192.0.2.1', '192.0.2.2', '192.0.2.3', '2001:db8:1::1'],
  );
  assert.deepEqual(
    [...roll.slots].map((slot) => roll.isBlock(slot)),
    [false, true, false, false, false, false],
  );
  assert.equal(roll.block(roll.slots[1]!)?.first, 0x2001_0db8n << 96n);
  assert.equal(roll.block(roll.slots[0]!), undefined);
});

test('every address finds its member, in any spelling; every address of a block finds the block', () => {
  const { roll } = rollOf('192.0.2.0/28', '2001:db8::/64', '!2001:db8::f0-2001:db8::ff', '2001:db8:1::1');
  const at = (address: string): number | undefined => {
    const found = roll.find(address);
    return found && roll.slots.indexOf(found.slot);
  };
  for (let i = 0; i < 16; i++) assert.equal(at(`192.0.2.${i}`), i);
  assert.equal(at('::ffff:192.0.2.3'), 3);
  assert.deepEqual([at('2001:db8::'), at('2001:0DB8:0::1234'), at('2001:db8:1:0::1')], [16, 16, 17]);
  for (const none of [
    '192.0.2.16',
    '192.0.1.255',
    '2001:db8::f4',
    '2001:db8:0:1::',
    '::',
    '',
    'x',
    '192.0.2.03',
  ])
    assert.equal(at(none), undefined, none);
});
