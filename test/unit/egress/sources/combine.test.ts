import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import { combine, joinProblems, MOST_ADDRESSES, sameRanges } from '../../../../src/egress/sources/combine.ts';
import { disjoint } from '../../../../src/egress/expression/disjoint.ts';
import { parsePool, poolRanges } from '../../../../src/egress/expression/expression.ts';
import { count, type Range } from '../../../../src/egress/pool/ranges.ts';
import { asRange, type PoolTerm } from '../../../../src/egress/expression/term.ts';

const span = (first: bigint, last: bigint, family: 4 | 6 = 4): Range => ({
  family,
  first,
  last,
  holes: [],
  weight: 1,
  tags: [],
});
const holds = ({ first, last, holes }: Range, value: bigint): boolean =>
  first <= value && value <= last && !holes.some((hole) => hole.first <= value && value <= hole.last);

/** Terms with what each of them brings: for addresses themselves, for a source what is given. */
const contributions = (
  items: readonly (readonly [item: string, brings?: string])[],
): { term: PoolTerm; ranges: Range[] }[] =>
  items.map(([item, brings]) => {
    const [term] = parsePool([item]);
    const ranges = parsePool(brings === undefined ? [item] : brings === '' ? [] : [brings]);
    return { term: term!, ranges: ranges.map((part) => asRange(part as never, part)) };
  });
const texts = (ranges: readonly Range[]): string[] =>
  ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));

suite('overlaps', () => {
  test('every address stays with the first that has it, and nothing else is lost', () => {
    const small = fc
      .tuple(fc.bigInt({ min: 0n, max: 40n }), fc.bigInt({ min: 0n, max: 8n }), fc.constantFrom(4, 6))
      .map(([first, more, family]) => span(first, first + more, family));
    // A block of which only the first 60 addresses are looked at, with a hole among them.
    const block = fc
      .tuple(fc.bigInt({ min: 0n, max: 40n }), fc.bigInt({ min: 0n, max: 8n }))
      .map(([first, at]) => {
        const holes = [{ first: first + at, last: first + at + 2n }];
        return Object.assign(span(first, first + 100_000n), { holes });
      });
    fc.assert(
      fc.property(fc.array(fc.oneof(small, small, small, block), { maxLength: 10 }), (ranges) => {
        const { kept, clashes } = disjoint(ranges);
        for (const family of [4, 6] as const) {
          const of = (index: number): boolean => ranges[index]!.family === family;
          for (let value = 0n; value <= 60n; value++) {
            const owner = ranges.findIndex((range, index) => of(index) && holds(range, value));
            kept.forEach((pieces, index) => {
              const has = of(index) && pieces.some((piece) => holds(piece, value));
              assert.equal(has, index === owner, `${value} of ${index}`);
            });
          }
        }
        const lost = ranges.flatMap((range, index) =>
          count([range]) === count(kept[index]!) ? [] : [index],
        );
        assert.deepEqual(
          clashes.map(({ index }) => index),
          lost,
        );
        for (const { index, with: by } of clashes) assert.ok(by < index, 'the earlier one is named');
      }),
      { numRuns: 2000 },
    );
  });

  test('65,536 of them, nested in each other, are taken apart', () => {
    const deep = Array.from({ length: 32_768 }, (_, index) =>
      span(BigInt(32_768 - index), BigInt(32_769 + index)),
    );
    const points = Array.from({ length: 32_768 }, (_, index) => span(BigInt(index), BigInt(index)));
    const { kept } = disjoint([...points, ...deep]);
    assert.equal(count(kept.flat()), 65_537n);
  });
});

