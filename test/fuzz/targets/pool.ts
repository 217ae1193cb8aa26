import assert from 'node:assert/strict';
import {
  parsePool,
  PoolError,
  poolRanges,
  type PoolTerm,
} from '../../../src/egress/expression/expression.ts';
import { byFirst, count, type Range } from '../../../src/egress/pool/ranges.ts';
import type { Interfaces } from '../../../src/egress/sources/interface.ts';
import type { Target } from '../target.ts';

const card = { netmask: '', mac: '', internal: false, cidr: null } as const;
const interfaces: Interfaces = {
  eth0: [
    { ...card, family: 'IPv4', address: '192.0.2.200' },
    { ...card, family: 'IPv6', address: '2001:db8::200', scopeid: 0 },
  ],
};

/** Each line is one item of a list of terms. */
function run(input: Buffer): string {
  const items = input.toString('utf8').split('\n');
  const terms = orPoolError(() => parsePool(items));
  if (terms instanceof PoolError) return 'not read';
  for (const term of terms) checkTerm(term);
  const ranges = orPoolError(() => poolRanges(terms, interfaces));
  if (ranges instanceof PoolError) return 'refused';
  checkRanges(ranges, terms);
  return `${terms[0]?.excluded === true ? '!' : ''}${terms[0]?.kind}`;
}

function orPoolError<T>(run: () => T): T | PoolError {
  try {
    return run();
  } catch (error) {
    if (error instanceof PoolError) return error;
    throw error;
  }
}

function checkTerm(term: PoolTerm): void {
  assert.ok(
    Number.isInteger(term.weight) && term.weight >= 1 && term.weight <= 1000,
    `weight ${term.weight}`,
  );
  for (const tag of term.tags) assert.match(tag, /^[^=\s]+=[^=\s]*$/);
  assert.deepEqual(term.tags, [...new Set(term.tags)].toSorted());
  if (term.kind !== 'span') {
    const { refreshMs } = term;
    if (refreshMs !== undefined)
      assert.ok(refreshMs >= 1000 && refreshMs <= 86_400_000, `refresh ${refreshMs}`);
    return;
  }
  assert.ok(term.first >= 0n && term.first <= term.last, 'the span is upside down');
  assert.ok(term.last < 1n << (term.family === 4 ? 32n : 128n), 'the span is too high');
}

/** No address twice, none that was excluded, none from nowhere. */
function checkRanges(ranges: readonly Range[], terms: readonly PoolTerm[]): void {
  const excluded = terms.filter((term) => term.kind === 'span').filter((term) => term.excluded);
  for (const family of [4, 6] as const) {
    const sorted = ranges.filter((range) => range.family === family).toSorted(byFirst);
    for (const [index, range] of sorted.entries()) {
      const next = sorted[index + 1];
      assert.ok(next === undefined || range.last < next.first, 'two ranges overlap');
      assert.ok(range.first <= range.last && count([range]) > 0n, 'a range is empty');
      for (const { first, last } of excluded.filter((term) => term.family === family)) {
        assert.ok(holds(range.holes, first, last, range), 'an excluded address is left in');
      }
    }
  }
}

/** Whether what an exclusion has in common with the range lies in one of the holes. */
function holds(holes: Range['holes'], first: bigint, last: bigint, range: Range): boolean {
  const from = first > range.first ? first : range.first;
  const to = last < range.last ? last : range.last;
  return from > to || holes.some((hole) => hole.first <= from && to <= hole.last);
}

export const target: Target = {
  longest: 400,
  words: [
    '192.0.2.10',
    '192.0.2.10-192.0.2.19',
    '192.0.2.0/28',
    '2001:db8:1::/64',
    '2001:db8::/48;identity=64',
    '!192.0.2.13',
    '2001:db8:1::/64,!2001:db8:1::5',
    ',!2001:db8:1::8-2001:db8:1::f',
    'interface:eth0',
    '!interface:eth0',
    'file:/etc/pool.txt;refresh=10s',
    'https://user:pass@example.com/a,b?c=d',
    'aws:eth0',
    'exec:/bin/pool "--all" \'x y\'',
    '*3;country=de',
    ';',
    ',',
    '\n',
    '/',
    '-',
    '::ffff:',
  ],
  run,
};
