/**
 * Histograms of durations in shared memory: each thread writes its own with plain additions, the reader adds them up.
 *
 * A histogram is a count a bucket, then the sum of all durations. Buckets are apart here, and become cumulative only in
 * what Prometheus reads.
 */

/** Upper bounds of the buckets, inclusive; seconds. What is slower is in one more bucket behind the last. */
export const BOUNDS: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** Bounds by the unit of the clock; milliseconds. */
const BOUNDS_MS = BOUNDS.map((bound) => bound * 1000);
const BUCKETS = BOUNDS.length + 1;

/** Numbers a histogram takes. */
export const HISTOGRAM_FIELDS: number = BUCKETS + 1;

/** Durations, by bucket. */
export interface Histogram {
  /** In the order of {@link BOUNDS}, then what is slower than all of them. */
  readonly buckets: readonly number[];
  readonly count: number;
  /** Of all durations; seconds. */
  readonly sum: number;
}

/** Counts a duration. @param first Where the histogram begins in `block`. */
export function record(block: Float64Array, first: number, ms: number): void {
  let bucket = 0;
  while (bucket < BOUNDS_MS.length && ms > BOUNDS_MS[bucket]!) bucket++;
  block[first + bucket]! += 1;
  block[first + BUCKETS]! += ms;
}

/** @param sumOf A field of the histogram, over all threads. */
export function readHistogram(sumOf: (field: number) => number): Histogram {
  const buckets = Array.from({ length: BUCKETS }, (_, bucket) => sumOf(bucket));
  const count = buckets.reduce((sum, number) => sum + number, 0);
  return { buckets, count, sum: sumOf(BUCKETS) / 1000 };
}

/**
 * Estimates the duration that a share of all stays below, as Prometheus' `histogram_quantile` does: linearly within a
 * bucket, and never more than the last bound.
 *
 * @param share 0 to 1.
 * @returns seconds; undefined while nothing was measured.
 */
export function quantile({ buckets, count }: Histogram, share: number): number | undefined {
  if (count === 0) return undefined;
  const rank = share * count;
  let below = 0;
  for (const [bucket, upper] of BOUNDS.entries()) {
    const inside = buckets[bucket]!;
    if (inside > 0 && below + inside >= rank) {
      const lower = BOUNDS[bucket - 1] ?? 0;
      return lower + (upper - lower) * ((rank - below) / inside);
    }
    below += inside;
  }
  return BOUNDS.at(-1)!;
}
