import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import { parsePool, PoolError, poolRanges } from '../../../../src/egress/expression/expression.ts';
import { count, expand } from '../../../../src/egress/pool/ranges.ts';

const addresses = (terms: readonly string[]): string[] => [
  ...expand(poolRanges(parsePool(terms), {}), Infinity),
];

suite('any pool expression', () => {
  const quad = (value: number): string => `10.1.${value >> 8}.${value & 255}`;
  const term = fc
    .tuple(
      fc.boolean(),
      fc.integer({ min: 200, max: 400 }),
      fc.integer({ min: 0, max: 12 }),
      fc.integer({ min: 27, max: 32 }),
    )
    .map(([prefix, first, more, length]) => {
      if (!prefix)
        return {
          text: more === 0 ? quad(first) : `${quad(first)}-${quad(first + more)}`,
          first,
          last: first + more,
        };
      const size = 2 ** (32 - length);
      const base = Math.floor(first / size) * size;
      return { text: `${quad(base)}/${length}`, first: base, last: base + size - 1 };
    });

  test('what is accepted expands to the addresses a plain enumeration gives; what is refused has a reason', () => {
    fc.assert(
      fc.property(
        fc.array(term, { maxLength: 6 }),
        fc.array(term, { maxLength: 2 }),
        (included, excluded) => {
          const list = (spans: typeof included): number[] =>
            spans.flatMap(({ first, last }) =>
              Array.from({ length: last - first + 1 }, (_, index) => first + index),
            );
          const inside = list(included);
          const out = new Set(list(excluded));
          const clash = new Set(inside).size !== inside.length || out.size !== list(excluded).length;
          const idle = excluded.some((span) => !list([span]).some((value) => inside.includes(value)));
          const terms = [...included.map(({ text }) => text), ...excluded.map(({ text }) => `!${text}`)];
          if (clash || idle) assert.throws(() => addresses(terms), PoolError);
          else {
            const expected = inside.filter((value) => !out.has(value)).map(quad);
            assert.deepEqual(addresses(terms), expected);
            assert.equal(count(poolRanges(parsePool(terms), {})), BigInt(expected.length));
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('nothing but a PoolError is ever thrown', () => {
    const nearly = fc.stringMatching(/^[0-9a-f.:/!\-,% x*[\]@]{0,40}$/);
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), nearly), { maxLength: 3 }), (terms) => {
        try {
          poolRanges(parsePool(terms), {});
        } catch (error) {
          assert.ok(error instanceof PoolError, String(error));
          assert.ok(
            terms.some((item) => item.includes(error.term)),
            'the term is cut out of the expression',
          );
        }
      }),
      { numRuns: 2000, examples: [[['! !@']]] },
    );
  });

  test('every IPv6 spelling is the address the URL parser reads', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const canonical = new URL(`http://[${text}]/`).hostname.slice(1, -1);
        try {
          assert.deepEqual(addresses([text]), [canonical]);
        } catch (error) {
          // Dotted, unspecified, mapped, link-local, multicast: refused on purpose, and only those.
          assert.ok(error instanceof PoolError, String(error));
          assert.match(text + canonical, /\.|::$|::ffff:|fe[89ab]|ff/i);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