suite('one pool of many terms', () => {
  test('is what the terms alone say, when nothing overlaps', () => {
    for (const items of [
      ['192.0.2.0/30*2;a=b', '2001:db8::/48;identity=64', '!192.0.2.2', '!2001:db8::5'],
      ['192.0.2.0/30', '!192.0.2.0/24'],
      [],
    ]) {
      const terms = parsePool(items);
      const { ranges } = combine(contributions(items.map((item) => [item])));
      assert.deepEqual(ranges, poolRanges(terms, {}));
    }
  });

  test('the earlier term keeps an address, and the later one says so', () => {
    const { ranges, problems } = combine(
      contributions([['file:/a', '0.0.0.1,0.0.0.2'], ['0.0.0.2-0.0.0.4*2'], ['file:/b', '0.0.0.4,0.0.0.9']]),
    );
    assert.deepEqual(texts(ranges), ['1', '2', '3-4', '9']);
    assert.deepEqual(
      ranges.map(({ weight }) => weight),
      [1, 1, 2, 1],
    );
    assert.deepEqual(
      problems.map(({ count, first }) => [count, first[0]?.message]),
      [
        [0, undefined],
        [1, '"0.0.0.2-0.0.0.4" is in the pool already, from file:/a, which keeps it'],
        [1, '"0.0.0.4" is in the pool already, from 0.0.0.2-0.0.0.4*2, which keeps it'],
      ],
    );
  });

  test('exclusions reach into what sources bring', () => {
    const { ranges } = combine(
      contributions([['file:/a', '0.0.0.1-0.0.0.7,2001:db8::/64'], ['!0.0.0.2-0.0.0.6'], ['!2001:db8::7']]),
    );
    assert.deepEqual(texts(ranges.slice(0, 2)), ['1', '7']);
    assert.equal(ranges[2]?.holes.length, 1);
  });

  test('65,536 single addresses fit and no more, whatever blocks there are', () => {
    const { ranges, problems } = combine(
      contributions([
        ['file:/a', '10.0.0.0-10.0.255.250'],
        ['file:/b', '2001:db8::/64,192.0.2.0-192.0.2.9,192.0.2.100'],
      ]),
    );
    assert.equal(count(ranges), BigInt(MOST_ADDRESSES) + 2n ** 64n);
    assert.deepEqual(texts(ranges).at(-1), '3221225984-3221225988');
    assert.equal(problems[1]?.count, 2);
    assert.match(problems[1]?.first[1]?.message ?? '', /^"192.0.2.100" is left out/);
  });

  test('1,024 blocks fit and no more', () => {
    const many = Array.from({ length: 1025 }, (_, index) => `2001:db8:${index.toString(16)}::/48`).join();
    const { ranges, problems } = combine(contributions([['file:/a', many], ['192.0.2.1']]));
    assert.equal(ranges.length, 1025);
    assert.equal(problems[0]?.count, 1);
  });

  test('ten problems are kept, and all are counted', () => {
    const clash = Array.from({ length: 30 }, (_, index) => `192.0.2.${index}`).join();
    const { problems } = combine(contributions([['192.0.2.0/24'], ['file:/a', clash]]));
    assert.deepEqual([problems[1]?.count, problems[1]?.first.length], [30, 10]);
    const joined = joinProblems([{ line: 1, message: 'bad' }], problems[1]!);
    assert.deepEqual([joined.count, joined.first.length, joined.first[0]?.line], [31, 10, 1]);
  });
});

test('pools are the same when everything about them is', () => {
  const [a] = poolRanges(parsePool(['2001:db8::/48*2;a=b;identity=64,!2001:db8::5']), {});
  assert.ok(sameRanges([a!], [structuredClone(a!)]));
  const others: Range[] = [
    { ...a!, first: a!.first + 1n },
    { ...a!, last: a!.last - 1n },
    { ...a!, family: 4 },
    { ...a!, weight: 3 },
    { ...a!, tags: ['a=c'] },
    { ...a!, tags: [] },
    { ...a!, holes: [] },
    { ...a!, holes: [{ first: a!.first + 6n, last: a!.first + 6n }] },
    span(a!.first, a!.last, 6),
  ];
  for (const other of others) assert.equal(sameRanges([a!], [other]), false);
  assert.equal(sameRanges([a!], []), false);
});
