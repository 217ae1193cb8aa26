import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { cleanEnvironment, runProgram, type Outcome, type RunOptions } from '../support/program.ts';
import { GYRE_BIN } from '../support/program-gyre.ts';
import { makeCertificate } from '../support/tls.ts';

const folder = mkdtempSync(join(tmpdir(), 'gyre-serve-'));
after(() => rmSync(folder, { recursive: true }));

const POOL = [
  '--pool',
  '127.0.0.2-127.0.0.5',
  '--listen',
  '127.0.0.1:0',
  '--workers',
  '1',
  '--access-log',
  'off',
];

function gyre(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return runProgram(process.execPath, [GYRE_BIN, ...args], options);
}

/** No server of these tests lives longer: what waits for one in vain fails then. */
const LONGEST_MS = 30_000;

/** A `gyre serve` under the eyes of the test; killed with it at the latest. */
class Serving implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly ended: Promise<number | string | null>;
  stdout = '';
  stderr = '';
  readonly #waiting = new Set<() => void>();

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.child = spawn(process.execPath, [GYRE_BIN, 'serve', ...args], {
      env: { ...cleanEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const kill = setTimeout(() => this.child.kill('SIGKILL'), LONGEST_MS);
    this.ended = once(this.child, 'close').then(([code, signal]: (number | string | null)[]) => {
      clearTimeout(kill);
      this.#look();
      return code ?? signal ?? null;
    });
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#look();
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#look();
    });
  }

  /** What standard output says, as soon as it does. */
  says(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#until(() => pattern.exec(this.stdout));
  }

  /** What standard error says. */
  complains(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#until(() => pattern.exec(this.stderr));
  }

  async #until(look: () => RegExpExecArray | null): Promise<RegExpExecArray> {
    for (;;) {
      const match = look();
      if (match !== null) return match;
      const { exitCode, signalCode } = this.child;
      if (exitCode !== null || signalCode !== null) {
        throw new Error(`ended with ${exitCode ?? signalCode}: ${this.stdout}${this.stderr}`);
      }
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  async port(): Promise<number> {
    return Number((await this.says(/^gyre ready on 127\.0\.0\.1:(\d+)/))[1]);
  }

  #look(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

/** A listener that accepts and says nothing. */
async function silentTarget(): Promise<{ readonly port: number; [Symbol.asyncDispose](): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket.on('error', () => {}))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** An open tunnel through a proxy without users. */
async function tunnelThrough(port: number, target: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  socket.write(Uint8Array.of(5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, target >> 8, target & 255));
  // Method and reply: 2 and 10 bytes.
  for (let bytes = 0; bytes < 12;) bytes += ((await once(socket, 'data')) as [Buffer])[0].length;
  return socket;
}

suite('gyre serve', () => {
  test('says that it is ready in one line, and how to see the rotation; SIGTERM ends it', async () => {
    await using serving = new Serving([...POOL, '--allow-private', '--echo', '127.0.0.1:0']);
    const port = await serving.port();
    assert.match(
      serving.stdout,
      /^gyre ready on 127\.0\.0\.1:\d+ \(socks5, socks4, http\), 4 egress addresses, 1 worker\n/,
    );
    const [, command] = await serving.says(/^ {2}(for i in 1 2 3; do curl .*; done)\n/m);
    assert.match(command!, new RegExp(`-x socks5h://127\\.0\\.0\\.1:${port} http://127\\.0\\.0\\.1:\\d+;`));
    const { stdout } = await runProgram('sh', ['-c', command!]);
    const seen = stdout.trim().split('\n');
    assert.equal(new Set(seen).size, 3, stdout);
    for (const address of seen) assert.match(address, /^127\.0\.0\.[2-5]$/);
    serving.child.kill('SIGTERM');
    assert.equal(await serving.ended, 0);
    assert.equal(serving.stderr, '');
  });

  test('--prove shows the addresses and goes on serving', async () => {
    await using serving = new Serving([
      ...POOL,
      '--allow-private',
      '--echo',
      '127.0.0.1:0',
      '--user',
      'alice:s3cret',
      '--prove',
    ]);
    await serving.says(/^3 requests left from 3 addresses$/m);
    const lines = [...serving.stdout.matchAll(/^request \d {2}(127\.0\.0\.[2-5])$/gm)];
    assert.equal(lines.length, 3);
    const port = await serving.port();
    assert.equal((await gyre(['healthcheck', `127.0.0.1:${port}`])).code, 0);
    serving.child.kill('SIGINT');
    assert.equal(await serving.ended, 0);
    assert.ok(!serving.stderr.includes('s3cret'));
  });

  test('--prove goes through TLS when there is nothing else, and says why when it cannot', async () => {
    assert.equal((await gyre(['cert', '--out', folder])).code, 0);
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const options = [
      ...POOL.filter((word) => !/^(?:--listen|127\.0\.0\.1:0)$/.test(word)),
      '--allow-private',
    ];
    const echo = ['--echo', '127.0.0.1:0', '--prove', '2'];
    const flags = ['--listen', 'tls://127.0.0.1:0', '--tls-cert', cert, '--tls-key', key];
    await using secure = new Serving([...options, ...flags, ...echo]);
    await secure.says(/^2 requests left from 2 addresses$/m);
    assert.match(secure.stdout, /^gyre ready on tls:\/\/127\.0\.0\.1:\d+ \(socks5, socks4, http\), /);
    assert.match(secure.stdout, /curl -s --proxy-insecure -x https:\/\/127\.0\.0\.1:\d+ http:/);

    const file = join(folder, 'locked.yaml');
    writeFileSync(
      file,
      `listen: [{address: 'tls://127.0.0.1:0', clientCa: ${cert}}, {address: 0, proxyProtocol: 10.0.0.0/8}]\ntls: {cert: ${cert}, key: ${key}}\n`,
    );
    await using locked = new Serving([...options, '--config', file, ...echo]);
    const [, withTls, withHeader] = await locked.says(
      /^gyre ready on tls:\/\/127\.0\.0\.1:(\d+) and 127\.0\.0\.1:(\d+) /,
    );
    await locked.complains(/--prove finds no listener it could use: each asks for a PROXY header/);
    for (const [listen, shown] of [
      [`{address: 'tls://${withTls}', clientCa: ${cert}}`, `tls://127.0.0.1:${withTls}`],
      [`{address: ${withHeader}, proxyProtocol: 10.0.0.0/8}`, `127.0.0.1:${withHeader}`],
    ]) {
      writeFileSync(file, `listen: ${listen}\n`);
      const { stdout, stderr } = await gyre(['healthcheck', '--config', file]);
      assert.equal(stdout, `ok: ${shown} accepts connections\n`, stderr);
    }
  });

  test('the environment alone is enough', async () => {
    await using serving = new Serving([], {
      IP_POOL: '127.0.0.2',
      LISTEN_ADDR: '127.0.0.1:0',
      PROXY_USER: 'alice',
      PROXY_PASS: 's3cret',
      GYRE_WORKERS: '0',
      GYRE_ALLOW_PRIVATE: '1',
    });
    const port = await serving.port();
    assert.match(serving.stdout, /1 egress address, no workers\n/);
    const { stdout } = await gyre([
      'prove',
      '--count',
      '2',
      '--proxy',
      `http://alice:s3cret@127.0.0.1:${port}`,
    ]);
    assert.match(stdout, /^2 requests left from 1 address$/m);
  });

  test('a port that is taken is one sentence and an advice', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const outcome = await gyre(['serve', '--pool', '127.0.0.2', '--listen', `127.0.0.1:${port}`]);
    server.close();
    assert.deepEqual([outcome.code, outcome.stdout], [1, '']);
    assert.match(
      outcome.stderr,
      new RegExp(
        `^gyre: cannot listen on 127\\.0\\.0\\.1:${port}: another program already does\\n {2}hint: .*\\n$`,
      ),
    );
  });

  test('an address that is not on the host as well', async () => {
    const outcome = await gyre([
      'serve',
      '--pool',
      '127.0.0.2',
      '--listen',
      '198.51.100.250:0',
      '--open-relay',
      '--workers',
      '0',
    ]);
    assert.equal(outcome.code, 1);
    assert.match(
      outcome.stderr,
      /^gyre: cannot listen on 198\.51\.100\.250:0: 198\.51\.100\.250 is not an address of this host$/m,
    );
    assert.doesNotMatch(outcome.stderr, /^ +at /m);
  });
});

