/** `gyre doctor` on this very host: what it says of configurations, files and name servers. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { runProgram, type Outcome } from '../support/program.ts';
import { GYRE_BIN, startGyre } from '../support/program-gyre.ts';
import { DnsServer } from '../support/dns-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'gyre-doctor-'));
after(() => rmSync(folder, { recursive: true }));

interface Finding {
  readonly check: string;
  readonly state: 'ok' | 'warn' | 'fail';
  readonly message: string;
  readonly fix: readonly string[];
}

const doctor = (...args: string[]): Promise<Outcome> =>
  runProgram(process.execPath, [GYRE_BIN, 'doctor', ...args], { timeoutMs: 40_000 });

async function findings(
  check: string,
  ...args: string[]
): Promise<{ readonly code: number | null; readonly found: readonly Finding[] }> {
  const { code, stdout, stderr } = await doctor(...args, '--json');
  assert.ok(stdout.startsWith('{'), stderr);
  const report = JSON.parse(stdout) as { readonly ok: boolean; readonly findings: readonly Finding[] };
  assert.equal(report.ok, code === 0);
  assert.equal(
    report.ok,
    report.findings.every(({ state }) => state !== 'fail'),
  );
  return { code, found: report.findings.filter((finding) => finding.check === check) };
}

function configured(lines: string): string[] {
  const file = join(folder, 'gyre.yaml');
  writeFileSync(file, `pool: 127.0.0.2\n${lines}`, { mode: 0o600 });
  return ['--config', file];
}

suite('gyre doctor', () => {
  test('finds nothing to mend on a host that can do what is asked', async () => {
    const { code, stdout, stderr } = await doctor('--pool', '127.0.0.2-127.0.0.9', '--listen', '127.0.0.1:0');
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^ok {4}addresses +8 addresses of the pools tried: each can be bound$/m);
    assert.match(stdout, /^\d+ ok, \d+ warnings?, 0 failed$/m);
  });

  test('ends with 1 and the commands for addresses that this host does not have', async () => {
    const { code, stdout, stderr } = await doctor('--pool', '203.0.113.0/28');
    assert.equal(code, 1);
    assert.match(
      stdout,
      /^fail {2}addresses +16 of 16 addresses tried of 203\.0\.113\.0 to 203\.0\.113\.15 cannot be/m,
    );
    assert.match(stdout, /^ +ip route add local 203\.0\.113\.0\/28 dev lo$/m);
    assert.match(stderr, /1 finding to mend/);
  });

  test('a wrong configuration ends with 78, as everywhere', async () => {
    const { code, stdout } = await doctor('--pool', '127.0.0.x', '--json');
    assert.equal(code, 78);
    assert.equal((JSON.parse(stdout) as { ok: boolean }).ok, false);
  });

  test('a listener is free, ours, or somebody else has it', async () => {
    await using gyre = await startGyre(['--pool', '127.0.0.2', '--listen', '127.0.0.1:0', '--workers', '0']);
    const ours = await findings('listeners', '--pool', '127.0.0.2', '--listen', gyre.address);
    assert.match(ours.found[0]!.message, /is taken by a proxy that answers: Gyre runs already/);
    assert.equal(ours.code, 0);
    const other = createServer((socket) => void socket.on('error', () => {}).end('220 hello\r\n')).listen(
      0,
      '127.0.0.1',
    );
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const taken = await findings('listeners', '--pool', '127.0.0.2', '--listen', `127.0.0.1:${port}`);
    other.close();
    assert.deepEqual([taken.code, taken.found[0]!.state], [1, 'fail']);
    assert.deepEqual(taken.found[0]!.fix, [`ss -ltnp 'sport = :${port}'`]);
  });

  test('a name server of the configuration answers, or does not', async () => {
    await using server = await DnsServer.listen(() => 'nxdomain');
    const { found } = await findings('dns', ...configured(`dns: {servers: [${server.address}]}\n`));
    assert.deepEqual(
      found.map(({ state, message }) => [state, message]),
      [['ok', `the name server ${server.address} answers`]],
    );
    const silent = await findings('dns', ...configured('dns: {servers: ["127.0.0.1:1"]}\n'));
    assert.equal(silent.code, 1);
    assert.match(silent.found[0]!.message, /^the name server 127\.0\.0\.1:1 does not answer \(E/);
  });

  test('certificates expire, and are read by those who should not', async () => {
    const made = await runProgram(process.execPath, [
      GYRE_BIN,
      'cert',
      '--out',
      folder,
      '--days',
      '3',
      '--force',
    ]);
    assert.equal(made.code, 0, made.stderr);
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const tls = configured(`listen: tls://127.0.0.1:0\ntls: {cert: ${cert}, key: ${key}}\n`);
    const soon = await findings('certificates', ...tls);
    assert.match(soon.found[0]!.message, /^the certificate .*cert\.pem expires in [23] days/);
    chmodSync(key, 0o644);
    const open = await findings('certificates', ...tls);
    assert.deepEqual(open.found[0]!.fix, [`chmod 600 ${key}`]);
    rmSync(key);
    const gone = await findings('certificates', ...tls);
    assert.deepEqual([gone.code, gone.found[0]!.state], [1, 'fail']);
  });

  test('the users file can be read, by its owner alone', async () => {
    const file = join(folder, 'users');
    const hash = '$2b$04$abcdefghijklmnopqrstuuQ9XZ9fNqSvX1TGUq0jXg7Tf8c5W1dOK';
    writeFileSync(file, `alice:${hash}\n`, { mode: 0o600 });
    const users = configured(`usersFile: ${file}\n`);
    const fine = await findings('users', ...users);
    assert.deepEqual([fine.found[0]!.state, fine.found[0]!.message], ['ok', `${file} has 1 user`]);
    chmodSync(file, 0o644);
    const open = await findings('users', ...users);
    assert.deepEqual([open.found[0]!.state, open.found[0]!.fix], ['warn', [`chmod o-r ${file}`]]);
    rmSync(file);
    const gone = await findings('users', ...users);
    assert.deepEqual([gone.code, gone.found[0]!.state], [1, 'fail']);
  });

  test('an open relay and a source that fails are told', async () => {
    const relay = await findings('exposure', ...configured('listen: :0\nopenRelay: true\n'));
    assert.match(relay.found.map(({ message }) => message).join('\n'), /open relay/);
    const source = ['--pool', '127.0.0.2', '--pool', `file:${join(folder, 'none')}`];
    const { found } = await findings('addresses', ...source);
    assert.deepEqual(
      found.map(({ state }) => state),
      ['warn', 'ok'],
    );
  });
});
