import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, afterEach, before, suite, test } from 'node:test';
import type {
  CutAnswer,
  EgressView,
  LogLine,
  Page,
  ReloadReport,
  SessionView,
  Status,
  TunnelPage,
  UserView,
} from '../../src/admin/api.ts';
import { adminGyre, type AdminGyre } from '../support/admin-gyre.ts';
import { cleanEnvironment, type Outcome } from '../support/program.ts';
import { GYRE_BIN } from '../support/program-gyre.ts';

const CONFIG = `
pool: 127.0.0.2-127.0.0.5
workers: 1
targets: {allowPrivate: true}
log: {access: off}
timeouts: {drain: 0s}
users:
  - {name: alice, password: pw}
  - {name: bob, password: pw, limits: {quota: 1GB/day}}
`;

/** Ends with this code, says this on standard error, and shows nobody a stack trace. */
function assertFails({ code, stderr, stdout }: Outcome, exitCode: number, message: RegExp): void {
  assert.equal(code, exitCode, stderr);
  assert.match(stderr, message);
  assert.doesNotMatch(stderr, /^ +at /m);
  assert.equal(stdout, '');
}

/** Rows of a table without its titles, as words. */
function rowsOf({ code, stdout, stderr }: Outcome): string[][] {
  assert.equal(code, 0, stderr);
  return stdout
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.split(/ {2,}/));
}

