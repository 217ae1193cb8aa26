import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { makeCertificate } from '../../src/cli/cert.ts';
import { eventually } from '../support/gateway.ts';
import { runProgram, type Outcome, type RunOptions } from '../support/program.ts';
import { GYRE_BIN, startGyre } from '../support/program-gyre.ts';

const folder = mkdtempSync(join(tmpdir(), 'gyre-tls-'));
after(() => rmSync(folder, { recursive: true }));

let count = 0;
const inFolder = (name: string): string => join(folder, `${count++}-${name}`);

function gyre(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return runProgram(process.execPath, [GYRE_BIN, ...args], { cwd: folder, ...options });
}

/** What every server here has in common. */
const SERVE = ['--pool', '127.0.0.2-127.0.0.5', '--allow-private', '--workers', '1', '--access-log', 'off'];

/** `gyre cert` into a folder of its own. */
async function pair(...args: string[]): Promise<{ cert: string; key: string; flags: string[] }> {
  const out = inFolder('pair');
  const { code, stderr } = await gyre(['cert', '--out', out, ...args]);
  assert.equal(code, 0, stderr);
  const [cert, key] = [join(out, 'cert.pem'), join(out, 'key.pem')];
  return { cert, key, flags: ['--tls-cert', cert, '--tls-key', key] };
}

function fileOf(text: string): string {
  const path = inFolder('gyre.yaml');
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

/** The serial number of what a port shows. */
async function shown(port: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<DetailedPeerCertificate>();
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () =>
    resolve(socket.getPeerCertificate(true)),
  ).on('error', reject);
  const { serialNumber } = await promise;
  socket.destroy();
  return serialNumber;
}

const serial = (path: string): string => new X509Certificate(readFileSync(path)).serialNumber;

suite('gyre cert', () => {
  test('writes a pair, says for whom and what to do with it, and keeps the key to its owner', async () => {
    const out = inFolder('my tls');
    const { code, stdout, stderr } = await gyre(['cert', '--out', out, '--session-domain', 'proxy.test']);
    assert.deepEqual([code, stderr], [0, '']);
    const [cert, key] = [join(out, 'cert.pem'), join(out, 'key.pem')];
    assert.match(
      stdout,
      /for localhost, 127\.0\.0\.1, ::1, proxy\.test and \*\.proxy\.test, until \d{4}-\d\d-\d\d\n/,
    );
    assert.ok(
      stdout.includes(
        `\n  gyre serve --listen tls://127.0.0.1:1443 --tls-cert '${cert}' --tls-key '${key}' --pool `,
      ),
    );
    assert.ok(
      stdout.includes(
        `\n  curl --proxy https://localhost:1443 --proxy-cacert '${cert}' https://example.com/\n`,
      ),
    );
    assert.deepEqual([statSync(key).mode & 0o777, statSync(cert).mode & 0o777], [0o600, 0o644]);
    assert.equal(existsSync(`${key}.new`), false);
    const checked = await gyre([
      'check',
      '--pool',
      '127.0.0.2',
      '--listen',
      'tls://1443',
      '--tls-cert',
      cert,
      '--tls-key',
      key,
    ]);
    assert.equal(checked.code, 0, checked.stderr);
    assert.match(
      checked.stdout,
      /^TLS +.*cert\.pem: for localhost, 127\.0\.0\.1, ::1, proxy\.test, \*\.proxy\.test, until /m,
    );
  });

  test('replaces nothing unless it is told to', async () => {
    const { cert, key } = await pair();
    const before = readFileSync(key, 'utf8');
    const out = ['--out', join(cert, '..')];
    const refused = await gyre(['cert', ...out]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^gyre: there are already .*cert\.pem and .*key\.pem\n {2}hint: .*--force/);
    assert.equal(readFileSync(key, 'utf8'), before);
    assert.equal((await gyre(['cert', '--force', ...out])).code, 0);
    assert.notEqual(readFileSync(key, 'utf8'), before);
  });

  test('one that cannot be written is one sentence', async () => {
    writeFileSync(join(folder, 'file'), '');
    const outcome = await gyre(['cert', '--out', join(folder, 'file', 'tls')]);
    assert.equal(outcome.code, 1);
    assert.match(outcome.stderr, /^gyre: ENOTDIR: .*\n$/);
  });
});

