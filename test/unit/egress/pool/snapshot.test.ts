import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import { includes } from '../../../../src/egress/pool/spans.ts';
import type { Rotation } from '../../../../src/egress/pool/snapshot.ts';
import { ipBytes } from '../../../../src/protocol/address.ts';
import { ranges, span, Stage } from '../../../support/rotation.ts';

const spell = ({ table }: Stage, slots: Int32Array): string[] =>
  [...slots].map((slot) => table.address(slot));

suite('snapshot', () => {
  test('order is as written, families apart, a block is one member', () => {
    const stage = new Stage(64);
    const { v4, v6, blocks } = stage.snapshot(
      ranges('192.0.2.9,2001:db8::/64,192.0.2.1-192.0.2.2,2001:db9::1,10.0.0.0/8'),
    );
    assert.deepEqual(spell(stage, v4.order), ['192.0.2.9', '192.0.2.1', '192.0.2.2', '10.0.0.0']);
    assert.deepEqual(spell(stage, v6.order), ['2001:db8::', '2001:db9::1']);
    assert.deepEqual([...blocks.keys()], [stage.slotOf('2001:db8::'), stage.slotOf('10.0.0.0')]);
    assert.deepEqual([v4.family, v6.family], [4, 6]);
  });

  test('equal weights need no schedule of their own; others have a smooth one', () => {
    const stage = new Stage(64);
    const weighing = (...weights: number[]): Rotation =>
      stage.snapshot(weights.map((weight, index) => span(4, BigInt(index), BigInt(index), { weight }))).v4;
    const even = weighing(7, 7, 7);
    assert.equal(even.schedule, even.order);
    const { order, schedule } = weighing(5, 1, 1);
    const [a, b, c] = order as unknown as [number, number, number];
    assert.deepEqual([...schedule], [a, a, b, a, c, a, a]);
  });

  test('what is down is left out, from schedule, tags and blocks too, but remains ours', () => {
    const stage = new Stage(64);
    const members = [
      span(4, 1n, 3n, { weight: 2, tags: ['a=1'] }),
      span(4, 9n, 9n, { tags: ['a=1'] }),
      span(4, 1n << 24n, 2n << 24n),
    ];
    stage.snapshot(members);
    stage.table.ejectNow(stage.slotOf('0.0.0.2'));
    stage.table.ejectNow(stage.slotOf('1.0.0.0'));
    const snapshot = stage.snapshot(members);
    assert.deepEqual(spell(stage, snapshot.v4.order), ['0.0.0.1', '0.0.0.3', '0.0.0.9']);
    assert.deepEqual(spell(stage, snapshot.v4.schedule), [
      '0.0.0.1',
      '0.0.0.3',
      '0.0.0.9',
      '0.0.0.1',
      '0.0.0.3',
    ]);
    assert.deepEqual(spell(stage, snapshot.tags['a=1']!.v4.order), ['0.0.0.1', '0.0.0.3', '0.0.0.9']);
    assert.equal(snapshot.blocks.size, 0);
    assert.equal(includes(snapshot.spans, ipBytes('0.0.0.2')!), true);
    assert.equal(includes(snapshot.spans, ipBytes('1.2.3.4')!), true);
  });

  test('an address that is written twice has one turn', () => {
    const stage = new Stage(64);
    const { v4 } = stage.snapshot([span(4, 1n, 3n), span(4, 2n, 4n)]);
    assert.deepEqual(spell(stage, v4.order), ['0.0.0.1', '0.0.0.2', '0.0.0.3', '0.0.0.4']);
  });

  test('part of what was assigned is a pool of its own', () => {
    const stage = new Stage(64);
    const [one, two] = [ranges('192.0.2.1'), ranges('192.0.2.1-192.0.2.2')];
    stage.slots.assign([...one, ...two]);
    const [first, second] = [one, two].map((pool) => stage.snapshotOf(pool));
    assert.deepEqual(spell(stage, first!.v4.order), ['192.0.2.1']);
    assert.deepEqual(spell(stage, second!.v4.order), ['192.0.2.1', '192.0.2.2']);
    assert.equal(includes(first!.spans, ipBytes('192.0.2.2')!), false);
  });

  test('what is large in it is shared and not copied', () => {
    const { v4, v6, spans } = new Stage().snapshot(ranges('10.0.0.0/16,2001:db8::/112'));
    for (const { buffer } of [v4.order, v4.schedule, v6.order, spans.v4, spans.v6]) {
      assert.ok(buffer instanceof SharedArrayBuffer);
    }
    assert.deepEqual([v4.order.length, v6.order.length, spans.v4.length], [65_536, 65_536, 4]);
  });

  test('65,536 networks that number their hosts alike are all told apart', () => {
    const stage = new Stage();
    const members = Array.from({ length: 65_536 }, (_, index) => {
      const address = (0x2001_0db8_0000n << 80n) + (BigInt(index) << 64n) + 1n;
      return span(6, address, address);
    });
    assert.equal(new Set(stage.snapshot(members).v6.order).size, 65_536);
  });
});

test('spans include exactly what is in a range', () => {
  const part = fc.tuple(fc.nat(250), fc.nat(6), fc.constantFrom<4 | 6>(4, 6));
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const members = parts.map(([from, more, family]) => span(family, BigInt(from), BigInt(from + more)));
      const { spans } = new Stage(1024).snapshot(members);
      for (let host = 0; host < 256; host++) {
        const inside = (family: 4 | 6): boolean =>
          parts.some(([from, more, of]) => of === family && from <= host && host <= from + more);
        assert.equal(includes(spans, Uint8Array.of(0, 0, 0, host)), inside(4));
        assert.equal(
          includes(
            spans,
            Uint8Array.from({ length: 16 }, (_, at) => (at === 15 ? host : 0)),
          ),
          inside(6),
        );
      }
      assert.equal(
        includes(
          spans,
          Uint8Array.from({ length: 16 }, () => 255),
        ),
        false,
      );
    }),
  );
});
