/** What watches Gyre asks for what Gyre tells, and the documentation lists all of it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { FAMILIES, Metrics } from '../../../src/ops/metrics.ts';
import { alerts, dashboard, dashboardQueries, metricsIn, PROMETHEUS } from '../../support/deployed.ts';
import { readings } from '../../support/readings.ts';

/** Names as a query has them: of a histogram, with its suffixes. */
async function names(): Promise<ReadonlySet<string>> {
  const text = await new Metrics({ read: () => readings() }).render();
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  return new Set(
    types.flatMap(([, name = '', type]) =>
      type === 'histogram' ? ['_bucket', '_sum', '_count'].map((suffix) => name + suffix) : [name],
    ),
  );
}

test('every metric of the dashboard and of the alerts exists', async () => {
  const known = await names();
  const variables = dashboard().templating.list.map(({ definition = '' }) => definition);
  const queries = [...dashboardQueries(), ...variables, ...alerts().map(({ expr }) => expr)];
  assert.ok(queries.length > 50);
  for (const query of queries) {
    for (const name of metricsIn(query)) assert.ok(known.has(name), `${name} in ${query}`);
  }
});

test('labels in queries are those of the metric', () => {
  // What Prometheus itself adds, and what is about buckets.
  const everywhere = ['job', 'instance', 'le'];
  const labels = new Map(FAMILIES.map(({ name, labels }) => [name, labels]));
  for (const query of [...dashboardQueries(), ...alerts().map(({ expr }) => expr)]) {
    for (const [, name = '', selector = ''] of query.matchAll(/\b(gyre_[a-z_]+)\{([^}]*)\}/g)) {
      const own = labels.get(name) ?? labels.get(name.replace(/_(bucket|sum|count)$/, ''));
      for (const [, label = ''] of selector.matchAll(/(\w+)(?:=~|!~|!=|=)/g)) {
        assert.ok([...everywhere, ...(own ?? [])].includes(label), `${label} in ${query}`);
      }
    }
  }
});

test('every metric of Gyre is watched by somebody', () => {
  const watched = new Set([...dashboardQueries(), ...alerts().map(({ expr }) => expr)].flatMap(metricsIn));
  for (const { name, type } of FAMILIES) {
    assert.ok(watched.has(type === 'histogram' ? `${name}_bucket` : name), name);
  }
});

test('the panels of the dashboard do not overlap, and have numbers of their own', () => {
  const { panels } = dashboard();
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  const taken = new Map<string, string>();
  for (const { title, gridPos } of panels) {
    assert.ok(gridPos.x + gridPos.w <= 24, title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        assert.equal(taken.get(`${x} ${y}`), undefined, `${title} lies on another panel`);
        taken.set(`${x} ${y}`, title);
      }
    }
  }
});

test('an alert says how bad it is, what is wrong and what to do', () => {
  for (const { alert, labels, annotations } of alerts()) {
    assert.match(labels['severity']!, /^(critical|warning)$/, alert);
    assert.ok(annotations['summary']!.length > 20, alert);
    assert.ok(annotations['description']!.length > 60, alert);
  }
});

test('for each alert there is a case in which it fires', () => {
  const cases = readFileSync(`${PROMETHEUS}/alerts.test.yml`, 'utf8');
  for (const { alert } of alerts()) assert.ok(cases.includes(`alertname="${alert}"`), alert);
});

test('the documentation lists every metric with its type, labels and meaning, and no other', () => {
  const page = readFileSync(new URL('../../../docs/operations.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `(gyre_\w+)` +\| (\w+) +\| ([^|]*?) +\| (.+?) +\|$/gm)].map(
    ([, name, type, labels, meaning]) => ({ name, type, labels, meaning }),
  );
  const expected = FAMILIES.map(({ name, type, help, labels }) => ({
    name,
    type,
    labels: labels
      .filter((label) => label !== 'le')
      .map((label) => `\`${label}\``)
      .join(', '),
    meaning: help.replace(/\.$/, ''),
  }));
  assert.deepEqual(rows, expected);
  for (const { alert } of alerts()) assert.ok(page.includes(`\`${alert}\``), alert);
});
