import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BOUNDS, HISTOGRAM_FIELDS, quantile, readHistogram, record } from '../../../src/ops/histogram.ts';

function filled(durationsMs: readonly number[]): ReturnType<typeof readHistogram> {
  const block = new Float64Array(2 + HISTOGRAM_FIELDS + 2);
  for (const ms of durationsMs) record(block, 2, ms);
  // Neither neighbour is touched.
  assert.deepEqual([block[0], block[1], block.at(-2), block.at(-1)], [0, 0, 0, 0]);
  return readHistogram((field) => block[2 + field]!);
}

test('a bound belongs to the bucket it closes', () => {
  for (const [bucket, bound] of BOUNDS.entries()) {
    assert.equal(filled([bound * 1000]).buckets[bucket], 1);
    assert.equal(filled([bound * 1000 * 1.001]).buckets[bucket + 1], 1);
  }
  assert.equal(filled([60_000]).buckets.at(-1), 1);
  assert.equal(filled([0]).buckets[0], 1);
});

test('bounds rise from half a millisecond to ten seconds', () => {
  assert.deepEqual([BOUNDS[0], BOUNDS.at(-1)], [0.0005, 10]);
  assert.deepEqual(
    BOUNDS.toSorted((a, b) => a - b),
    BOUNDS,
  );
});

test('count and sum are those of all durations', () => {
  const { count, sum } = filled([1, 2.5, 20_000]);
  assert.deepEqual([count, sum], [3, 20.0035]);
});

test('a quantile lies in the bucket where the exact one is', () => {
  const durations = fc.array(fc.double({ min: 0, max: 9_999, noNaN: true }), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(durations, fc.constantFrom(0.5, 0.9, 0.99), (durations, share) => {
      const sorted = durations.toSorted((a, b) => a - b);
      const exact = sorted[Math.ceil(share * sorted.length) - 1]! / 1000;
      const upper = BOUNDS.find((bound) => exact <= bound)!;
      const lower = BOUNDS[BOUNDS.indexOf(upper) - 1] ?? 0;
      const estimate = quantile(filled(durations), share)!;
      assert.ok(estimate >= lower && estimate <= upper, `${estimate} is not in ${lower}–${upper}`);
    }),
  );
});

test('nothing measured has no quantile, and none is above the last bound', () => {
  assert.equal(quantile(filled([]), 0.5), undefined);
  assert.equal(quantile(filled([60_000]), 0.5), 10);
});
