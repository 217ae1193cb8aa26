/** What lies in `deploy/`, checked by the programs it is meant for, as far as they run without an engine or a cluster. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DaemonSet } from 'kubernetes-models/apps/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { ConfigMap, Namespace, Secret } from 'kubernetes-models/v1';
import { parse, parseAllDocuments } from 'yaml';
import { findProgram, runProgram, type Outcome, type RunOptions } from '../support/program.ts';
import { declareCase } from '../support/program-case.ts';

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));
const DEPLOY = join(REPOSITORY, 'deploy');
const scratch = mkdtempSync(join(tmpdir(), 'gyre-deploy-'));
after(() => rmSync(scratch, { recursive: true }));

const KINDS = { ConfigMap, DaemonSet, Namespace, PodDisruptionBudget, Secret };
/** Where Debian keeps Go libraries. */
const SPRIG = '/usr/share/gocode/src/github.com/Masterminds/sprig';

declareCase(
  'the systemd units are understood, and the service is locked in',
  ['systemd-analyze'],
  async () => {
    const unit = text('systemd/gyre.service').replace('/usr/local/bin/gyre', process.execPath);
    // The state directory is the service's own business.
    writeFileSync(join(scratch, 'gyre.service'), unit);
    cpSync(join(DEPLOY, 'systemd/gyre.socket'), join(scratch, 'gyre.socket'));
    const { stdout, stderr } = await good('systemd-analyze', [
      'verify',
      join(scratch, 'gyre.service'),
      join(scratch, 'gyre.socket'),
    ]);
    assert.equal(stdout + stderr, '');
    const args = ['security', '--offline=true', '--threshold=20', join(scratch, 'gyre.service')];
    assert.match((await good('systemd-analyze', args)).stdout, /exposure level .* OK/);
  },
);

declareCase('the compose file is understood', ['docker-compose'], async () => {
  const args = ['-f', join(DEPLOY, 'compose/compose.yaml'), 'config'];
  const { stdout } = await good('docker-compose', args, { env: { IP_POOL: '192.0.2.10' } });
  const { services } = parse(stdout) as { services: Record<string, Record<string, unknown>> };
  assert.deepEqual(Object.keys(services).toSorted(), ['grafana', 'gyre', 'prometheus']);
  const { stderr } = await runProgram('docker-compose', args);
  assert.match(stderr, /an address, a range or a prefix of this host/);
});

declareCase('the netplan example is understood', ['netplan'], async () => {
  const folder = join(scratch, 'root/etc/netplan');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, '60-gyre.yaml'), text('network/netplan.yaml'), { mode: 0o600 });
  await good('netplan', ['generate', '--root-dir', join(scratch, 'root')]);
  const units = join(scratch, 'root/run/systemd/network');
  const all = readdirSync(units).map((name) => readFileSync(join(units, name), 'utf8'));
  assert(all.some((unit) => /Destination=2001:db8:1::\/64\nScope=host\nType=local/.test(unit)));
});

declareCase('the shell scripts are sound', ['shellcheck'], async () => {
  const scripts = readdirSync(join(DEPLOY, 'network')).filter((name) => name.endsWith('.sh'));
  assert.notEqual(scripts.length, 0);
  await good('shellcheck', [
    ...scripts.map((name) => join(DEPLOY, 'network', name)),
    ...['curl.sh', 'docker.sh'].map((name) => join(REPOSITORY, 'examples', name)),
  ]);
});

declareCase('the manifests are of their kinds, and their configuration is one', [], async () => {
  const { resources } = parse(text('kubernetes/kustomization.yaml')) as { resources: string[] };
  const files = readdirSync(join(DEPLOY, 'kubernetes')).filter((name) => name !== 'kustomization.yaml');
  assert.deepEqual(resources.toSorted(), files.toSorted());
  await checkManifests(files.map((name) => text(`kubernetes/${name}`)).join('\n---\n'));
});

declareCase('the chart gives manifests, and its configuration is one', ['go', SPRIG], async () => {
  const values = {
    users: 'alice:$2y$10$C6UzMDM.H6dfI/f/IKcEe.7zN8n1l5CkUEGHC0cxWBgqkWJwGkFSm',
    tolerations: [{ operator: 'Exists' }],
  };
  await checkManifests((await chart(values)).stdout);
});

declareCase('the chart wants to know who may come in', ['go', SPRIG], async () => {
  const { code, stderr } = await chart({});
  assert.notEqual(code, 0);
  assert.match(stderr, /nobody would be let in/);
  await checkManifests((await chart({ config: { clients: { allow: ['192.0.2.0/24'] } } })).stdout);
});

function text(path: string): string {
  return readFileSync(join(DEPLOY, path), 'utf8');
}

async function good(command: string, args: readonly string[], options?: RunOptions): Promise<Outcome> {
  const outcome = await runProgram(command, args, options);
  assert.equal(outcome.code, 0, `${command}: ${outcome.stdout}${outcome.stderr}`);
  return outcome;
}

async function chart(values: object): Promise<Outcome> {
  const file = join(scratch, 'values.json');
  writeFileSync(file, JSON.stringify(values));
  const program = join(REPOSITORY, 'test/clients/programs/render-chart.go');
  const env = { GO111MODULE: 'off', GOPATH: '/usr/share/gocode', GOCACHE: join(scratch, 'go'), GOFLAGS: '' };
  return await runProgram('go', ['run', program, join(DEPLOY, 'helm/gyre'), file], {
    env,
    timeoutMs: 80_000,
  });
}

async function checkManifests(documents: string): Promise<void> {
  const found = new Map<string, object>();
  for (const document of parseAllDocuments(documents)) {
    assert.deepEqual(document.errors, []);
    const manifest = document.toJS() as { readonly kind: keyof typeof KINDS } | null;
    if (manifest === null) continue;
    const model = new KINDS[manifest.kind](manifest as never);
    model.validate();
    found.set(manifest.kind, manifest);
  }
  for (const kind of ['ConfigMap', 'DaemonSet', 'PodDisruptionBudget']) assert(found.has(kind), kind);
  await checkConfig(found.get('ConfigMap') as { readonly data: Readonly<Record<string, string>> });
}

/** With what the cluster would put there: the secrets, and an interface to leave from. */
async function checkConfig({ data }: { readonly data: Readonly<Record<string, string>> }): Promise<void> {
  writeFileSync(
    join(scratch, 'users'),
    'alice:$2y$10$C6UzMDM.H6dfI/f/IKcEe.7zN8n1l5CkUEGHC0cxWBgqkWJwGkFSm\n',
    { mode: 0o600 },
  );
  writeFileSync(join(scratch, 'token'), 'a-token-of-forty-characters-for-the-test\n', { mode: 0o600 });
  const config = data['gyre.yaml']!.replaceAll(/\/etc\/gyre\/secrets\/\w+\//g, `${scratch}/`).replace(
    'interface:eth0',
    'interface:lo',
  );
  const file = join(scratch, 'gyre.yaml');
  writeFileSync(file, config, { mode: 0o600 });
  const { NODE_OPTIONS: _, ...env } = process.env as Record<string, string>;
  await good(findProgram(process.execPath)!, [join(REPOSITORY, 'bin/gyre.js'), 'check', '--config', file], {
    env,
  });
}