suite('commands that talk to a running gateway', () => {
  let stage: AdminGyre;
  before(async () => (stage = await adminGyre(CONFIG)));
  after(() => stage[Symbol.asyncDispose]());
  afterEach(() => stage.calm());

  test('words that are no verbs end with 2 and what may be meant', async () => {
    assertFails(await stage.run(['tunnels', 'cutt']), 2, /unknown command 'cutt'\n\(Did you mean cut\?\)/);
    assertFails(
      await stage.run(['sessions', 'nonsense']),
      2,
      /unknown command 'nonsense'; there are list, pin, drop/,
    );
    assertFails(await stage.run(['tunnels', '--sort', 'size']), 2, /Allowed choices are age, sent, received/);
    assertFails(await stage.run(['drain', '--deadline', '30']), 2, /30s or 30ms/);
    assertFails(await stage.run(['top', '--interval', '1ms']), 2, /too short/);
  });

  test('status: what the gateway has done, on a screen and as JSON', async () => {
    const { client, remote } = await stage.tunnel('alice');
    client.text('x'.repeat(3000));
    await remote.read(3000);
    remote.text('y'.repeat(50));
    await client.read(50);
    await assert.rejects(stage.tunnel('mallory'));
    const { code, stdout, stderr } = await stage.run(['status']);
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^gyre \S+ {2}ready {2}up \d+s/);
    assert.match(stdout, new RegExp(`^listens on +127\\.0\\.0\\.1:${stage.process.port}$`, 'm'));
    assert.match(stdout, /^connections +1 active, .* 2 accepted: socks5 1$/m);
    assert.match(stdout, /^up +.*, 3\.0 kB in all$/m);
    assert.match(stdout, /^down +.*, 50 B in all$/m);
    assert.match(stdout, /^users +2 known$/m);
    assert.match(stdout, /^default +4 +.* 1 +127\.0\.0\.2-127\.0\.0\.5$/m);
    assert.match(stdout, /^ +0 {2}serving +\d+s +1 /m);
    assert.match(stdout, /^BAD_CREDENTIALS +1 {2}client/m);
    const status = await stage.json<Status>(['status']);
    assert.deepEqual(
      [status.state, status.totals.active, status.totals.accepted, status.config.file],
      ['ready', 1, 2, stage.file],
    );
  });

  test('tunnels: listed by filter, cut by filter, and never all by mistake', async () => {
    const alice = await stage.tunnel('alice');
    const bob = await stage.tunnel('bob');
    const port = `127.0.0.1:${stage.target.port}`;
    const [row, ...others] = rowsOf(await stage.run(['tunnels', '--user', 'alice']));
    assert.deepEqual(others, []);
    assert.deepEqual(row!.slice(3, 6), ['alice', 'socks5', port]);
    assert.equal(rowsOf(await stage.run(['tunnels', 'list', '--target', port])).length, 2);
    assert.equal(rowsOf(await stage.run(['tunnels', '--inbound', 'socks4'])).length, 0);
    const limited = await stage.run(['tunnels', '--limit', '1']);
    assert.match(limited.stderr, /1 more tunnel; see --limit/);
    const { items } = await stage.json<TunnelPage>(['tunnels', '--filter', 'BOB']);
    assert.deepEqual(
      items.map(({ user }) => user),
      ['bob'],
    );

    assertFails(await stage.run(['tunnels', 'cut']), 2, /wants to know which ones\n.*--all/);
    assertFails(await stage.run(['tunnels', 'cut', '--all', '--user', 'bob']), 2, /contradict/);
    assertFails(await stage.run(['tunnels', 'cut', '--user', '']), 2, /--user is empty/);
    assert.equal(
      (await stage.run(['tunnels', 'cut', '--user', 'carol'])).stdout,
      'no tunnel matches: none was cut\n',
    );
    assert.equal((await stage.run(['tunnels', 'cut', '--id', items[0]!.id])).stdout, '1 tunnel cut\n');
    await bob.client.rest();
    assert.equal(alice.client.ended, false);
    assert.deepEqual(await stage.json<CutAnswer>(['tunnels', 'cut', '--all']), { cut: 1 });
    await alice.client.rest();
  });

  test('pool: listed, drained, taken back, ejected and probed', async () => {
    const state = async (address: string): Promise<string> => {
      const page = await stage.json<Page<EgressView>>(['pool', 'list', '--filter', address]);
      return page.items.map((egress) => `${egress.state} ${egress.byHand}`).join();
    };
    assert.equal(rowsOf(await stage.run(['pool', 'list'])).length, 4);
    const drained = rowsOf(await stage.run(['pool', 'drain', '127.0.0.2', '127.0.0.3']));
    assert.deepEqual(
      drained.map((row) => row.slice(0, 2)),
      [
        ['127.0.0.2', 'draining'],
        ['127.0.0.3', 'draining'],
      ],
    );
    assert.equal(await state('127.0.0.3'), 'draining drain');
    assert.equal(
      rowsOf(await stage.run(['pool', 'list', '--state', 'draining', '--pool', 'default'])).length,
      2,
    );
    for (let turn = 0; turn < 4; turn++) await stage.tunnel('alice');
    const page = await stage.json<Page<EgressView>>(['pool', 'list']);
    assert.ok(
      page.items.every(
        ({ state, address, tunnels }) => tunnels === 0 || (state !== 'draining' && /[45]$/.test(address)),
      ),
    );
    const back = await stage.json<readonly EgressView[]>(['pool', 'undrain', '127.0.0.2', '127.0.0.3']);
    assert.deepEqual(
      back.map(({ byHand }) => byHand),
      [null, null],
    );
    assert.match((await stage.json<EgressView>(['pool', 'probe', '127.0.0.4'])).state, /^(up|new)$/);
    assert.equal((await stage.json<EgressView>(['pool', 'eject', '127.0.0.5'])).byHand, 'eject');
    await stage.run(['pool', 'undrain', '127.0.0.5']);
    assertFails(await stage.run(['pool', 'drain', '192.0.2.77']), 1, /192\.0\.2\.77/);
    assertFails(await stage.run(['pool', 'list', '--pool', 'nowhere']), 1, /nowhere/);
  });

  test('sessions: listed, pinned and dropped', async () => {
    await stage.tunnel('alice-session-cart1');
    const [session] = (await stage.json<Page<SessionView>>(['sessions'])).items;
    assert.deepEqual([session?.user, session?.id, session?.pool], ['alice', 'cart1', 'default']);
    const other = session!.egress === '127.0.0.2' ? '127.0.0.4' : '127.0.0.2';
    const [pinned] = rowsOf(await stage.run(['sessions', 'pin', session!.key, other]));
    assert.deepEqual(pinned!.slice(0, 6), [session!.key, 'user', 'alice', 'cart1', 'default', other]);
    assertFails(await stage.run(['sessions', 'pin', session!.key, '192.0.2.77']), 1, /192\.0\.2\.77/);
    const dropped = await stage.run(['sessions', 'drop', session!.key]);
    assert.deepEqual([dropped.code, dropped.stdout], [0, 'the session is forgotten\n']);
    assert.deepEqual(rowsOf(await stage.run(['sessions'])), []);
    assertFails(await stage.run(['sessions', 'drop', session!.key]), 1, /session/);
  });

  test('users: with connections and quotas', async () => {
    await stage.tunnel('bob');
    const rows = rowsOf(await stage.run(['users']));
    assert.deepEqual(
      rows.map(([name]) => name),
      ['alice', 'bob'],
    );
    assert.match(rows[1]!.join('  '), /^bob {2}config .* 1 {2}\d.* of 1\.0 GB a day {2}never$/);
    const page = await stage.json<Page<UserView>>(['users', '--filter', 'ali']);
    assert.deepEqual(
      page.items.map(({ name }) => name),
      ['alice'],
    );
  });

  test('reload: what has changed; or file, line and column, 78, and nothing', async () => {
    stage.write(`${CONFIG}  - {name: carol, password: pw}\n`);
    const done = await stage.run(['reload']);
    assert.deepEqual([done.code, done.stderr], [0, '']);
    assert.match(done.stdout, /^reloaded:\n {2}\+ users\.carol/);
    assert.doesNotMatch(done.stdout, /pw/);
    stage.write(`${CONFIG}wrokers: 2\n`);
    const failed = await stage.run(['reload']);
    assertFails(failed, 78, /gyre\.yaml:\d+:1: unknown key "wrokers"\n {2}hint: did you mean workers\?\n/);
    assert.match(failed.stderr, /was not reloaded; the one before is still in use/);
    const json = await stage.run(['reload', '--json']);
    assert.deepEqual([json.code, json.stderr], [78, '']);
    assert.equal((JSON.parse(json.stdout) as ReloadReport).ok, false);
    assert.equal((await stage.json<Page<UserView>>(['users'])).total, 3);
    assert.match((await stage.run(['status'])).stdout, /^last reload +.* by api: failed, 1 problem/m);
    stage.write(CONFIG);
    assert.match((await stage.run(['reload'])).stdout, /- users\.carol/);
    assert.equal((await stage.run(['reload'])).stdout, 'reloaded: nothing has changed\n');
  });

  test('log: the latest lines, and those to come', async () => {
    const lines = await stage.json<readonly LogLine[]>(['log', '--limit', '5']);
    assert.ok(lines.length > 0 && lines.length <= 5);
    const shown = await stage.run(['log', '--limit', '1']);
    assert.match(shown.stdout, /^\d\d:\d\d:\d\d\.\d{3} (error|warn|info|debug) .*\n$/);
    assert.ok(
      (await stage.json<readonly LogLine[]>(['log', '--level', 'error'])).every(
        ({ level }) => level === 'error',
      ),
    );

    const child = spawn(process.execPath, [GYRE_BIN, 'log', '--follow', '--json', '--limit', '1'], {
      env: { ...cleanEnvironment(), ...stage.env, GYRE_ADMIN: stage.admin },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'close');
    const coming = createInterface(child.stdout)[Symbol.asyncIterator]();
    assert.equal(typeof (JSON.parse((await coming.next()).value!) as LogLine).at, 'number');
    await stage.run(['reload']);
    assert.match((JSON.parse((await coming.next()).value!) as LogLine).message, /reload|configuration/i);
    child.kill('SIGINT');
    assert.deepEqual(await ended, [0, null]);
  });

  test('dashboard: the link with the token, which opens the API', async () => {
    const { code, stdout } = await stage.run(['dashboard']);
    assert.equal(code, 0);
    const link = new URL(stdout.trim());
    assert.equal(link.host, stage.admin);
    const [, token] = /^#token=(\S{20,})$/.exec(link.hash)!;
    const answer = await fetch(new URL('/api/v1/status', link), {
      headers: { authorization: `Bearer ${token}` },
    });
    assert.equal(answer.status, 200);
    await answer.arrayBuffer();
    await writeFile(
      join(dirname(stage.file), 'xdg-open'),
      '#!/bin/sh\ncat "$1" >"$0.page"; stat -c %a "$1" >>"$0.page"\n',
      { mode: 0o755 },
    );
    const path = `${dirname(stage.file)}:${cleanEnvironment()['PATH']}`;
    const opened = await stage.run(['dashboard', '--open'], { env: { PATH: path } });
    assert.deepEqual([opened.code, opened.stdout, opened.stderr], [0, stdout, '']);
    const page = await readFile(join(dirname(stage.file), 'xdg-open.page'), 'utf8');
    assert.ok(page.includes(`url=${stdout.trim()}"`) && page.endsWith('\n600\n'), page);
    // The link itself is a way to name the listener and the token.
    const elsewhere = { env: { GYRE_ADMIN: '', XDG_RUNTIME_DIR: '' } };
    assert.equal((await stage.run(['status', '--json', '--admin', stdout.trim()], elsewhere)).code, 0);
  });
});

test('drain: the gateway stops taking clients, is not ready, and ends', async () => {
  await using stage = await adminGyre(CONFIG);
  const { client } = await stage.tunnel('alice');
  const { code, stdout } = await stage.run(['drain', '--deadline', '30s']);
  assert.deepEqual([code, stdout], [0, 'the gateway drains: 1 connection may take 30s to end\n']);
  const status = await stage.run(['status', '--json']);
  assert.equal(status.code, 1);
  assert.equal((JSON.parse(status.stdout) as Status).state, 'draining');
  await assert.rejects(stage.tunnel('alice'));
  client.reset();
  while ((await stage.run(['status', '--json'])).stdout !== '');
});