suite('gyre check', () => {
  const check = (...args: string[]): Promise<Outcome> => gyre(['check', '--pool', '127.0.0.2', ...args]);

  test('reads the files of certificates', async () => {
    const { cert, key } = await pair('--days', '3');
    const other = await pair();
    const soon = await check('--listen', 'tls://1443', '--tls-cert', cert, '--tls-key', key);
    assert.equal(soon.code, 0, soon.stderr);
    assert.match(soon.stderr, /^gyre: note: the certificate .*cert\.pem expires in [23] days, on /m);
    for (const [args, message] of [
      [
        ['--tls-cert', cert, '--tls-key', other.key],
        /^gyre: the key .* does not belong to the certificate .*\n {2}hint: /m,
      ],
      [
        ['--tls-cert', key, '--tls-key', cert],
        /^gyre: .*key\.pem holds no certificate in PEM form\n {2}hint: .*mixed up/m,
      ],
      [
        ['--tls-cert', '/nonexistent', '--tls-key', key],
        /^gyre: there is no file \/nonexistent with the certificate$/m,
      ],
    ] as const) {
      const outcome = await check('--listen', 'tls://1443', ...args);
      assert.equal(outcome.code, 1, outcome.stdout);
      assert.match(outcome.stderr, message);
      assert.match(outcome.stderr, /^gyre: 1 certificate cannot be used: the proxy would not start$/m);
      assert.doesNotMatch(outcome.stdout, /^ok$/m);
      const served = await gyre(['serve', ...SERVE, '--listen', 'tls://127.0.0.1:0', ...args]);
      assert.equal(served.code, 1, served.stdout);
      assert.match(served.stderr, message);
    }
  });

  test('an expired one is a note, for serving too', async () => {
    const old = await makeCertificate({ names: ['old.test'], days: -1 });
    const [cert, key] = [inFolder('cert.pem'), inFolder('key.pem')];
    writeFileSync(cert, old.cert);
    writeFileSync(key, old.key, { mode: 0o644 });
    const flags = ['--listen', 'tls://127.0.0.1:0', '--tls-cert', cert, '--tls-key', key];
    const checked = await check(...flags);
    assert.equal(checked.code, 0, checked.stderr);
    assert.match(
      checked.stderr,
      /^gyre: note: the certificate .* has expired on [\d-]+: clients will refuse it$/m,
    );
    assert.match(checked.stderr, /^gyre: note: everyone on this host can read the key .*: chmod 600 it$/m);
    await using serving = await startGyre([...SERVE, ...flags]);
    await eventually('the log says so', () => /has expired on .*clients will refuse it/.test(serving.log()));
  });

  test('says what listeners ask for, in JSON too', async () => {
    const { cert, key } = await pair();
    const file = fileOf(
      [
        'pool: 127.0.0.2',
        'openRelay: true',
        'listen:',
        `  - {address: tls://127.0.0.1:1443-1444, clientCa: ${cert}, sessionDomain: proxy.test}`,
        '  - {address: :1080, proxyProtocol: [10.0.0.0/8, 192.0.2.1]}',
        '  - unix:/tmp/gyre-check.sock',
        `tls: {cert: ${cert}, key: ${key}}`,
      ].join('\n'),
    );
    const { code, stdout, stderr } = await gyre(['check', '--config', file]);
    assert.equal(code, 0, stderr);
    assert.match(
      stdout,
      /^listeners +tls:\/\/127\.0\.0\.1:1443-1444, \[::\]:1080 and unix:\/tmp\/gyre-check\.sock \(/m,
    );
    assert.match(stdout, /^ +\[::\]:1080: a PROXY header from 10\.0\.0\.0\/8 and 192\.0\.2\.1 comes first$/m);
    assert.match(stdout, /^ +tls:\/\/127\.0\.0\.1:1443-1444: clients show a certificate of .*cert\.pem$/m);
    assert.match(
      stdout,
      /^ +tls:\/\/127\.0\.0\.1:1443-1444: the server name s-ID\.proxy\.test is a session$/m,
    );
    const json = JSON.parse((await gyre(['check', '--json', '--config', file])).stdout) as Record<
      string,
      unknown
    >;
    assert.deepEqual(json['listen'], [
      'tls://127.0.0.1:1443',
      'tls://127.0.0.1:1444',
      '[::]:1080',
      'unix:/tmp/gyre-check.sock',
    ]);
    const [certificate] = json['certificates'] as { file: string; names: string }[];
    assert.deepEqual([certificate!.file, certificate!.names], [cert, 'localhost, 127.0.0.1, ::1']);
    assert.deepEqual(json['unusable'], []);
  });

  test('--bind finds a socket file that could not be made, and leaves none behind', async () => {
    const path = inFolder('letter.txt');
    writeFileSync(path, 'dear');
    const outcome = await check('--bind', '--listen', `unix:${path}`);
    assert.equal(outcome.code, 1);
    assert.match(
      outcome.stderr,
      /^gyre: cannot listen on unix:.*letter\.txt: there is something else of that name$/m,
    );
    assert.equal(readFileSync(path, 'utf8'), 'dear');
    const free = inFolder('free.sock');
    assert.equal((await check('--bind', '--listen', `unix:${free}`)).code, 0);
    assert.equal(existsSync(free), false);
  });
});

suite('gyre serve', () => {
  test('on a port, with TLS and on a socket file at once', async () => {
    const { cert, flags } = await pair();
    const path = inFolder('gyre.sock');
    const listen = [`unix:${path}`, 'tls://127.0.0.1:0', '127.0.0.1:0'].flatMap((at) => ['--listen', at]);
    await using serving = await startGyre([...SERVE, ...listen, ...flags]);
    const [, secure, plain] =
      /^gyre ready on tls:\/\/127\.0\.0\.1:(\d+), 127\.0\.0\.1:(\d+) and unix:.*gyre\.sock \(socks5, socks4, http\), /.exec(
        serving.ready,
      ) ?? [];
    assert.equal(statSync(path).mode & 0o777, 0o660);
    const prove = (proxy: string, ...more: string[]): Promise<Outcome> =>
      gyre(['prove', '--count', '2', '--proxy', proxy, ...more]);
    for (const [proxy, ...more] of [
      [`socks5h://127.0.0.1:${plain}`],
      [`http://127.0.0.1:${plain}`],
      [`https://localhost:${secure}`, '--proxy-cacert', cert],
      [`https://127.0.0.1:${secure}`, '--proxy-insecure'],
      [`unix:${path}`],
    ] as const) {
      const { code, stdout, stderr } = await prove(proxy, ...more);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^2 requests left from 2 addresses$/m, proxy);
    }
    const distrusted = await prove(`https://localhost:${secure}`);
    assert.equal(distrusted.code, 1);
    assert.match(distrusted.stderr, /failed: self-signed certificate\n {2}hint: .*--proxy-cacert FILE/);
    const nowhere = await prove(`https://localhost:${secure}`, '--proxy-cacert', '/nonexistent');
    assert.equal(nowhere.code, 2);
    assert.match(
      nowhere.stderr,
      /^gyre: \/nonexistent cannot be read: ENOENT\n {2}hint: check --proxy-cacert\n/,
    );

    for (const at of [`tls://127.0.0.1:${secure}`, `unix:${path}`, `127.0.0.1:${plain}`]) {
      const { code, stdout, stderr } = await gyre(['healthcheck', at]);
      assert.deepEqual([code, stdout], [0, `ok: ${at} answers\n`], stderr);
    }
    const env = { GYRE_LISTEN: `unix:${path}, tls://127.0.0.1:${secure}` };
    assert.match((await gyre(['healthcheck'], { env })).stdout, /^ok: tls:\/\/127\.0\.0\.1:\d+ answers$/m);
  });

  test('takes up a new certificate while it serves, and keeps the old one as long as the new one is broken', async () => {
    const { cert, key, flags } = await pair();
    await using serving = await startGyre([...SERVE, '--listen', 'tls://127.0.0.1:0', ...flags]);
    const first = serial(cert);
    assert.equal(await shown(serving.port), first);
    const whole = readFileSync(key, 'utf8');
    writeFileSync(key, whole.slice(0, 60));
    await eventually('the broken key is told', () =>
      /a changed certificate cannot be used/.test(serving.log()),
    );
    assert.equal(await shown(serving.port), first);
    const { code } = await gyre(['cert', '--force', '--out', join(cert, '..')]);
    assert.equal(code, 0);
    const second = serial(cert);
    assert.notEqual(second, first);
    await eventually('the new certificate is shown', async () => (await shown(serving.port)) === second);
    await eventually('it is told', () => /a certificate has been replaced/.test(serving.log()));
  });
});
