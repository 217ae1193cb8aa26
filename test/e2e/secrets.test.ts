/** Whatever goes wrong, at the most talkative log level: no password, hash, token or key is said by anybody to anyone. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { inspect } from 'node:util';
import bcrypt from 'bcryptjs';
import { hashPassword } from '../../src/policy/password.ts';
import { defineConfig } from '../../src/runtime/config.ts';
import { ask as askAdmin } from '../support/admin.ts';
import { anyTarget } from '../support/any-target.ts';
import { ask, come, httpHead, LOGIN_WAYS, WAYS_IN, type Wish } from '../support/four-ways.ts';
import { eventually, gateway } from '../support/gateway.ts';
import { ListServer } from '../support/list-server.ts';
import { closedPort } from '../support/peer.ts';
import { cleanEnvironment, runProgram } from '../support/program.ts';
import { GYRE_BIN } from '../support/program-gyre.ts';
import { Secrets } from '../support/secrets.ts';
import { makeCertificate } from '../support/tls.ts';
import { startUserCheck } from '../support/user-check.ts';

const folder = mkdtempSync(join(tmpdir(), 'gyre-secrets-'));
after(() => rmSync(folder, { recursive: true }));
const path = (name: string): string => join(folder, name);

/** Everything a `gyre` says, and how it shows up in the list of processes. */
class Watched implements AsyncDisposable {
  readonly child: ChildProcess;
  said = '';
  #out = '';

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.child = spawn(process.execPath, [GYRE_BIN, ...args], {
      env: { ...cleanEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.#out += text;
      this.said += text;
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.said += text));
  }

