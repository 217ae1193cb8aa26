/**
 * Guards against regressions: ratios to the floor of the same run, and memory, against limits that are committed with
 * their reasons. Never a time: a slow machine is slow for both.
 */
import { readFileSync } from 'node:fs';
import type { AxisName } from './axes.ts';
import { METRICS } from './metrics.ts';
import type { Results } from './results.ts';
import { table } from './report/table.ts';

interface Limit {
  readonly proxy: string;
  readonly metric: string;
  /** Whose figure it is divided by; without, it is the figure itself. */
  readonly against?: string;
  readonly most: number;
  readonly why: string;
}

const LIMITS = (
  JSON.parse(readFileSync(new URL('./guard-limits.json', import.meta.url), 'utf8')) as {
    readonly limits: readonly Limit[];
  }
).limits;

/** Whether a limit needs this figure of this proxy. */
export const isGuarded = (name: string, axis: AxisName): boolean =>
  LIMITS.some(
    ({ proxy, against, metric }) =>
      (proxy === name || against === name) &&
      METRICS.some(({ id, axis: of }) => id === metric && of === axis),
  );

const valueOf = (results: Results, { proxy, metric, against }: Limit): number | undefined =>
  against === undefined
    ? results.spread(proxy, metric)?.median
    : results.ratio([proxy, metric], [against, metric]);

const exceeded = (results: Results, limit: Limit): boolean => {
  const value = valueOf(results, limit);
  return value === undefined || value > limit.most;
};

/** Limits that the rounds so far are above of, or that could not be measured. */
export const violations = (results: Results): readonly Limit[] =>
  LIMITS.filter((limit) => exceeded(results, limit));

/** What was measured against which limit. */
export function guardReport(results: Results): string {
  const rows = LIMITS.map((limit) => {
    const value = valueOf(results, limit)?.toFixed(2) ?? 'failed';
    const what = limit.against === undefined ? limit.metric : `${limit.metric} ÷ ${limit.against}`;
    return [
      `${limit.proxy}, ${what}`,
      value,
      limit.most.toFixed(2),
      exceeded(results, limit) ? 'ABOVE' : 'ok',
    ];
  });
  return table([['', 'measured', 'at most', ''], ...rows]);
}
