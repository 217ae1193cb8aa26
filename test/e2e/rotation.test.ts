import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Gateway } from '../../src/runtime/gateway.ts';
import { eventually, gateway, socksTunnel } from '../support/gateway.ts';
import { visit } from '../support/load.ts';
import { closedPort, Peer, Target } from '../support/peer.ts';

const POOL_OF_8 = Array.from({ length: 8 }, (_, i) => `127.0.0.${i + 2}`);

test('1,000 connections over 8 addresses and 4 threads: exactly 125 each', async () => {
  await using proxy = await gateway({ cursor: 'global', workers: 4 });
  const { byAddress, wrong } = await visit(proxy, 1000, 20);
  assert.deepEqual(
    Object.fromEntries(byAddress),
    Object.fromEntries(POOL_OF_8.map((address) => [address, 125])),
  );
  assert.equal(wrong, 0);
  await eventually('all are accounted', () => proxy.stats().tunnels === 1000);
});

test('one client after the other sees A, B, C, D, A, B', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway({ cursor: 'global', pool: '127.0.0.2-127.0.0.5' });
  const seen: string[] = [];
  for (let i = 0; i < 6; i++) {
    const { client, bound } = await socksTunnel(proxy, target.port);
    seen.push(bound.address);
    client.reset();
  }
  assert.deepEqual(seen, ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5', '127.0.0.2', '127.0.0.3']);
});

test('two clients that alternate between two hosts over two addresses reach both addresses on both hosts', async () => {
  await using proxy = await gateway({ pool: '127.0.0.2, 127.0.0.3', workers: 2 });
  await using first = await Target.listen(undefined, '127.0.1.1');
  await using second = await Target.listen(undefined, '127.0.1.2');
  const seen = new Map<Target, Set<string>>([
    [first, new Set()],
    [second, new Set()],
  ]);
  for (let i = 0; i < 4; i++) {
    for (const [target, host] of [
      [first, '127.0.1.1'],
      [second, '127.0.1.2'],
    ] as const) {
      seen.get(target)!.add(await egressTo(proxy, host, target.port));
    }
  }
  for (const addresses of seen.values()) assert.deepEqual([...addresses].sort(), ['127.0.0.2', '127.0.0.3']);
});

async function egressTo(proxy: Gateway, host: string, port: number): Promise<string> {
  using client = await Peer.connect(proxy.endpoints[0]!.port);
  client.text(`CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`);
  const { head } = await client.readHttp();
  return /egress="([^"]+)"/.exec(head)?.[1] ?? head;
}

test('an address that is not on the host costs nobody a connection', async () => {
  await using proxy = await gateway({
    pool: '203.0.113.1, 127.0.0.2, 203.0.113.2, 127.0.0.3',
    cursor: 'global',
  });
  const { byAddress, wrong } = await visit(proxy, 40, 4);
  assert.deepEqual([...byAddress.keys()].sort(), ['127.0.0.2', '127.0.0.3']);
  // Turns are exact again as soon as the dead addresses are out.
  for (const times of byAddress.values()) assert.ok(times >= 15 && times <= 25, String(times));
  assert.equal(wrong, 0);
});

test('a pool of addresses that are not on the host leaves from nowhere', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway({ pool: '203.0.113.0/29' });
  const { port } = target;
  await assert.rejects(socksTunnel(proxy, port), /REP 1/);
  assert.equal(target.connections, 0);
  assert.match(
    await egressTo(proxy, '127.0.0.1', port),
    /^HTTP\/1\.1 503 the egress address is not on this host/,
  );
});

test('a target that refuses is asked once, from one address', async () => {
  await using proxy = await gateway();
  const lines: string[] = [];
  const dead = await closedPort();
  for (let i = 0; i < 5; i++) lines.push(await egressTo(proxy, '127.0.0.1', dead));
  assert.ok(lines.every((line) => line.startsWith('HTTP/1.1 502 the target refused the connection')));
  assert.equal(proxy.stats().failures.TARGET_REFUSED, 5);
});

test('another pool serves new connections at once, and live tunnels keep their egress', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway({ pool: '127.0.0.2', workers: 2 });
  const [{ client, bound }, server] = await Promise.all([socksTunnel(proxy, target.port), target.accept()]);
  assert.equal(bound.address, '127.0.0.2');
  assert.equal((await proxy.replacePool(['127.0.0.100-127.0.0.103'])).addresses, 4n);
  const { byAddress } = await visit(proxy, 8, 2);
  assert.ok(
    [...byAddress.keys()].every((address) => /^127\.0\.0\.10[0-3]$/.test(address)),
    [...byAddress.keys()].join(),
  );
  client.text('still here');
  assert.equal((await server.read(10)).toString(), 'still here');
  await assert.rejects(proxy.replacePool(['127.0.0.1/24']), { name: 'PoolError' });
  assert.equal(proxy.pool.addresses, 4n);
});

test('every egress can be looked at: its state, live tunnels and free ports', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway({ pool: '127.0.0.2, 203.0.113.1', cursor: 'global', workers: 2 });
  const held = await Promise.all(Array.from({ length: 6 }, () => socksTunnel(proxy, target.port)));
  const look = () => new Map([...proxy.egresses()].map((egress) => [egress.address, egress]));
  await eventually('the dead one is down', () => look().get('203.0.113.1')?.state === 'down');
  const before = look().get('127.0.0.2')!;
  assert.deepEqual([before.state, before.tunnels, before.pool], ['up', 6, 'default']);
  for (const { client } of held) client.reset();
  await eventually('the tunnels are given back', () => look().get('127.0.0.2')!.tunnels === 0);
  assert.equal(look().get('127.0.0.2')!.freePorts, before.freePorts! + 6);
  assert.equal(look().get('203.0.113.1')!.tunnels, 0);
});