  async port(): Promise<number> {
    await eventually(
      `ready: ${this.said}`,
      () => /^gyre ready .*:\d+[, ]/m.test(this.#out) || this.child.exitCode !== null,
    );
    const port = /^gyre ready on [\d.]+:(\d+)/m.exec(this.#out)?.[1];
    if (port === undefined) throw new Error(this.said);
    return Number(port);
  }

  get commandLine(): string {
    return readFileSync(`/proc/${this.child.pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'close');
    this.child.kill('SIGTERM');
    const kill = setTimeout(() => this.child.kill('SIGKILL'), 5000);
    await ended;
    clearTimeout(kill);
  }
}

const run = (args: readonly string[], env: Record<string, string> = {}, input?: string) =>
  runProgram(process.execPath, [GYRE_BIN, ...args], { env, ...(input !== undefined && { input }) });

/** All that clients are told, whatever they send. */
async function replies(wishes: readonly Wish[], raw: readonly string[], port: number): Promise<string> {
  let heard = '';
  for (const wish of wishes) {
    for (const way of WAYS_IN) {
      using told = await ask(way, wish);
      heard += `${told.word}\n`;
      told.client.end();
      if (told.word !== 'granted') heard += (await told.client.rest()).toString('latin1');
    }
  }
  for (const said of raw) {
    const peer = await come({ proxy: port });
    peer.text(said);
    peer.end();
    heard += (await peer.rest()).toString('latin1');
    peer.socket.destroy();
  }
  return heard;
}

describe('twenty secrets', () => {
  test('of a proxy that serves, whose files and endpoints all break one after the other', async () => {
    const secrets = new Secrets();
    await using target = await anyTarget();
    await using pool = await ListServer.listen();
    const query = secrets.plant('the token in the URL of a pool');
    const poolUser = secrets.plant('the password in the URL of a pool');
    pool.serve('127.0.0.2\n127.0.0.3\n');
    const checkUser = secrets.plant('the password in the URL of the user check');
    const checkToken = secrets.plant('the token in the URL of the user check');
    await using check = await startUserCheck(`/check?token=${checkToken}`, `gyre:${checkUser}@`);
    const { key, cert } = await makeCertificate(folder);
    secrets.keep('the key of the certificate', key);
    const files = { cert: path('server.pem'), key: path('server.key') };
    writeFileSync(files.cert, cert);
    writeFileSync(files.key, key);
    const argument = secrets.plant('the argument of the command of a pool');
    const plain = secrets.plant('the password of a user in the config');
    const hashed = secrets.plant('the password behind a hash in the config');
    const filed = secrets.plant('the password behind a hash in the file');
    const scrypt = secrets.keep('a scrypt hash', await hashPassword(hashed));
    const ofFile = secrets.keep('a bcrypt hash of the file', bcrypt.hashSync(filed, 4));
    const inConfig = secrets.keep('a bcrypt hash of the config', bcrypt.hashSync('x', 4));
    const adminToken = secrets.plant('the token of the admin listener');
    const users = path('users');
    writeFileSync(users, `cid:${ofFile}\n`);
    const access = path('access.log');
    const config = path('gyre.json');
    const commands = `exec:/bin/sh -c 'echo 127.0.0.4; exit 0' ${argument}`;
    writeFileSync(
      config,
      JSON.stringify({
        listen: ['127.0.0.1:0', { address: 'tls://127.0.0.1:0', ...files }],
        pool: '127.0.0.2-127.0.0.5',
        pools: { listed: pool.url(`/list?token=${query}`, `reader:${poolUser}@`), made: [commands] },
        users: [
          { name: 'ann', password: plain, expires: '2999-01-01' },
          { name: 'bob', passwordHash: scrypt },
          { name: 'dot', passwordHash: inConfig, expires: '2020-01-01' },
        ],
        usersFile: users,
        userCheck: { url: check.url, timeout: '300ms', cache: '0s' },
        targets: { allowPrivate: true, rules: [{ deny: [':25'] }] },
        limits: { user: { rate: '100/s', connections: 50 }, logins: { failures: 30 } },
        workers: 1,
        admin: { listen: '127.0.0.1:0', token: adminToken },
        log: { level: 'debug', access },
      }),
    );
    const env = { GYRE_USER: '' };
    await using gyre = new Watched(['serve', '--config', config], env);
    const port = await gyre.port();

    const wrong = secrets.plant('a wrong password');
    const bearer = secrets.plant('a token that is no password');
    const colonless = secrets.plant('a password without a name');
    const cookie = secrets.plant('a cookie for the target');
    const inPath = secrets.plant('a token in the path of a target');
    const userinfo = secrets.plant('the password in the URL of a target');
    const dead = await closedPort();
    const good = { proxy: port, port: target.port };
    const logins = [
      `ann:${plain}`,
      `bob:${hashed}`,
      `cid:${filed}`,
      'dot:x',
      `ann:${wrong}`,
      `bob:${wrong}`,
      `eve:${wrong}`,
    ];
    const wishes: Wish[] = [
      ...logins.map((login) => ({ login, proxy: port, port: target.port })),
      { ...good, port: dead, login: `ann:${plain}` },
      { ...good, port: 25, login: `ann:${plain}` },
      { ...good, host: 'no-such-name.invalid', login: `ann:${plain}` },
      { ...good, login: `ann-pool-none:${plain}` },
      { ...good, login: `ann-session-:${plain}` },
      { ...good, path: `/x?token=${inPath}`, login: `ann:${plain}` },
    ];
    const origin = `http://127.0.0.1:${target.port}`;
    const raw = [
      `CONNECT a:1 HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Bearer ${bearer}\r\n\r\n`,
      `CONNECT a:1 HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic ${bearer}=\u0001\r\n\r\n`,
      httpHead(`GET ${origin}/ HTTP/1.1`, colonless),
      httpHead(`GET http://me:${userinfo}@127.0.0.1:${target.port}/ HTTP/1.1`, `ann:${plain}`),
      httpHead(
        `GET ${origin}/?token=${inPath} HTTP/1.1`,
        `ann:${plain}`,
        `Cookie: ${cookie}`,
        'Connection: close',
      ),
      httpHead(`GET ftp://x/?token=${inPath} HTTP/1.1`, `ann:${plain}`, `Cookie: ${cookie}`),
      httpHead(
        `GET ${origin}/?${inPath} HTTP/1.1`,
        `ann:${plain}`,
        `Cookie: ${cookie}`,
        'Content-Length: 1',
        'Content-Length: 2',
      ),
      `FROB ${origin}/?${inPath} HTTP/1.1\r\nCookie: ${cookie}\r\nProxy-Authorization: Basic ${bearer}\r\n\r\n`,
      `GET ${origin}/?${inPath} HTTP/1.1\r\n${cookie}\r\n\r\n`,
      `\x05\x01\x02\x01\x03ann${String.fromCharCode(colonless.length)}${colonless}`,
      `\x05\x01\x02\x01\x00${String.fromCharCode(colonless.length)}${colonless}`,
      `\x04\x01\x00\x50\x7f\x00\x00\x01${colonless}\0`,
    ];
    let heard = await replies(wishes, raw, port);
    assert.match(heard, /granted[^]*407 [^]*429 |403 /);

    // The user check: errors of all kinds, each heard by a client.
    for (const verdict of [500, 302, { secret: checkToken }, { user: 7 }] as const) {
      check.answer(() => verdict);
      heard += await replies([{ ...good, login: `zoe${heard.length}:${wrong}` }], [], port);
    }
    check.answer(() => new Promise(() => {}));
    heard += await replies([{ ...good, login: `zoe:${wrong}` }], [], port);
    await check[Symbol.asyncDispose]();
    heard += await replies([{ ...good, login: `zoe:${wrong}` }], [], port);
    await eventually('it has been told', () => gyre.said.includes('external check'));

    // The files.
    const foreign = secrets.plant('a password in a line that is none');
    const replace = (file: string, text: string): void => {
      writeFileSync(`${file}.new`, text);
      renameSync(`${file}.new`, file);
    };
    replace(users, `cid:${ofFile}\n${foreign}\neve:{SHA}${foreign}=\neve:$apr1$${foreign}\n`);
    replace(
      files.key,
      `-----BEGIN PRIVATE KEY-----\n${secrets.plant('a key that is none')}\n-----END PRIVATE KEY-----\n`,
    );
    await eventually('the users file is broken', () => gyre.said.includes('users before stay'));
    await eventually('the key is broken', () =>
      /certificate[^\n]*stay|before stays|cannot be used/.test(gyre.said.replace(/users file[^\n]*/g, '')),
    );
    replace(users, `ann:${ofFile}\n`);
    await eventually('a user is there twice', () => gyre.said.includes('and in'));

    // The admin listener: all it shows to who has the token, and what it tells others.
    const adminPort = Number(/^dashboard: http:\/\/127\.0\.0\.1:(\d+)\//m.exec(gyre.said)![1]);
    const admin = { endpoint: { address: '127.0.0.1', port: adminPort }, token: () => adminToken };
    for (const what of [
      'status',
      'pools',
      'egresses',
      'sessions',
      'tunnels',
      'users',
      'config',
      'log?limit=1000',
    ]) {
      const { status, text } = await askAdmin(admin, `/api/v1/${what}`);
      assert.equal(status, 200);
      heard += text;
      heard += (await askAdmin(admin, `/api/v1/${what}`, { token: wrong.slice(1) })).text;
    }
    heard += (await askAdmin(admin, '/metrics')).text;
    heard += (await askAdmin(admin, '/api/v1/config/reload', { method: 'POST' })).text;
    heard += (await askAdmin(admin, `/api/v1/tunnels?${adminToken}=${adminToken}`)).status;

    // The pool.
    pool.answering = (_, response) => response.writeHead(401, { location: `/?${query}` }).end(query);
    const commandLine = gyre.commandLine;
    await gyre[Symbol.asyncDispose]();
    const outputs = {
      'the log': gyre.said,
      'the access log': readFileSync(access, 'utf8'),
      'a reply': heard,
      ps: commandLine,
    };
    assert.ok(secrets.names.length >= 20, `${secrets.names.length}`);
    for (const [where, text] of Object.entries(outputs)) {
      assert.ok(text.length > 0);
      assert.deepEqual(secrets.in(text), [], where);
    }
    const judged = [
      await run(['check', '--config', config], env),
      await run(['check', '--json', '--config', config], env),
    ];
    for (const { stdout, stderr } of judged)
      assert.deepEqual(secrets.in(stdout + stderr), [], stdout + stderr);
  });

  test('of flags and variables: in the list of processes, and when they are wrong', async () => {
    const secrets = new Secrets();
    await using pool = await ListServer.listen();
    pool.serve('127.0.0.2\n');
    const [flag, variable, legacy, token] = ['--user', 'GYRE_USER', 'PROXY_PASS', 'a pool'].map((name) =>
      secrets.plant(name),
    );
    const url = pool.url(`/list?token=${token}`);
    const flags = ['--listen', '127.0.0.1:0', '--workers', '0', '--log-level', 'debug'];
    for (const [args, env] of [
      [['--pool', url, '--user', `ann:${flag}`, `--user=bob:${flag}`], {}],
      [[`--pool=${url}`], { GYRE_USER: `ann:${variable}` }],
      [[], { GYRE_POOL: url, PROXY_USER: 'ann', PROXY_PASS: legacy! }],
    ] as const) {
      await using gyre = new Watched(['serve', ...flags, ...args], env);
      await gyre.port();
      assert.deepEqual(secrets.in(gyre.commandLine), []);
      assert.match(gyre.commandLine, /serve/);
      await gyre[Symbol.asyncDispose]();
      assert.deepEqual(secrets.in(gyre.said), [], gyre.said);
      const judged = await run(['check', ...flags.slice(2, 4), ...args, '--json'], env);
      assert.deepEqual(secrets.in(judged.stdout + judged.stderr), [], judged.stdout);
    }
    const dead = `http://reader:${token}@127.0.0.1:${await closedPort()}/?token=${token}`;
    const wrong: readonly (readonly [readonly string[], Record<string, string>?])[] = [
      [['--pool', '127.0.0.2', '--user', flag!]],
      [['--pool', '127.0.0.2', '--user', `:${flag}`]],
      [['--pool', '127.0.0.2', '--user', `ann:${flag}`, '--user', `ann:${flag}`]],
      [['--pool', '127.0.0.2'], { GYRE_USER: variable! }],
      [['--pool', '127.0.0.2'], { GYRE_USER: `\u0001:${variable}` }],
      [['--pool', '127.0.0.2'], { PROXY_PASS: legacy! }],
      [['--pool', '127.0.0.2'], { PROXY_USER: 'a:b', PROXY_PASS: legacy! }],
      [['--pool', '127.0.0.2'], { GYRE_PASSWORD: variable! }],
      [['--pool', dead]],
      [['--pool', `${dead}*0`]],
      [['--pool', `ftp://reader:${token}@x/${token}`]],
      [['--pool', `http://reader:${token}@/${token}`]],
      [['--pool', `https://reader:${token}@127.0.0.1:99999/`]],
      [['--pool', `exec:/no/such/program ${token}`]],
      [['--pool', `exec:/bin/sh -c 'exit 1' ${token}`]],
      [['--pool', '127.0.0.2', '--tls-key', `-----BEGIN PRIVATE KEY----- ${token}`]],
    ];
    const told: string[] = [];
    const judge = async (args: readonly string[], env?: Record<string, string>): Promise<void> => {
      const { stdout, stderr } = await run(args, { GYRE_WORKERS: '0', ...env });
      if (secrets.in(stdout + stderr).length > 0) told.push(`${args.join(' ')}\n${stdout}${stderr}`);
    };
    for (const [args, env] of wrong) {
      await judge(['check', ...args], env);
      // One more mistake, so that it ends by itself.
      await judge(['serve', '--every', 'never', ...args], env);
    }
    for (const args of [
      ['prove', '--proxy', `http://ann:${flag}@127.0.0.1:${await closedPort()}`],
      ['prove', '--user', `ann:${flag}`, '--proxy', `127.0.0.1:${await closedPort()}`],
      ['prove', '--user', flag!],
      ['prove', '--target', `ftp://ann:${token}@x/?${token}`],
      ['pool', 'expand', dead],
    ]) {
      await judge(args);
    }
    assert.deepEqual(told, []);
    const hashed = await run(['hash-password'], {}, `${secrets.plant('a password to be hashed')}\n`);
    assert.deepEqual(secrets.in(hashed.stdout + hashed.stderr), []);
  });

  test('of words that are no options', async () => {
    const secrets = new Secrets();
    const login = `ann:${secrets.plant('a password')}`;
    for (const args of [
      ['serve', '--pool', '127.0.0.2', '--usr', login],
      ['serve', '--pool', '127.0.0.2', `--usr=${login}`],
      ['serve', '--pool', '127.0.0.2', login],
      ['check', '--pool', '127.0.0.2', '--listen', `${login}@127.0.0.1:1080`],
      ['healthcheck', `${login}@127.0.0.1:1080`],
    ]) {
      const { stdout, stderr } = await run(args);
      assert.deepEqual(secrets.in(stdout + stderr), [], `${args[0]} said: ${stdout}${stderr}`);
    }
  });

  test('of a file with mistakes', async () => {
    const secrets = new Secrets();
    const secret = secrets.plant('a password in the wrong place');
    const number = secrets.keep('a password that looks like a number', '48151623421337420');
    const user = `{name: ann, password: ${secret}}`;
    const wrong = [
      `users: ${secret}`,
      `users: [${secret}]`,
      `users: {ann: ${secret}}`,
      `users: [{name: ann, password: ${number}}]`,
      `users: [{name: ann, passwd: ${secret}}]`,
      `users: [{name: ann, password: {text: ${secret}}}]`,
      `users: [{name: ann, password: ${secret}, passwordHash: ${secret}}]`,
      `users: [{name: ann, passwordHash: ${secret}}]`,
      `users: [{name: ann, passwordHash: '$1$${secret}'}]`,
      `users: [{name: ann, passwordHash: 'ann:$2y$10$${secret}'}]`,
      `users: [{password: ${secret}}]`,
      `users: [${user}, ${user}]`,
      `users: [${user.slice(0, -1)}`,
      `users: [${user}]\nusers: [${user}]`,
      `users: [{name: ann, password: "${secret}}]`,
      `users: [{name: ann, password: *${secret}}]`,
      `users: [{name: ann, password: !${secret} x}]`,
      `users:\n  - name: ann\n  password: ${secret}`,
      `password: ${secret}`,
      `userCheck: 'http://ann:${secret}@x/'`,
      `userCheck: {url: 'ftp://ann:${secret}@x/?${secret}'}`,
      `userCheck: {url: 'http://ann:${secret}@:x/'}`,
      `userCheck: {url: 'http://ann:${secret}@192.0.2.1/?${secret}'}`,
      `userCheck: {url: 'http://127.0.0.1/', token: ${secret}}`,
      `tls: {key: "-----BEGIN PRIVATE KEY-----\\n${secret}"}`,
      `pools: {de: 'https://ann:${secret}@x:y/${secret}'}`,
      `admin: {listen: 127.0.0.1:0, token: 'a ${secret}'}`,
      `admin: {listen: 127.0.0.1:0, token: [${secret}]}`,
      `admin: {listen: 127.0.0.1:0, cors: [https://ops.example], tokn: ${secret}}`,
      `usersFile: [${secret}]`,
    ];
    for (const [i, text] of wrong.entries()) {
      const file = path(`wrong-${i}.yaml`);
      writeFileSync(file, `pool: 127.0.0.2\nworkers: 0\n${text}\n`);
      const said = await Promise.all(
        [['check'], ['check', '--json']].map((verb) => run([...verb, '--config', file])),
      );
      for (const { stdout, stderr } of said)
        assert.deepEqual(secrets.in(stdout + stderr), [], `${text}\n${stdout}${stderr}`);
    }
  });

  test('of a library: what it throws, and what it shows of itself', async () => {
    const secrets = new Secrets();
    const [password, hash] = [secrets.plant('a password'), secrets.keep('a hash', bcrypt.hashSync('x', 4))];
    const show = (value: unknown): string => inspect(value, { depth: 20, showHidden: true, getters: true });
    for (const users of [
      [{ name: 'ann', password, passwordHash: hash }],
      [{ name: 'ann', passwordHash: password }],
      [password],
    ]) {
      assert.throws(
        () => defineConfig({ pool: '127.0.0.2', users: users as never }),
        (error: Error) => {
          assert.deepEqual(secrets.in(show(error) + String(error.stack)), []);
          return true;
        },
      );
    }
    await using proxy = await gateway({
      users: [
        { name: 'ann', password },
        { name: 'bob', passwordHash: hash },
      ],
    });
    for (const way of LOGIN_WAYS) {
      using told = await ask(way, { proxy: proxy.endpoints[0]!.port, port: 1, login: `ann:${password}` });
      assert.notEqual(told.word, 'granted');
    }
    const shown = [proxy.stats(), [...proxy.egresses()], proxy.pool, proxy.endpoints, proxy.url, proxy]
      .map(show)
      .join('\n');
    assert.deepEqual(secrets.in(shown), []);
    assert.deepEqual(secrets.in(JSON.stringify(proxy.stats())), []);
  });
});
