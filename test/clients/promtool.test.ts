/** promtool: Prometheus' own judgement of the metrics, the alerts and the configuration that come with Gyre. */
import assert from 'node:assert/strict';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { alerts, dashboardQueries, PROMETHEUS } from '../support/deployed.ts';
import { gateway } from '../support/gateway.ts';
import { visit } from '../support/load.ts';
import { declareCase } from '../support/program-case.ts';
import { runProgram, type Outcome } from '../support/program.ts';

const NEEDS = ['promtool'];

async function promtool(args: readonly string[], input = ''): Promise<Outcome> {
  const outcome = await runProgram('promtool', args, { input, cwd: PROMETHEUS });
  assert.equal(outcome.code, 0, outcome.stdout + outcome.stderr);
  return outcome;
}

declareCase('promtool check config', NEEDS, async () => {
  await promtool(['check', 'config', 'prometheus.yml']);
});

declareCase('promtool check rules finds every alert', NEEDS, async () => {
  const { stdout } = await promtool(['check', 'rules', '--lint=all', '--lint-fatal', 'alerts.yml']);
  assert.match(stdout, new RegExp(`SUCCESS: ${alerts().length} rules found`));
});

declareCase(
  'promtool test rules: each alert fires when it should, and nothing else does',
  NEEDS,
  async () => {
    const { stdout } = await promtool(['test', 'rules', 'alerts.test.yml']);
    assert.match(stdout, /SUCCESS/);
  },
);

declareCase('promtool check rules reads every query of the dashboard', NEEDS, async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'gyre-promtool-'));
  const rules = dashboardQueries().map((expr, index) => ({ record: `query:${index}`, expr }));
  const file = join(folder.path, 'queries.yml');
  // JSON is YAML.
  await writeFile(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
  const { stdout } = await promtool(['check', 'rules', file]);
  assert.match(stdout, new RegExp(`SUCCESS: ${rules.length} rules found`));
});

declareCase('promtool check metrics has nothing to say of a scrape', NEEDS, async () => {
  await using proxy = await gateway({ workers: 2, admin: '127.0.0.1:0' });
  await visit(proxy, 20, 2);
  const response = await fetch(`http://127.0.0.1:${proxy.admin!.port}/metrics`);
  const { stdout, stderr } = await promtool(['check', 'metrics'], await response.text());
  assert.equal(stdout + stderr, '');
});
