import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually, gateway, socksTunnel } from '../support/gateway.ts';
import { visit } from '../support/load.ts';
import { closedPort, Peer, Target } from '../support/peer.ts';

async function inFolder(run: (file: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'gyre-access-'));
  try {
    await run(join(folder, 'access.log'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('one line a connection says who, where to, from where, how long, how much, and how it ended', async () => {
  await inFolder(async (access) => {
    await using target = await Target.listen();
    const dead = await closedPort();
    {
      const users = [{ name: 'alice', password: 's3cret-pass' }];
      await using proxy = await gateway({ users, pool: '127.0.0.7', log: { access, format: 'json' } });
      const basic = `Proxy-Authorization: Basic ${Buffer.from('alice:s3cret-pass').toString('base64')}`;
      for (const port of [target.port, dead]) {
        using client = await Peer.connect(proxy.endpoints[0]!.port);
        client.text(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: x\r\n${basic}\r\n\r\n`);
        const { status } = await client.readHttp();
        if (status !== 200) continue;
        const server = await target.accept();
        client.text('12345');
        await server.read(5);
        server.text('123');
        server.end();
        await client.rest();
        client.end();
        await client.waitClosed();
      }
      using stranger = await Peer.connect(proxy.endpoints[0]!.port);
      stranger.write('05 01 02 01 05 616c696365 05 77726f6e67');
      await stranger.rest();
      await eventually(
        'all three are over',
        () => proxy.stats().active === 0 && proxy.stats().accepted === 3,
      );
    }
    const text = readFileSync(access, 'utf8');
    assert.ok(!text.includes('s3cret-pass') && !text.includes('wrong'));
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const { time, client, id, handshake_ms, resolve_ms, dial_ms, total_ms, ...rest } = lines[0]!;
    assert.match(String(time), /^\d{4}-\d\d-\d\dT/);
    assert.match(String(client), /^127\.0\.0\.1:\d+$/);
    assert.equal(id, '0-1');
    for (const ms of [handshake_ms, resolve_ms, dial_ms, total_ms]) assert.equal(typeof ms, 'number');
    assert.deepEqual(rest, {
      user: 'alice',
      session: null,
      moved: false,
      inbound: 'http-connect',
      target: `127.0.0.1:${target.port}`,
      method: null,
      status: null,
      resolved: '127.0.0.1',
      egress: '127.0.0.7',
      attempts: 1,
      sent: 5,
      received: 3,
      end: 'closed',
      closed_by: 'target',
      blame: null,
      detail: null,
    });
    assert.deepEqual(
      lines.slice(1).map(({ end, blame, attempts, user }) => ({ end, blame, attempts, user })),
      [
        { end: 'TARGET_REFUSED', blame: 'target', attempts: 1, user: 'alice' },
        { end: 'BAD_CREDENTIALS', blame: 'client', attempts: 0, user: null },
      ],
    );
  });
});

test('every connection of all threads has its line', async () => {
  await inFolder(async (access) => {
    {
      await using proxy = await gateway({ workers: 3, log: { access, format: 'json' } });
      await visit(proxy, 500, 10);
      await eventually('all are over', () => proxy.stats().tunnels === 500);
    }
    const ids = readFileSync(access, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { id: string }).id);
    assert.equal(ids.length, 500);
    assert.equal(new Set(ids).size, 500);
  });
});

test('L9: a full log target costs lines, counted, and no connection', async () => {
  await using target = await Target.listen((socket) => socket.end());
  await using proxy = await gateway({ log: { access: '/dev/full', format: 'json' } });
  for (let i = 0; i < 20; i++) {
    const { client } = await socksTunnel(proxy, target.port);
    client.end();
    await client.waitClosed();
  }
  await eventually('the lines are counted as dropped', () => proxy.stats().logLinesDropped >= 20);
  assert.equal(proxy.stats().tunnels, 20);
});
