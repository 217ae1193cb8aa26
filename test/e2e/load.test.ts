/** `gyre load` through a real Gyre, in every protocol, and what it says of itself. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { cleanEnvironment, runProgram, type Outcome } from '../support/program.ts';
import { GYRE_BIN, startGyre, type GyreProcess } from '../support/program-gyre.ts';

const POOL = ['127.0.0.2', '127.0.0.3', '127.0.0.4'];

const folder = mkdtempSync(join(tmpdir(), 'gyre-load-'));
const leaving = new AsyncDisposableStack();
leaving.defer(() => rmSync(folder, { recursive: true }));
let open: GyreProcess;
let guarded: GyreProcess;

before(async () => {
  const serve = [
    '--pool',
    '127.0.0.2-127.0.0.4',
    '--listen',
    '127.0.0.1:0',
    '--allow-private',
    '--workers',
    '0',
  ];
  open = leaving.use(await startGyre(serve));
  guarded = leaving.use(await startGyre([...serve, '--user', 'alice:s3cret']));
});
after(() => leaving.disposeAsync());

const load = (...args: string[]): Promise<Outcome> =>
  runProgram(process.execPath, [GYRE_BIN, 'load', ...args], { timeoutMs: 60_000 });

interface Report {
  readonly ok: boolean;
  readonly requests: { readonly succeeded: number; readonly failed: number; readonly unsent: number };
  readonly errors: readonly { readonly message: string; readonly hint?: string; readonly count: number }[];
  readonly connections: number;
  readonly addresses: Readonly<Record<string, number>>;
  readonly spread?: { readonly least: number; readonly most: number };
  readonly latency: Readonly<Record<'connect' | 'total', { readonly p50: number; readonly max: number }>>;
  readonly histogram: readonly { readonly count: number }[];
  readonly bytes: { readonly sent: number; readonly received: number };
}

async function json(...args: string[]): Promise<Report & { readonly code: number | null }> {
  const { code, stdout, stderr } = await load(...args, '--json');
  assert.ok(stdout.startsWith('{'), stderr);
  return { ...(JSON.parse(stdout) as Report), code };
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  leaving.defer(() => void server.close());
  return (server.address() as AddressInfo).port;
}

suite('gyre load', () => {
  for (const scheme of ['socks5h', 'socks5', 'socks4', 'socks4a', 'http']) {
    test(`${scheme}: every request arrives, and the turns are fair`, async () => {
      const report = await json(
        '--proxy',
        `${scheme}://${open.address}`,
        '--count',
        '300',
        '--concurrency',
        '10',
      );
      assert.deepEqual([report.code, report.ok], [0, true]);
      assert.deepEqual(report.requests, { succeeded: 300, failed: 0, unsent: 0, cut: 0 });
      assert.deepEqual(Object.keys(report.addresses).toSorted(), POOL);
      assert.deepEqual(report.spread, { least: 100, most: 100 });
      assert.equal(report.connections, 300);
      assert.ok(report.latency.connect.p50 > 0 && report.latency.total.max >= report.latency.connect.p50);
      assert.equal(
        report.histogram.reduce((sum, { count }) => sum + count, 0),
        300,
      );
      assert.ok(report.bytes.sent > 300 && report.bytes.received > 300);
    });
  }

  test('--keep-alive opens one connection for each of --concurrency', async () => {
    const report = await json(
      '--proxy',
      `socks5h://${open.address}`,
      '--count',
      '200',
      '--connections',
      '6',
      '--keep-alive',
    );
    assert.deepEqual([report.requests.succeeded, report.connections], [200, 6]);
  });

  test('--keep-alive goes on when the server closes between two requests', async () => {
    const server = createHttp((request, response) => {
      // It promises to stay, and goes.
      response.end('127.0.0.9', () => request.socket.end());
    });
    const report = await json(
      '--proxy',
      `socks5h://${open.address}`,
      '--target',
      `http://127.0.0.1:${await listening(server)}/`,
      '--count',
      '50',
      '--concurrency',
      '2',
      '--keep-alive',
    );
    assert.deepEqual([report.requests.succeeded, report.requests.failed], [50, 0]);
    assert.equal(report.addresses['127.0.0.9'], 50);
  });

  test('--forward gives the request itself to an HTTP proxy, with credentials', async () => {
    const proxy = `http://alice:s3cret@${guarded.address}`;
    const report = await json(
      '--proxy',
      proxy,
      '--count',
      '60',
      '--forward',
      '--keep-alive',
      '--concurrency',
      '2',
    );
    assert.deepEqual([report.requests.succeeded, report.connections], [60, 2]);
    assert.deepEqual(report.spread, { least: 20, most: 20 });
  });

  test('TLS to the proxy, and TLS to the target within the tunnel', async () => {
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const made = await runProgram(process.execPath, [GYRE_BIN, 'cert', '--out', folder]);
    assert.equal(made.code, 0, made.stderr);
    await using gyre = await startGyre([
      '--pool',
      '127.0.0.2-127.0.0.4',
      '--listen',
      'tls://127.0.0.1:0',
      '--allow-private',
      '--workers',
      '0',
      '--tls-cert',
      cert,
      '--tls-key',
      key,
    ]);
    const proxy = ['--proxy', `https://localhost:${gyre.port}`, '--count', '30'];
    const report = await json(...proxy, '--proxy-cacert', cert);
    assert.deepEqual([report.requests.succeeded, report.spread], [30, { least: 10, most: 10 }]);
    const distrusted = await json(...proxy);
    assert.match(distrusted.errors[0]!.message, /^TLS with the proxy at localhost port \d+ failed: /);
    const server = createHttps({ cert: readFileSync(cert), key: readFileSync(key) }, (_request, response) => {
      response.end('127.0.0.9');
    });
    const target = ['--target', `https://localhost:${await listening(server)}/`];
    const args = [GYRE_BIN, 'load', ...proxy, '--proxy-insecure', ...target, '--json'];
    const { stdout, stderr } = await runProgram(process.execPath, args, {
      env: { NODE_EXTRA_CA_CERTS: cert },
    });
    assert.equal((JSON.parse(stdout) as Report).addresses['127.0.0.9'], 30, stdout + stderr);
  });

  test('tcp:// sends bytes and wants the same back', async () => {
    const port = await listening(createServer((socket) => void socket.on('error', () => {}).pipe(socket)));
    const report = await json(
      '--proxy',
      `socks5h://${open.address}`,
      '--target',
      `tcp://127.0.0.1:${port}`,
      '--count',
      '40',
    );
    assert.deepEqual([report.requests.succeeded, report.bytes.sent, report.bytes.received], [40, 1280, 1280]);
    assert.deepEqual(report.addresses, {});
    const liar = await listening(
      createServer(
        (socket) => void socket.on('error', () => {}).on('data', () => socket.write(Buffer.alloc(32))),
      ),
    );
    const wrong = await json('--proxy', 'direct', '--target', `tcp://127.0.0.1:${liar}`, '--count', '3');
    assert.match(wrong.errors[0]!.message, /other bytes than it got/);
  });

  test('--rps begins each request at its moment; what was never begun is told', async () => {
    const report = await json('--proxy', `socks5h://${open.address}`, '--rps', '200', '--count', '40');
    assert.deepEqual([report.requests.succeeded, report.requests.unsent], [40, 0]);
    // Nobody answers: one connection is busy until its deadline, and the others are due meanwhile.
    const silent = await listening(createServer((socket) => void socket.on('error', () => {}).resume()));
    const stuck = await json(
      '--proxy',
      'direct',
      '--target',
      `http://127.0.0.1:${silent}/`,
      '--rps',
      '100',
      '--duration',
      '500ms',
      '--timeout',
      '400ms',
      '--concurrency',
      '1',
    );
    assert.equal(stuck.code, 1);
    assert.ok(stuck.requests.failed <= 2 && stuck.requests.unsent >= 48, JSON.stringify(stuck.requests));
    assert.equal(stuck.errors[0]!.message, 'the target did not answer in time');
  });

  test('says why requests fail, in words, and ends with 1 when none succeeded', async () => {
    const refused = await json(
      '--proxy',
      `socks5h://${open.address}`,
      '--target',
      'tcp://127.0.0.1:1',
      '--count',
      '5',
    );
    assert.deepEqual([refused.code, refused.ok], [1, false]);
    assert.deepEqual(refused.errors, [
      { message: 'the proxy answered connection refused by the target (SOCKS reply 5)', count: 5 },
    ]);
    const wrong = await json('--proxy', `socks5h://alice:wrong@${guarded.address}`, '--count', '2');
    assert.equal(wrong.errors[0]!.message, 'the proxy does not accept this user name and password');
    const { code, stdout, stderr } = await load('--proxy', 'http://127.0.0.1:1', '--count', '3');
    assert.equal(code, 1);
    assert.match(stdout, /^requests +0 succeeded, 3 failed$/m);
    assert.match(stderr, /3 requests failed: the proxy at 127\.0\.0\.1 port 1 is not there.*\n {2}hint: /);
    assert.match(stderr, /nothing came through http:\/\/127\.0\.0\.1:1\n/);
  });

  test('prints rate, percentiles, bars and addresses for people', async () => {
    const { code, stdout, stderr } = await load('--proxy', `socks5h://${open.address}`, '--count', '90');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^requests +90 succeeded, 0 failed$/m);
    assert.match(stdout, /^rate +[\d,.]+\/s over /m);
    assert.match(stdout, /^latency +connect +total\np50 +[\d.]+ ms +[\d.]+ ms\np90 /m);
    assert.match(stdout, /^ +≤ .*%  █+$/m);
    assert.match(stdout, /^left from +3 addresses, each seen 30 times\n {2}127\.0\.0\.\d +30\n/m);
    assert.match(stdout, /^generator +busy \d+/m);
  });

  test('Ctrl-C ends it early, with the report', async () => {
    const args = [GYRE_BIN, 'load', '--proxy', `socks5h://${open.address}`, '--duration', '10m', '--json'];
    const child = spawn(process.execPath, args, {
      env: cleanEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const kill = setTimeout(() => child.kill('SIGKILL'), 40_000);
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    // The first line of progress says that requests are under way.
    const [line] = (await once(child.stderr.setEncoding('utf8'), 'data')) as [string];
    assert.match(line, /^5 s {2}[\d,.]+\/s {2}0 failed/);
    child.kill('SIGINT');
    const [code] = (await once(child, 'close')) as [number | null];
    clearTimeout(kill);
    assert.equal(code, 0);
    const report = JSON.parse(stdout) as Report;
    assert.ok(report.requests.succeeded > 0);
    assert.equal(report.requests.failed, 0);
  });

  test('mistakes are usage errors, without what is secret', async () => {
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [['--rps', 'many'], /requests a second, such as 500/],
      [['--duration', '30'], /a time such as 30s/],
      [['--target', 'ftp://x/'], /not an http or https URL, nor tcp/],
      [['--forward', '--proxy', 'socks5h://127.0.0.1:1'], /--forward needs an http:\/\/ target/],
      [['--proxy', 'socks4://bob:hunter2@127.0.0.1:1'], /SOCKS4 has no passwords/],
    ];
    for (const [args, message] of cases) {
      const { code, stderr } = await load(...args, '--count', '1');
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /hunter2/);
    }
  });
});
