/** docs/benchmarks.md, the help of the benchmark and the limits of its guard speak of what there is. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { AXIS_NAMES } from '../../../bench/axes.ts';
import { GROWTH_NAMES, GROWTHS } from '../../../bench/growth.ts';
import { isGuarded } from '../../../bench/guard.ts';
import { METRICS } from '../../../bench/metrics.ts';
import { OPPONENTS } from '../../../bench/opponents/all.ts';
import { stopAll } from '../../../bench/processes.ts';

after(stopAll);

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const page = read('docs/benchmarks.md');
const names = new Set(OPPONENTS.map(({ name }) => name));

test('the table of the page has every axis', () => {
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  const listed = rows.flatMap((row) =>
    Array.from(row.split('|')[1]!.matchAll(/`([\w-]+)`/g), ([, name]) => name!),
  );
  assert.deepEqual(listed, [...AXIS_NAMES, ...GROWTH_NAMES]);
});

test('the page names the amounts that things grow to', () => {
  const most = { open: '9,000', addresses: '65,536', users: '100,000', rules: '10,000' };
  const row = page.split('\n').find((line) => line.startsWith('| `open`'))!;
  for (const { name, values } of GROWTHS) {
    if (!(name in most)) continue;
    assert.equal(values.at(-1)!.toLocaleString('en'), most[name as keyof typeof most]);
    assert.ok(row.includes(most[name as keyof typeof most]), name);
  }
});

test('the options of the page and of its examples are options', () => {
  // `--help` is the parser's own.
  const options = `${read('bench/options.ts')} '--help'`;
  // What others were told stands with the figures.
  const prose = page.replace(/<!-- bench:begin -->.*<!-- bench:end -->/s, '');
  for (const [, option = ''] of prose.matchAll(/`(--[a-z-]+)/g))
    assert.ok(options.includes(`'${option}`), option);
  for (const path of ['docs/benchmarks.md', 'CONTRIBUTING.md', '.ci/run'])
    for (const [, rest = ''] of read(path).matchAll(/npm run (?:-s )?bench -- ([^`\n#]*)/g))
      for (const [option] of rest.matchAll(/--[a-z-]+/g)) assert.ok(options.includes(`'${option}`), option);
});

test('every limit of the guard is about a proxy and a figure there are, says why, and is no time', () => {
  const { limits } = JSON.parse(read('bench/guard-limits.json')) as {
    limits: { proxy: string; metric: string; against?: string; most: number; why: string }[];
  };
  for (const { proxy, metric, against, most, why } of limits) {
    assert.ok(names.has(proxy), proxy);
    const found = METRICS.find(({ id }) => id === metric);
    assert.ok(found, metric);
    assert.ok(against === undefined ? found.unit === 'KiB a tunnel' : names.has(against), metric);
    assert.ok(most > 0 && why.length > 5);
    assert.ok(isGuarded(proxy, found.axis));
  }
  assert.deepEqual(
    new Set(limits.map(({ metric }) => metric)),
    new Set(['socks5', 'connect', 'down', 'up', 'rtt', 'rss']),
  );
});
