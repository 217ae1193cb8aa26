import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import { MAX_TURNS, smoothSchedule } from '../../../../src/egress/pool/schedule.ts';

const letters = (weights: readonly number[]): string =>
  [...smoothSchedule(weights)].map((member) => 'ABCDEFGH'[member]).join('');
const countsOf = (turns: Int32Array, members: number): number[] => {
  const counts = Array.from({ length: members }, () => 0);
  for (const member of turns) counts[member]!++;
  return counts;
};

/** The textbook way, member by member: all gain their weight, the richest goes and pays the total. */
const textbook = (weights: readonly number[]): number[] => {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const credit = weights.map(() => 0);
  return Array.from({ length: total }, () => {
    for (const [member, weight] of weights.entries()) credit[member]! += weight;
    const richest = credit.indexOf(Math.max(...credit));
    credit[richest]! -= total;
    return richest;
  });
};

suite('weighted turns', () => {
  test('5, 1, 1', () => assert.equal(letters([5, 1, 1]), 'AABACAA'));
  test('1, 2, 4', () => assert.equal(letters([1, 2, 4]), 'CBCACBC'));
  test('equal weights take turns', () => assert.equal(letters([3, 3, 3]), 'ABC'));
  test('a common divisor goes out', () => assert.equal(letters([10, 20]), 'BAB'));
  test('one member', () => assert.equal(letters([1_000_000]), 'A'));

  test('are those of the textbook', () => {
    const weights = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(weights, (some) => {
        // A 1 among them: there is no common divisor then.
        const all = [...some, 1];
        assert.deepEqual([...smoothSchedule(all)], textbook(all));
      }),
    );
  });

  test('65,535 turns of 30,000 members of two weights come out exactly', () => {
    const weights = Array.from({ length: 30_000 }, (_, index) => (index < 5000 ? 3 : 1));
    assert.deepEqual(countsOf(smoothSchedule(weights), 30_000), weights);
  });

  test('what would be too long is rounded: nobody without a turn, proportions roughly kept', () => {
    const weights = [1, 1000, 1_000_000];
    const turns = smoothSchedule(weights);
    const [one, two, three] = countsOf(turns, 3) as [number, number, number];
    assert.ok(turns.length <= MAX_TURNS && turns.length > MAX_TURNS / 3, `${turns.length} turns`);
    assert.equal(one, 1);
    assert.ok(Math.abs(three / two - 1000) < 20, `${three} to ${two}`);
  });

  test('more members than turns: each has one', () => {
    const weights = Array.from({ length: MAX_TURNS + 10 }, (_, index) => 1 + (index % 7));
    const turns = smoothSchedule(weights);
    assert.equal(turns.length, weights.length);
    assert.equal(new Set(turns).size, weights.length);
  });

  test('one heavy among 65,535: no weight is left over, and nobody is left out', () => {
    const weights = Array.from({ length: 65_535 }, (_, index) => (index === 0 ? 1_000_000 : 1));
    assert.equal(new Set(smoothSchedule(weights)).size, 65_535);
  });
});