suite('stopping', () => {
  test('tunnels may end by themselves', async () => {
    await using target = await silentTarget();
    await using serving = new Serving([...POOL, '--allow-private']);
    const tunnel = await tunnelThrough(await serving.port(), target.port);
    serving.child.kill('SIGTERM');
    await serving.says(/^gyre stopping: 1 connection may take 30 s to end/m);
    tunnel.destroy();
    assert.equal(await serving.ended, 0);
  });

  for (const [signal, exitCode] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const) {
    test(`a second ${signal} does not wait for them`, async () => {
      await using target = await silentTarget();
      await using serving = new Serving([...POOL, '--allow-private']);
      const tunnel = await tunnelThrough(await serving.port(), target.port);
      serving.child.kill(signal);
      await serving.says(/^gyre stopping/m);
      // One too close to the first counts as its echo, so press until it is heard.
      const press = setInterval(() => serving.child.kill(signal), 50);
      assert.equal(await serving.ended, exitCode);
      clearInterval(press);
      tunnel.destroy();
    });
  }
});

suite('gyre prove', () => {
  test('shows every request, or a table of many', async () => {
    await using serving = new Serving([...POOL, '--allow-private', '--cursor', 'global']);
    const port = await serving.port();
    const few = await gyre(['prove', '--proxy', `socks5h://127.0.0.1:${port}`, '--count', '4']);
    assert.deepEqual([few.code, few.stderr], [0, '']);
    assert.deepEqual(
      [...few.stdout.matchAll(/^request \d {2}(.*)$/gm)].map(([, address]) => address),
      ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5'],
    );
    const many = await gyre([
      'prove',
      '--proxy',
      `http://127.0.0.1:${port}`,
      '--count',
      '40',
      '--concurrency',
      '4',
    ]);
    assert.deepEqual(
      [...many.stdout.matchAll(/^127\.0\.0\.\d +(\d+)$/gm)].map(([, times]) => times),
      ['10', '10', '10', '10'],
    );
    assert.match(many.stdout, /^40 requests left from 4 addresses$/m);
    const json = await gyre(['prove', '--proxy', `127.0.0.1:${port}`, '--count', '8', '--json']);
    const { requests, addresses, errors } = JSON.parse(json.stdout) as Record<string, unknown>;
    assert.deepEqual([requests, errors], [8, []]);
    assert.deepEqual(Object.values(addresses as object), [2, 2, 2, 2]);
  });

  test('says why nothing came through', async () => {
    await using serving = new Serving([...POOL, '--user', 'alice:s3cret']);
    const port = await serving.port();
    const asked = async (proxy: string, ...more: string[]): Promise<Outcome> => {
      const outcome = await gyre(['prove', '--count', '1', '--proxy', proxy, ...more]);
      assert.equal(outcome.code, 1, outcome.stdout);
      assert.doesNotMatch(outcome.stderr, /s3cret|hunter2|^ +at /m);
      return outcome;
    };
    for (const scheme of ['socks5h', 'http']) {
      const at = `127.0.0.1:${port}`;
      assert.match(
        (await asked(`${scheme}://${at}`)).stderr,
        /wants a user name and a password\n {2}hint: .*--user/,
      );
      assert.match(
        (await asked(`${scheme}://alice:hunter2@${at}`)).stderr,
        /does not accept this user name and password/,
      );
      const denied = await asked(`${scheme}://${at}`, '--user', 'alice:s3cret');
      assert.match(
        denied.stderr,
        /^gyre: 1 request failed: the proxy answered .*(not allowed|loopback).*\n {2}hint: .*--allow-private/m,
      );
      assert.match(denied.stderr, new RegExp(`^gyre: nothing came through ${scheme}://${at}$`, 'm'));
    }
  });

  test('a target over TLS', async () => {
    const { key, cert, caFile } = await makeCertificate(folder);
    const server = createTlsServer({ key, cert }, (request, response) => {
      response.end(JSON.stringify({ ip: request.socket.remoteAddress }));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    await using serving = new Serving([...POOL, '--allow-private']);
    const args = [
      'prove',
      '--proxy',
      `127.0.0.1:${await serving.port()}`,
      '--target',
      `https://localhost:${(server.address() as AddressInfo).port}/ip`,
    ];
    const trusted = await gyre(args, { env: { NODE_EXTRA_CA_CERTS: caFile } });
    assert.match(trusted.stdout, /^3 requests left from 3 addresses$/m, trusted.stderr);
    const distrusted = await gyre(args);
    assert.equal(distrusted.code, 1);
    assert.match(distrusted.stderr, /TLS with the target failed: /);
    server.close();
  });

  test('a target that is not there', async () => {
    await using serving = new Serving([...POOL, '--allow-private']);
    const proxy = `127.0.0.1:${await serving.port()}`;
    const refused = await gyre([
      'prove',
      '--count',
      '2',
      '--proxy',
      proxy,
      '--target',
      'http://127.0.0.1:1/',
    ]);
    assert.match(
      refused.stderr,
      /^gyre: 2 requests failed: the proxy answered connection refused by the target/m,
    );
    assert.match(
      (await gyre(['prove', '--proxy', `http://${proxy}`, '--target', 'http://127.0.0.1:1/'])).stderr,
      /the proxy answered 502 the target refused the connection/,
    );
  });
});

suite('gyre healthcheck', () => {
  test('a proxy is well whatever it answers', async () => {
    await using serving = new Serving([...POOL, '--user', 'alice:s3cret']);
    const address = `127.0.0.1:${await serving.port()}`;
    assert.deepEqual(await gyre(['healthcheck', address]), {
      code: 0,
      signal: null,
      stdout: `ok: ${address} answers\n`,
      stderr: '',
    });
    assert.equal((await gyre(['healthcheck'], { env: { GYRE_LISTEN: address } })).code, 0);
    assert.equal(
      (await gyre(['healthcheck'], { env: { LISTEN_ADDR: `:${address.split(':')[1]}` } })).code,
      0,
    );
  });

  test('nobody there, or somebody else', async () => {
    const server = createServer((socket) => {
      socket
        .on('error', () => {})
        .resume()
        .end('SSH-2.0-OpenSSH\r\n');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const other = await gyre(['healthcheck', String(port)]);
    assert.deepEqual([other.code, other.stdout], [1, '']);
    assert.match(other.stderr, /^gyre: what answers there does not speak SOCKS5$/m);
    server.close();
    await once(server, 'close');
    const nobody = await gyre(['healthcheck', String(port)]);
    assert.equal(nobody.code, 1);
    assert.match(nobody.stderr, new RegExp(`^gyre: the proxy at 127\\.0\\.0\\.1 port ${port} is not there`));
  });
});
