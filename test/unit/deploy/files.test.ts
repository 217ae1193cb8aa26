/** Every file that is there to be copied is looked at by some test, and what only a whole deployment would show fits together. */
import assert from 'node:assert/strict';
import { globSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { dashboard } from '../../support/deployed.ts';

const ROOT = new URL('../../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8');

test('every example is run by a test of its name', () => {
  const tests = read('test/clients/examples.test.ts') + read('test/clients/deploy.test.ts');
  for (const name of readdirSync(new URL('examples/', ROOT))) assert.ok(tests.includes(name), name);
});

/** What looks at the files of a folder of `deploy/`, by name or at all of them. */
const WATCHED: Readonly<Record<string, string>> = {
  compose: 'test/clients/deploy.test.ts',
  grafana: 'test/unit/deploy/',
  helm: 'test/clients/programs/render-chart.go',
  kubernetes: 'test/clients/deploy.test.ts',
  network: 'test/netns/network-examples.test.ts',
  prometheus: 'test/clients/promtool.test.ts',
  systemd: 'test/clients/deploy.test.ts',
};

test('every folder of deploy/ has who looks at it, and the page names it', () => {
  const page = read('deploy/README.md');
  const folders = readdirSync(new URL('deploy/', ROOT), { withFileTypes: true });
  for (const { name } of folders.filter((one) => one.isDirectory())) {
    assert.ok(name in WATCHED && globSync(WATCHED[name]!, { cwd: ROOT }).length > 0, name);
    assert.match(page, new RegExp(`\\(${name}[/)]`), name);
  }
});

test('the values of the chart are as its schema wants them, and others are not', () => {
  const schema = JSON.parse(read('deploy/helm/gyre/values.schema.json')) as object;
  const values = parse(read('deploy/helm/gyre/values.yaml')) as Record<string, unknown>;
  const fits = new Ajv2020({ strict: false }).compile(schema);
  assert.ok(fits(values), JSON.stringify(fits.errors));
  assert.ok(!fits({ ...values, prot: 1080 }), 'a slip of the pen');
  assert.ok(!fits({ ...values, port: '1080' }));
});

test('Grafana finds its data and its dashboard where the compose file puts them', () => {
  const { datasources } = parse(read('deploy/grafana/provisioning/datasources/prometheus.yaml')) as {
    datasources: { type: string; url: string }[];
  };
  const { providers } = parse(read('deploy/grafana/provisioning/dashboards/gyre.yaml')) as {
    providers: { options: { path: string } }[];
  };
  const compose = parse(read('deploy/compose/compose.yaml')) as {
    services: Record<string, { command: string[]; volumes: string[] }>;
  };
  const { prometheus, grafana } = compose.services;
  // The dashboard takes whatever source of this type there is.
  assert.match(JSON.stringify(dashboard()), new RegExp(`"type":"${datasources[0]!.type}"`));
  assert.ok(prometheus!.command.includes(`--web.listen-address=${new URL(datasources[0]!.url).host}`));
  assert.ok(grafana!.volumes.includes(`../grafana:${providers[0]!.options.path}:ro`));
});

test('Prometheus asks where the compose file lets the admin listener be', () => {
  const { scrape_configs: jobs } = parse(read('deploy/prometheus/prometheus.yml')) as {
    scrape_configs: { static_configs: { targets: string[] }[] }[];
  };
  const compose = parse(read('deploy/compose/compose.yaml')) as {
    services: { gyre: { command: string[] } };
  };
  const { command } = compose.services.gyre;
  assert.deepEqual(jobs[0]!.static_configs[0]!.targets, [command[command.indexOf('--admin') + 1]]);
});
