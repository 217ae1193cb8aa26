/** What the benchmark makes of its figures: tables, verdicts and pictures. No figure is measured here. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { GROWTHS, keyOf, pointsOf, tunnelAxis } from '../../../bench/growth.ts';
import { METRICS } from '../../../bench/metrics.ts';
import { OPPONENTS } from '../../../bench/opponents/all.ts';
import { stopAll } from '../../../bench/processes.ts';
import { charts } from '../../../bench/report/charts.ts';
import { type Run, toJson } from '../../../bench/report/record.ts';
import { render } from '../../../bench/report/render.ts';
import { barChart } from '../../../bench/report/svg.ts';
import { targets } from '../../../bench/report/targets.ts';
import { Results } from '../../../bench/results.ts';

after(stopAll);

const SIZES = {
  tunnels: 10,
  bytes: 2 ** 20,
  roundTrips: 10,
  requests: 10,
  idle: 10,
  crowd: 10,
  seconds: 1,
  rate: 10,
};

/** A run in which every figure of everybody is `value`, and Gyre's is `mine`. */
function runOf(value: number, mine: number): Run {
  const results = new Results();
  const figures = (of: number) => Object.fromEntries(METRICS.map(({ id }) => [id, of]));
  const add = (name: string, of: number): void => {
    for (const { axis } of METRICS) results.add(name, axis, { figures: figures(of), seconds: 1 });
  };
  for (const { name } of OPPONENTS) add(name, name.startsWith('gyre') ? mine : value);
  for (const growth of GROWTHS)
    for (const { name } of growth.opponents)
      for (const of of growth.values) add(keyOf(growth.name, name, of), value);
  return {
    date: '2027-01-01',
    rounds: 1,
    sizes: SIZES,
    machine: { cpu: 'a CPU', cores: 2, kernel: '6.1', node: '26', pinning: '' },
    entrants: OPPONENTS.map((opponent) => ({
      opponent,
      version: '1',
      command: () => ({ file: '', args: [] }),
    })),
    missing: new Map(),
    skipped: new Map(),
    growths: GROWTHS.map(({ name }) => name),
    disturbance: 0,
    minutes: 1,
    results,
  };
}

const nothing = (): Run => ({ ...runOf(1, 1), results: new Results() });

test('every target is met, missed, or said not to be measured', () => {
  const verdicts = (run: Run): string[] =>
    targets(run)
      .split('\n')
      .slice(2)
      .map((row) => row.split('|').at(-2)!.trim());
  const cheap = verdicts(runOf(100, 1));
  assert.ok(cheap.length > 25);
  assert.deepEqual(new Set(cheap), new Set(['met']), 'names of proxies and figures are those there are');
  // What is compared with itself does not change.
  assert.equal(
    verdicts(runOf(1, 100)).filter((verdict) => verdict === '**missed**').length,
    cheap.length - 4,
  );
  assert.deepEqual(new Set(verdicts(nothing())), new Set(['not measured']));
});

test('a figure is the median of its rounds, and one failure spoils it', () => {
  const results = new Results();
  for (const rtt of [5, 1, 3]) results.add('a', 'rtt', { figures: { rtt }, seconds: 1 });
  assert.deepEqual(results.spread('a', 'rtt'), { median: 3, least: 1, most: 5 });
  results.add('b', 'rtt', { figures: { rtt: 6 }, seconds: 1 });
  assert.equal(results.ratio(['b', 'rtt'], ['a', 'rtt']), 2);
  results.add('a', 'rtt', { failed: 'a byte was wrong' });
  assert.equal(results.spread('a', 'rtt'), undefined);
  assert.equal(results.ratio(['b', 'rtt'], ['a', 'rtt']), undefined);
});

test('a page has every picture it shows, each is whole, and none has anything to load', () => {
  const run = runOf(2, 1);
  const page = render(run);
  const files = charts(run);
  const shown = Array.from(page.matchAll(/\]\(images\/([\w-]+\.svg)\)/g), ([, name]) => name!);
  assert.deepEqual(shown, [...files.keys()]);
  for (const [name, picture] of files) {
    assert.match(name, /^bench-/);
    const open = picture.match(/<(svg|text|style|rect|line|polyline|circle)\b/g)!.length;
    const closed = picture.match(/\/>|<\/(svg|text|style)>/g)!.length;
    assert.equal(open, closed, name);
    assert.doesNotMatch(picture, /NaN|undefined|Infinity|href|url\(|<script/, name);
  }
});

test('names in a picture are text, whatever they are', () => {
  const bars = [{ name: '<b>&"', value: 0, kind: 'other' }] as const;
  const picture = barChart('a < b', [{ title: '&', unit: 'x', digits: 0, bars }]);
  assert.ok(picture.includes('>&lt;b&gt;&amp;&quot;</text>'));
  assert.ok(picture.includes('aria-label="a &lt; b"'));
  assert.doesNotMatch(picture, /NaN/);
});

test('a run that measured nothing has a page too', () => {
  assert.doesNotMatch(render(nothing()), /undefined|NaN/);
  assert.equal(charts(nothing()).size, 0);
  const record = JSON.parse(toJson(runOf(2, 1))) as { results: Record<string, object>; units: object };
  assert.deepEqual(Object.keys(record.units), METRICS.map(({ id }) => id)); // prettier-ignore
  assert.ok('gyre' in record.results);
});

test('what grows is held only as far as there are descriptors, and in a quick run only its ends', () => {
  const names = OPPONENTS.map(({ name }) => name);
  const open = GROWTHS.find(({ name }) => name === 'open')!;
  const held = (ends: boolean, most: number): number[] =>
    pointsOf(open, ['gyre'], ends, most).map((point) => point.held);
  assert.deepEqual(held(false, 9000), [1, 10, 100, 1000, 9000]);
  assert.deepEqual(held(false, 1500), [1, 10, 100, 1000]);
  assert.deepEqual(held(true, 9000), [1, 9000]);
  const squid = pointsOf(open, names, false, 9000).find(({ opponent }) => opponent.name === 'squid')!;
  assert.equal(tunnelAxis(squid.opponent), 'connect');
  assert.deepEqual(squid.axes, ['connect', 'rtt']);
});
