/** SIGTERM: no new clients at once, nothing lost before the deadline, exit code 0. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { startGateway } from '../../src/runtime/gateway.ts';
import { defineConfig } from '../../src/runtime/config.ts';
import { eventually, gateway, socksRequest, socksTunnel } from '../support/gateway.ts';
import { Peer, Target } from '../support/peer.ts';
import { Serving } from '../support/serving.ts';

const folder = mkdtempSync(join(tmpdir(), 'gyre-stopping-'));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'gyre.yaml');

const TUNNELS = 1000;
const OPTIONS = [
  '--pool',
  '127.0.0.2-127.0.0.9',
  '--allow-private',
  '--access-log',
  'off',
  '--listen',
  '127.0.0.1:0',
];

interface Pair {
  readonly client: Peer;
  readonly far: Peer;
}

const at = (port: number): Parameters<typeof socksTunnel>[0] =>
  ({ endpoints: [{ address: '127.0.0.1', port }] }) as unknown as Parameters<typeof socksTunnel>[0];

async function pairs(port: number, target: Target, count: number): Promise<Pair[]> {
  const all: Pair[] = [];
  for (let i = 0; i < count; i++) {
    const { client } = await socksTunnel(at(port), target.port);
    all.push({ client, far: await target.accept() });
  }
  return all;
}

async function carries({ client, far }: Pair): Promise<void> {
  client.text('ping');
  assert.equal((await far.read(4)).toString(), 'ping');
  far.text('pong');
  assert.equal((await client.read(4)).toString(), 'pong');
}

function refused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
    socket.once('connect', () => (socket.destroy(), resolve(false)));
  });
}

suite('SIGTERM', () => {
  test(`L1: with ${TUNNELS} live tunnels loses none of them, refuses new ones, and ends with 0`, async () => {
    await using target = await Target.listen();
    await using serving = new Serving([...OPTIONS, '--workers', '2']);
    const port = await serving.port();
    const all = await pairs(port, target, TUNNELS);
    serving.child.kill('SIGTERM');
    await serving.says(/^gyre stopping: 1,000 connections may take 30 s to end/m);
    await eventually('nobody is accepted any more', () => refused(port));
    for (const pair of all) await carries(pair);
    for (const { client, far } of all) {
      client.end();
      far.end();
    }
    await Promise.all(all.map(({ client }) => client.waitClosed()));
    assert.deepEqual(
      all.filter(({ client, far }) => (client.error ?? far.error) !== undefined),
      [],
    );
    assert.equal(await serving.exited, 0);
  });

  test('L3: what is left at the deadline is cut, and a signal in between leaves at once', async () => {
    await using target = await Target.listen();
    for (const [drain, code] of [
      ['3s', 0],
      ['10m', 143],
    ] as const) {
      writeFileSync(file, `timeouts: {drain: ${drain}}\n`);
      await using serving = new Serving([...OPTIONS, '--workers', '2', '--config', file]);
      const all = await pairs(await serving.port(), target, 50);
      serving.child.kill('SIGTERM');
      await serving.says(/^gyre stopping: 50 connections/m);
      for (const pair of all) await carries(pair);
      // One too close to the first counts as its echo, so press until it is heard.
      const press = setInterval(() => code !== 0 && serving.child.kill('SIGTERM'), 50);
      assert.equal(await serving.exited, code);
      clearInterval(press);
      for (const { client, far } of all) {
        await client.rest();
        await far.rest();
        client.end();
        far.end();
      }
    }
  });

  test('L2: a handshake under way becomes a tunnel, or is answered', async () => {
    await using target = await Target.listen();
    for (const workers of [0, 2]) {
      await using proxy = await gateway({ workers });
      const { port } = proxy.endpoints[0]!;
      const finishing = await Peer.connect(port);
      finishing.write('05 01 00');
      await finishing.read(2);
      const lingering = await Peer.connect(port);
      lingering.text('CONNECT example.com:443 HTTP/1.1\r\n');
      await eventually('both are there', () => proxy.stats().accepted === 2);
      const closed = proxy.close(2000);
      await eventually('nobody is accepted any more', () => refused(port));
      finishing.write(socksRequest(target.port));
      assert.equal((await finishing.read(10))[1], 0);
      await carries({ client: finishing, far: await target.accept() });
      assert.equal((await lingering.readHttp()).status, 503);
      await finishing.rest();
      finishing.end();
      lingering.end();
      await closed;
    }
  });

  test('L2: who waits to be accepted when the listener closes is served', async () => {
    await using target = await Target.listen();
    const proxy = await startGateway(
      defineConfig({
        listen: '127.0.0.1:0',
        pool: '127.0.0.2',
        workers: 0,
        targets: { allowPrivate: true },
        log: { level: 'error', access: 'off' },
      }),
    );
    const { port } = proxy.endpoints[0]!;
    const waiting = Array.from({ length: 30 }, () =>
      connect({ port, host: '127.0.0.1', allowHalfOpen: true }),
    );
    const peers = waiting.map((socket) => new Peer(socket));
    // The handshake is the kernel's: all of them are in the queue before this thread accepts the first.
    await new Promise((resolve) => waiting[0]!.once('connect', resolve));
    const closed = proxy.close();
    for (const peer of peers) {
      peer.write('05 01 00');
      assert.equal(await peer.readHex(2), '0500');
      peer.write(socksRequest(target.port));
      assert.equal((await peer.read(10))[1], 0);
      const far = await target.accept();
      peer.end();
      far.end();
      await peer.waitClosed();
    }
    await closed;
    assert.equal(proxy.stats().accepted, 30);
  });

  test('the ready probe goes down before anything else', async () => {
    await using target = await Target.listen();
    await using proxy = await gateway({ workers: 2, admin: '127.0.0.1:0' });
    const probe = async (): Promise<number> =>
      (await fetch(`http://127.0.0.1:${proxy.admin!.port}/readyz`, { headers: { connection: 'close' } }))
        .status;
    const { client } = await socksTunnel(proxy, target.port);
    const far = await target.accept();
    assert.equal(await probe(), 200);
    const closed = proxy.close(10_000);
    assert.equal(proxy.state, 'draining');
    assert.equal(await probe(), 503);
    await carries({ client, far });
    client.end();
    far.end();
    await closed;
  });
});
