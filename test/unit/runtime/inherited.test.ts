import assert from 'node:assert/strict';
import { once } from 'node:events';
import { fstatSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { handoverVariables, Inherited, ownSockets, takeBirth } from '../../../src/runtime/inherited.ts';

const folder = mkdtempSync(join(tmpdir(), 'gyre-inherited-'));
after(() => rmSync(folder, { recursive: true }));

async function listening(options: object): Promise<Server> {
  const server = createServer().listen(options);
  await once(server, 'listening');
  return server;
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

suite('listening sockets of this process', () => {
  test('are known by their addresses, however those are spelled', async () => {
    const path = join(folder, 'with a space.sock');
    const four = await listening({ host: '127.0.0.9', port: 0, reusePort: true });
    const twin = await listening({ host: '127.0.0.9', port: portOf(four), reusePort: true });
    const six = await listening({ host: '::1', port: 0 });
    const file = await listening({ path: `${path}~` });
    const found = ownSockets([
      { address: '127.0.0.9', port: portOf(four) },
      { address: '0:0::0:1', port: portOf(six) },
      { address: `unix:${path}`, port: 0 },
      { address: '127.0.0.1', port: portOf(four) },
    ]);
    const expected = [`127.0.0.9 ${portOf(four)}`, `127.0.0.9 ${portOf(four)}`, path, `::1 ${portOf(six)}`];
    assert.deepEqual(found.map(({ at }) => at).toSorted(), expected.toSorted());
    assert.equal(new Set(found.map(({ fd }) => fd)).size, 4);
    for (const { fd } of found) assert.ok(fstatSync(fd).isSocket());
    for (const server of [four, twin, six, file]) server.close();
  });
});

suite('what was inherited', () => {
  const sockets = [
    { fd: 10, at: '127.0.0.1 1080' },
    { fd: 11, at: '127.0.0.1 1080' },
    { fd: 12, at: '127.0.0.1 40000' },
    { fd: 13, at: '::1 1080' },
    { fd: 14, at: '/run/gyre.sock' },
    { fd: 15, at: '127.0.0.1 40001' },
  ];

  test('goes to the listener of its address; a port of the kernel may be any that nobody names', async () => {
    const inherited = new Inherited(sockets);
    const found = await inherited.assign([
      { host: '127.0.0.1', port: 0 },
      { host: '127.0.0.1', port: 1080 },
      { host: '0:0::1', port: 1080 },
      { path: '/run/gyre.sock', mode: 0o600 },
      { host: '127.0.0.1', port: 0 },
      { host: '127.0.0.1', port: 0 },
      { host: '127.0.0.2', port: 1080 },
    ]);
    assert.deepEqual(found, [
      { fds: [12], endpoint: { address: '127.0.0.1', port: 40_000 } },
      { fds: [10, 11], endpoint: { address: '127.0.0.1', port: 1080 } },
      { fds: [13], endpoint: { address: '::1', port: 1080 } },
      { fds: [14], endpoint: { address: 'unix:/run/gyre.sock', port: 0 } },
      { fds: [15], endpoint: { address: '127.0.0.1', port: 40_001 } },
      undefined,
      undefined,
    ]);
    assert.deepEqual(inherited.closeRest(), []);
  });

  test('and what belongs to nobody is closed', async () => {
    const fd = openSync('/dev/null', 'r');
    const inherited = new Inherited([{ fd, at: '::1 1080' }]);
    assert.deepEqual(await inherited.assign([{ host: '::', port: 1080 }]), [undefined]);
    assert.deepEqual(inherited.closeRest(), ['::1 port 1080']);
    assert.throws(() => fstatSync(fd), { code: 'EBADF' });
  });
});

suite('the birth of a process', () => {
  test('is told by variables, which are taken away', () => {
    const environment = {
      LISTEN_PID: String(process.pid),
      LISTEN_FDS: '0',
      LISTEN_FDNAMES: 'x',
      PATH: '/bin',
    };
    const { inherited, readyFd } = takeBirth(environment);
    assert.deepEqual([inherited.activated, readyFd], [true, undefined]);
    assert.deepEqual(environment, { PATH: '/bin' });
  });

  test('variables for another process are none', () => {
    const { inherited, readyFd } = takeBirth({
      LISTEN_PID: '1',
      LISTEN_FDS: '2',
      ...handoverVariables(2, true),
    });
    assert.deepEqual([inherited.activated, readyFd], [false, undefined]);
  });

  test('the process before this one says how many there are, and behind them where to report', () => {
    const [name, value] = Object.entries(handoverVariables(0, true))[0]!;
    const { inherited, readyFd } = takeBirth({ [name]: value.replace(/^\d+/, String(process.ppid)) });
    assert.deepEqual([inherited.activated, readyFd], [true, 3]);
  });
});
