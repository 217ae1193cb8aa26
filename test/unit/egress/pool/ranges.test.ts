import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import { formatAddress } from '../../../../src/egress/pool/format.ts';
import {
  count,
  expand,
  isBlock,
  merge,
  overlapping,
  subtract,
  type Range,
  type Span,
} from '../../../../src/egress/pool/ranges.ts';
import { span } from '../../../support/rotation.ts';

const range = (first: bigint, last: bigint, family: 4 | 6 = 4): Range => span(family, first, last);
const bigspan = (max: bigint): fc.Arbitrary<Span> =>
  fc
    .tuple(fc.bigInt({ min: 0n, max }), fc.bigInt({ min: 0n, max }))
    .map(([a, b]) => (a < b ? { first: a, last: b } : { first: b, last: a }));

const holds = (spans: readonly Span[], value: bigint): boolean =>
  spans.some(({ first, last }) => first <= value && value <= last);

suite('text', () => {
  const texts: readonly (readonly [6 | 4, bigint, string])[] = [
    [4, 0n, '0.0.0.0'],
    [4, 0x7f000001n, '127.0.0.1'],
    [4, 0xffffffffn, '255.255.255.255'],
    [4, 0x80000000n, '128.0.0.0'],
    [6, 0n, '::'],
    [6, 1n, '::1'],
    [6, 1n << 112n, '1::'],
    [6, 0x2001_0db8_0000_0000_0001_0000_0000_0001n, '2001:db8::1:0:0:1'],
    [6, 0x2001_0db8_0000_0001_0001_0001_0001_0001n, '2001:db8:0:1:1:1:1:1'],
    [6, 0x0001_0000_0000_0001_0000_0000_0000_0001n, '1:0:0:1::1'],
    [6, (1n << 128n) - 1n, 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    [6, 0x0001_0002_0003_0004_0005_0006_0007_0000n, '1:2:3:4:5:6:7:0'],
  ];
  for (const [family, value, text] of texts) {
    test(text, () => assert.equal(formatAddress(family, value), text));
  }

  test('every IPv6 address is spelt as the URL standard spells it', () => {
    const word = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
    fc.assert(
      fc.property(fc.array(word, { minLength: 8, maxLength: 8 }), (groups) => {
        const full = groups.map((group) => group.toString(16)).join(':');
        const value = groups.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n);
        assert.equal(formatAddress(6, value), new URL(`http://[${full}]/`).hostname.slice(1, -1));
      }),
      { numRuns: 2000 },
    );
  });
});

suite('sets of addresses', () => {
  test('65,536 addresses are a range, one more makes a block', () => {
    assert.equal(isBlock(range(0n, 65_535n)), false);
    assert.equal(isBlock(range(0n, 65_536n)), true);
  });

  test('merge gives the sorted union', () => {
    fc.assert(
      fc.property(fc.array(bigspan(60n), { maxLength: 8 }), (spans) => {
        const merged = merge(spans);
        for (let value = 0n; value <= 61n; value++) assert.equal(holds(merged, value), holds(spans, value));
        for (const [index, span] of merged.entries()) {
          if (index > 0) assert.ok(span.first > merged[index - 1]!.last + 1n, 'sorted and apart');
        }
      }),
    );
  });

  test('overlapping gives the spans that share an address', () => {
    fc.assert(
      fc.property(fc.array(bigspan(60n), { maxLength: 8 }), bigspan(60n), (spans, span) => {
        const sorted = merge(spans);
        const expected = sorted.filter(({ first, last }) => first <= span.last && last >= span.first);
        assert.deepEqual(overlapping(sorted, span), expected);
      }),
    );
  });

  test('a small range falls into pieces', () => {
    assert.deepEqual(
      subtract(range(10n, 20n), [
        { first: 0n, last: 10n },
        { first: 13n, last: 14n },
      ]),
      [range(11n, 12n), range(15n, 20n)],
    );
    assert.deepEqual(subtract(range(10n, 20n), [{ first: 10n, last: 20n }]), []);
    assert.deepEqual(subtract(range(10n, 20n), [{ first: 21n, last: 22n }]), [range(10n, 20n)]);
  });

  test('pieces keep the weight, the tags and the identity of their range', () => {
    const whole = span(6, 1n, 9n, { weight: 3, tags: ['country=de'], identityBits: 64 });
    assert.deepEqual(subtract(whole, [{ first: 4n, last: 5n }]), [
      { ...whole, last: 3n },
      { ...whole, first: 6n },
    ]);
  });

  test('a block stays one, and its holes end where it ends', () => {
    const block = range(100_000n, 199_999n);
    const gaps = [
      { first: 0n, last: 100_004n },
      { first: 150_000n, last: 150_000n },
      { first: 199_990n, last: 500_000n },
    ];
    const holes = [
      { first: 100_000n, last: 100_004n },
      { first: 150_000n, last: 150_000n },
      { first: 199_990n, last: 199_999n },
    ];
    assert.deepEqual(subtract(block, gaps), [{ ...block, holes }]);
    assert.equal(count(subtract(block, gaps)), 100_000n - 16n);
    assert.deepEqual(subtract(block, [{ first: 0n, last: 500_000n }]), []);
  });

  test('subtracting twice is subtracting the union, whatever the size', () => {
    const gaps = fc.array(bigspan(70_000n), { maxLength: 4 }).map(merge);
    fc.assert(
      fc.property(fc.constantFrom(40n, 66_000n), gaps, gaps, (last, one, two) => {
        const apart = subtract(range(0n, last), one).flatMap((piece) => subtract(piece, two));
        const together = subtract(range(0n, last), merge([...one, ...two]));
        assert.deepEqual(apart, together);
        for (const value of [0n, 1n, last, ...one.flatMap((gap) => [gap.first, gap.last + 1n])]) {
          const free = value <= last && !holds(one, value) && !holds(two, value);
          assert.equal(
            together.some((piece) => holds([piece], value) && !holds(piece.holes, value)),
            free,
          );
        }
      }),
    );
  });

  test('expand stops at its limit, steps over holes and crosses ranges', () => {
    const block: Range = {
      ...range(0x0a000000n, 0x0affffffn),
      holes: [{ first: 0x0a000001n, last: 0x0afffffen }],
    };
    assert.deepEqual([...expand([block, range(1n, 1n, 6)], 9)], ['10.0.0.0', '10.255.255.255', '::1']);
    assert.deepEqual([...expand([block], 1)], ['10.0.0.0']);
    assert.deepEqual([...expand([block], 0)], []);
    assert.equal([...expand([range(0n, (1n << 64n) - 1n, 6)], 1000)].length, 1000);
  });

  test('ranges survive structuredClone', () => {
    const ranges = subtract(range(0n, (1n << 64n) - 1n, 6), [{ first: 5n, last: 6n }]);
    assert.deepEqual(structuredClone(ranges), ranges);
  });
});
