/** A metric whose values are read at the moment of the scrape: nothing is counted here, and so nothing twice. */
import { BOUNDS, type Histogram } from '../histogram.ts';
import type { Readings } from './readings.ts';

export type Labels = Readonly<Record<string, string | number>>;

/** One line of the answer. */
export interface Series {
  readonly labels: Labels;
  readonly value: number;
  /** Where it is not that of the family: the parts of a histogram. */
  readonly metricName?: string;
}

export interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** Names of its labels. */
  readonly labels: readonly string[];
  readonly read: (now: Readings) => readonly Series[];
}

type Read = Family['read'];

export const series = (value: number, labels: Labels = {}): Series => ({ labels, value });

/** Of one value without labels. */
export const single =
  (value: (now: Readings) => number): Read =>
  (now) => [series(value(now))];

/** @param name Ends in `_total`. */
export const counter = (name: string, help: string, labels: readonly string[], read: Read): Family => ({
  name,
  type: 'counter',
  help,
  labels,
  read,
});

export const gauge = (name: string, help: string, labels: readonly string[], read: Read): Family => ({
  name,
  type: 'gauge',
  help,
  labels,
  read,
});

/** @param name Ends in `_seconds`. */
export const histogram = (name: string, help: string, read: (now: Readings) => Histogram): Family => ({
  name,
  type: 'histogram',
  help,
  labels: ['le'],
  read: (now) => linesOf(name, read(now)),
});

function linesOf(name: string, { buckets, count, sum }: Histogram): Series[] {
  let below = 0;
  const lines = buckets.map((inside, bucket): Series => {
    below += inside;
    return { labels: { le: BOUNDS[bucket] ?? '+Inf' }, value: below, metricName: `${name}_bucket` };
  });
  return [
    ...lines,
    { labels: {}, value: sum, metricName: `${name}_sum` },
    { labels: {}, value: count, metricName: `${name}_count` },
  ];
}
