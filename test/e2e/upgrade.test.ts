/** A new process takes the place of a running one: same sockets, nobody refused; and what happens when it cannot. */
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { eventually, socksTunnel } from '../support/gateway.ts';
import { Peer, Target } from '../support/peer.ts';
import { runProgram, type Outcome } from '../support/program.ts';
import { GYRE_BIN } from '../support/program-gyre.ts';
import { Serving } from '../support/serving.ts';

const folder = mkdtempSync(join(tmpdir(), 'gyre-upgrade-'));
after(() => rmSync(folder, { recursive: true }));

const BASIS = [
  '--pool',
  '127.0.0.2-127.0.0.5',
  '--allow-private',
  '--access-log',
  'off',
  '--log-level',
  'info',
];

const tunnel = (port: number, target: Target): ReturnType<typeof socksTunnel> =>
  socksTunnel(
    { endpoints: [{ address: '127.0.0.1', port }] } as unknown as Parameters<typeof socksTunnel>[0],
    target.port,
  );

/** Whether a process has a listening socket at that port. */
function listens(pid: number, port: number): boolean {
  const sockets = new Set(
    readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`);
      } catch {
        return '';
      }
    }),
  );
  const end = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = readFileSync('/proc/net/tcp', 'latin1').split('\n');
  return lines.some((line) => {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
    return state === '0A' && local.endsWith(end) && sockets.has(`socket:[${inode}]`);
  });
}

async function reaches(path: string): Promise<boolean> {
  const socket = connect({ path });
  const there = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  });
  socket.destroy();
  return there;
}

suite('an upgrade in place', () => {
  for (const workers of ['0', '2']) {
    test(`L17: tunnels stay, new clients meet the new process (${workers} workers)`, async () => {
      await using target = await Target.listen();
      await using serving = new Serving([...BASIS, '--listen', '127.0.0.1:0', '--workers', workers]);
      const port = await serving.port();
      const old = await tunnel(port, target);
      const oldTarget = await target.accept();
      const pid = await serving.upgrade();
      assert.notEqual(pid, serving.child.pid);
      await eventually('the old process has let go', () => !listens(serving.child.pid!, port));
      assert.equal(serving.child.exitCode, null, 'it waits for its tunnel');
      const fresh = await tunnel(port, target);
      const freshTarget = await target.accept();
      for (const [client, far] of [
        [old.client, oldTarget],
        [fresh.client, freshTarget],
      ] as const) {
        client.text('ping');
        assert.equal((await far.read(4)).toString(), 'ping');
      }
      old.client.end();
      oldTarget.end();
      assert.equal(await serving.exited, 0);
      freshTarget.text('still here');
      assert.equal((await fresh.client.read(10)).toString(), 'still here');
      fresh.client.end();
      freshTarget.end();
    });
  }

  test('more threads than before, and fewer', async () => {
    const file = join(folder, 'threads.yaml');
    const write = (workers: number): void =>
      writeFileSync(
        file,
        `listen: 127.0.0.1:0\npool: 127.0.0.2\nworkers: ${workers}\ntargets: {allowPrivate: true}\nlog: {access: 'off'}\n`,
      );
    write(1);
    await using target = await Target.listen();
    await using serving = new Serving(['--config', file]);
    const port = await serving.port();
    let [said, last] = [serving.stdout.length, 0];
    for (const workers of [3, 2]) {
      write(workers);
      last = await serving.upgrade();
      await serving.says(
        new RegExp(`^gyre ready on 127\\.0\\.0\\.1:${port} .* ${workers} workers$`, 'm'),
        said,
      );
      said = serving.stdout.length;
      for (let i = 0; i < 20; i++) {
        const { client } = await tunnel(port, target);
        (await target.accept()).end();
        client.end();
        await client.waitClosed();
      }
    }
    assert.doesNotMatch(serving.stderr, /belongs to no listener/);
    process.kill(last, 'SIGTERM');
    await eventually('it has ended', () => !existsSync(`/proc/${last}`));
  });

  test('a new process that does not start leaves the old one in place, which says why', async () => {
    const file = join(folder, 'broken.yaml');
    writeFileSync(file, 'listen: 127.0.0.1:0\npool: 127.0.0.2\nworkers: 1\ntargets: {allowPrivate: true}\n');
    await using target = await Target.listen();
    await using serving = new Serving(['--config', file]);
    const port = await serving.port();
    writeFileSync(file, 'listen: 127.0.0.1:0\npool: 127.0.0.2\nworker: 1\n');
    await assert.rejects(serving.upgrade(), /upgrade failed, this process serves on: .*unknown key/);
    const { client } = await tunnel(port, target);
    (await target.accept()).end();
    client.end();
    writeFileSync(file, 'listen: 127.0.0.1:0\npool: 127.0.0.2\nworkers: 1\ntargets: {allowPrivate: true}\n');
    await serving.upgrade();
    assert.equal(await serving.exited, 0);
  });

  test('a listener that is gone is closed, a new one is opened, and a socket file never missing', async () => {
    const file = join(folder, 'listeners.yaml');
    const unix = join(folder, 'gyre.sock');
    const rest = `pool: 127.0.0.2\nworkers: 2\ntargets: {allowPrivate: true}\necho: 127.0.0.1:0\nlog: {access: 'off'}\n`;
    writeFileSync(file, `listen: ['127.0.0.1:0', '[::1]:0', 'unix:${unix}']\n${rest}`);
    await using serving = new Serving(['--config', file]);
    const [, gone] = await serving.says(/^gyre ready on 127\.0\.0\.1:\d+, \[::1\]:(\d+) and unix:/m);
    const { ino } = statSync(unix);
    writeFileSync(file, `listen: ['127.0.0.1:0', 'unix:${unix}', '127.0.0.2:0']\n${rest}`);
    const pid = await serving.upgrade();
    assert.equal(await serving.exited, 0);
    assert.equal(statSync(unix).ino, ino, 'the same socket');
    assert.equal(await reaches(unix), true);
    await serving.complains(/belongs to no listener.*::1 port/);
    const refused = connect({ host: '::1', port: Number(gone) });
    await new Promise<void>((resolve, reject) => {
      refused.once('error', () => resolve()).once('connect', () => reject(new Error('somebody listens')));
    });
    process.kill(pid, 'SIGTERM');
    await eventually('the last one removes it', () => !existsSync(unix));
  });

  test('gyre upgrade waits until the new process answers, or says why there is none', async () => {
    const file = join(folder, 'admin.yaml');
    const rest = "pool: 127.0.0.2\nworkers: 1\nlog: {access: 'off'}\n";
    const socket = join(folder, 'admin.sock');
    writeFileSync(
      file,
      `listen: 127.0.0.1:0\nadmin: {listen: 'unix:${socket}', token: secret-of-a-test}\n${rest}`,
    );
    await using serving = new Serving(['--config', file]);
    await serving.port();
    const gyre = (...args: string[]): Promise<Outcome> =>
      runProgram(process.execPath, [GYRE_BIN, 'upgrade', ...args], {
        env: { GYRE_ADMIN_TOKEN: 'secret-of-a-test' },
      });
    const admin = ['--admin', `unix:${socket}`];
    const first = await gyre(...admin);
    const [, pid] =
      /^process (\d+) \(version \S+\) serves in place of process (\d+)\n$/.exec(first.stdout) ?? [];
    assert.ok(pid !== undefined, first.stdout + first.stderr);
    assert.equal(Number(pid), serving.successors.at(-1));
    assert.equal(await serving.exited, 0);
    writeFileSync(file, 'listen: {}\n');
    const second = await gyre(...admin);
    assert.equal(second.code, 1);
    assert.match(second.stderr, /upgrade failed, this process serves on: /);
    const third = await gyre('--pid', '999999999');
    assert.match(third.stderr, /^gyre: there is no process 999999999 on this host\n {2}hint: /);
    const asked = await gyre('--pid', pid, '--json');
    assert.deepEqual(JSON.parse(asked.stdout), { asked: Number(pid) });
  });

  test('a process that is told to stop meanwhile ends, and the new one with it', async () => {
    const file = join(folder, 'slow.yaml');
    const rest = "workers: 0\ntargets: {allowPrivate: true}\nlog: {access: 'off'}\nlisten: 127.0.0.1:0\n";
    writeFileSync(file, `pool: 127.0.0.2\n${rest}`);
    await using serving = new Serving(['--config', file]);
    const port = await serving.port();
    const mark = join(folder, 'started');
    // A pool that takes longer than anybody waits.
    writeFileSync(file, `pool: 'exec:sh -c "touch ${mark}; sleep 9"'\n${rest}`);
    process.kill(serving.child.pid!, 'SIGUSR2');
    await eventually('the new process has begun', () => existsSync(mark));
    process.kill(serving.child.pid!, 'SIGTERM');
    assert.equal(await serving.exited, 0);
    await eventually('nobody listens any more', async () => {
      using peer = (await Peer.connect(port).catch(() => undefined as never)) ?? { [Symbol.dispose]() {} };
      return peer.socket === undefined;
    });
  });
});
