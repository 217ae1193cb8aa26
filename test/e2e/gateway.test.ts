import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { Worker } from 'node:worker_threads';
import { createGateway, StartError } from '../../src/index.ts';
import { eventually, gateway, socksTunnel } from '../support/gateway.ts';
import { visit } from '../support/load.ts';
import { Peer, Target } from '../support/peer.ts';

const LOCAL = {
  listen: '127.0.0.1:0',
  pool: '127.0.0.2-127.0.0.9',
  targets: { allowPrivate: true },
} as const;

const refuses = async (port: number): Promise<boolean> => {
  const socket = connect(port, '127.0.0.1');
  const refused = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(false)).once('error', () => resolve(true));
  });
  socket.destroy();
  return refused;
};

test('as a library: it starts, names its URL, and `await using` closes it', async () => {
  await using target = await Target.listen();
  let port: number;
  {
    await using proxy = await createGateway(LOCAL);
    ({ port } = proxy.endpoints[0]!);
    assert.equal(proxy.url, `http://127.0.0.1:${port}`);
    assert.equal(proxy.pool.addresses, 8n);
    const { client } = await socksTunnel(proxy, target.port);
    client.end();
    (await target.accept()).end();
    await client.waitClosed();
  }
  assert.equal(await refuses(port), true);
});

test('a program that closed its gateways ends by itself', async () => {
  const program = `
    import { createGateway } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)};
    for (const workers of [0, 2]) {
      await using gateway = await createGateway({ ...${JSON.stringify(LOCAL)}, workers });
      await gateway.close();
    }
    console.log('closed');
  `;
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], { timeout: 20_000 });
  assert.equal(stdout, 'closed\n');
});

test('wrong options are all named at once', async () => {
  const options = { ...LOCAL, pool: '127.0.0.1/8', timeouts: { idle: '5' } };
  await assert.rejects(createGateway(options), (error: Error & { problems?: unknown[] }) => {
    assert.equal(error.name, 'ConfigError');
    assert.equal(error.problems?.length, 2);
    return true;
  });
});

test('L14: a port that is taken is named, also when both would share it', async () => {
  for (const workers of [0, 2]) {
    await using first = await createGateway({ ...LOCAL, workers });
    const listen = `127.0.0.1:${first.endpoints[0]!.port}`;
    await assert.rejects(createGateway({ ...LOCAL, workers, listen }), (error: Error) => {
      assert.ok(error instanceof StartError);
      assert.equal(error.message, `cannot listen on ${listen}: another program already does`);
      return true;
    });
  }
});

test('an address that is not on the host cannot be listened on', async () => {
  const users = [{ name: 'a', password: 'b' }];
  await assert.rejects(createGateway({ ...LOCAL, users, listen: '203.0.113.1:0', workers: 2 }), {
    name: 'StartError',
    message: 'cannot listen on 203.0.113.1:0: 203.0.113.1 is not an address of this host',
  });
});

test('several listeners serve one pool', async () => {
  await using proxy = await gateway({ listen: ['127.0.0.1:0', '127.0.1.1:0'], workers: 2 });
  await using target = await Target.listen();
  for (const { address, port } of proxy.endpoints) {
    using client = await Peer.connect(port, address);
    client.text(`CONNECT 127.0.0.1:${target.port} HTTP/1.1\r\nHost: x\r\n\r\n`);
    assert.equal((await client.readHttp()).status, 200);
  }
});

test('L1: closing stops accepting at once, and waits for the last tunnel', async () => {
  for (const workers of [0, 2]) {
    await using target = await Target.listen();
    await using proxy = await gateway({ workers, timeouts: { drain: '30s' } });
    const [{ client }, server] = await Promise.all([socksTunnel(proxy, target.port), target.accept()]);
    const closed = proxy.close();
    const { port } = proxy.endpoints[0]!;
    while (!(await refuses(port)));
    client.text('still here');
    assert.equal((await server.read(10)).toString(), 'still here');
    server.end();
    client.end();
    await closed;
    assert.equal(proxy.stats().failures.SHUTTING_DOWN, 0);
  }
});

test('L1, L2: what is left at the drain deadline is cut, and a client in its handshake is told', async () => {
  for (const workers of [0, 2]) {
    await using target = await Target.listen();
    await using proxy = await gateway({ workers });
    const { client } = await socksTunnel(proxy, target.port);
    using waiting = await Peer.connect(proxy.endpoints[0]!.port);
    waiting.text('CONNECT example.com:443 HTTP/1.1\r\n');
    await eventually('both are there', () => proxy.stats().accepted === 2);
    const closed = proxy.close(100);
    assert.equal((await waiting.readHttp()).status, 503);
    await client.rest();
    await closed;
    assert.deepEqual([proxy.stats().active, proxy.stats().failures.SHUTTING_DOWN], [0, 2]);
  }
});

test('L4: a worker thread that dies takes its tunnels only, and another one takes its place', async () => {
  const workers: Worker[] = [];
  const collect = (worker: Worker): void => void workers.push(worker);
  process.on('worker', collect);
  try {
    await using target = await Target.listen();
    await using proxy = await gateway({ workers: 2, log: { level: 'error', access: 'off' } });
    const tunnels = await Promise.all(Array.from({ length: 20 }, () => socksTunnel(proxy, target.port)));
    await workers[0]!.terminate();
    await eventually('a new thread has started', () => workers.length === 3);
    await once(workers[2]!, 'message');
    await eventually(
      'the dead one holds no counter',
      () => proxy.stats().active === tunnels.filter(({ client }) => !client.closed && !client.ended).length,
    );
    const { byAddress } = await visit(proxy, 50, 5);
    assert.equal(
      [...byAddress.values()].reduce((a, b) => a + b, 0),
      50,
    );
  } finally {
    process.off('worker', collect);
  }
});

test('a dual-stack listener shows IPv4 clients by their IPv4 address', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway({ listen: '[::]:0', clients: { allow: ['127.0.0.1/32'] } });
  using client = await Peer.connect(proxy.endpoints[0]!.port);
  client.text(`CONNECT 127.0.0.1:${target.port} HTTP/1.1\r\nHost: x\r\n\r\n`);
  assert.equal((await client.readHttp()).status, 200);
});

test('a client that is not on the allowlist is refused', async () => {
  await using proxy = await gateway({ clients: { allow: ['192.0.2.0/24'] } });
  using client = await Peer.connect(proxy.endpoints[0]!.port);
  client.text('CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n');
  const { status, reason } = await client.readHttp();
  assert.deepEqual([status, reason], [403, 'this client address is not allowed']);
  assert.equal((await client.rest()).length, 0);
  await eventually('it is counted', () => proxy.stats().failures.CLIENT_DENIED === 1);
});

test("G17: the proxy's own listeners are no targets, on whatever address they answer", async () => {
  await using proxy = await gateway({ listen: '[::]:0', pool: '127.0.0.2, ::1', openRelay: true });
  const { port } = proxy.endpoints[0]!;
  for (const host of ['127.0.0.1', '127.0.0.2', '127.9.9.9', '[::1]', '[::ffff:127.0.0.1]', 'localhost']) {
    using client = await Peer.connect(port);
    client.text(`CONNECT ${host}:${port} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const { status, reason } = await client.readHttp();
    assert.deepEqual([status, reason], [403, 'the target is this proxy itself'], host);
  }
});
