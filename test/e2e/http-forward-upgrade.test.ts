import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import type { Gateway } from '../../src/runtime/gateway.ts';
import { eventually, gateway } from '../support/gateway.ts';
import { answer, ask, clientOf, readHead, readMessage } from '../support/http-bytes.ts';
import { Target, type Peer } from '../support/peer.ts';

const OFFER = ['Connection: keep-alive, Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
const AGREED =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n';
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

interface Pair extends AsyncDisposable {
  readonly proxy: Gateway;
  readonly target: Target;
  readonly client: Peer;
  readonly server: Peer;
  /** As the target got it. */
  readonly head: string;
}

/** A client that offers an upgrade, with `early` right behind its head, and the target that has heard the head. */
async function offer(
  early: Buffer = Buffer.alloc(0),
  lines: readonly string[] = OFFER,
  adopt = true,
): Promise<Pair> {
  const stack = new AsyncDisposableStack();
  const target = stack.use(await Target.listen());
  const proxy = stack.use(await gateway({}, adopt));
  const client = stack.use(await clientOf(proxy));
  client.write(
    Buffer.concat([Buffer.from(ask('GET', `http://127.0.0.1:${target.port}/ws`, ...lines)), early]),
  );
  const server = stack.use(await target.accept());
  const head = await readHead(server);
  return { proxy, target, client, server, head, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

for (const adopt of [true, false]) {
  describe(`F17: WebSocket by ${adopt ? 'handles' : 'sockets'}`, () => {
    test('the offer and the 101 go on as they are, but for what is ours', async () => {
      await using pair = await offer(undefined, undefined, adopt);
      const { client, server, head } = pair;
      assert.match(
        head,
        /^GET \/ws HTTP\/1\.1\r\nHost: 127\.0\.0\.1:\d+\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n$/,
      );
      server.text(AGREED);
      const agreed = await readHead(client);
      assert.equal(
        agreed,
        `${AGREED.slice(0, -2)}Proxy-Status: gyre; egress="${server.socket.remoteAddress}"\r\n\r\n`,
      );
    });

    test('frames early and late arrive once, in order, both ways', async () => {
      const up = randomBytes(100_000);
      const down = randomBytes(200_000);
      await using pair = await offer(up.subarray(0, 40_000), undefined, adopt);
      const { proxy, client, server } = pair;
      server.write(Buffer.concat([Buffer.from(AGREED), down.subarray(0, 50_000)]));
      await readHead(client);
      client.write(up.subarray(40_000));
      server.write(down.subarray(50_000));
      assert.equal(sha256(await server.read(up.length)), sha256(up));
      assert.equal(sha256(await client.read(down.length)), sha256(down));
      client.end();
      assert.equal((await server.rest()).length, 0);
      server.text('the other half still speaks');
      server.end();
      assert.equal((await client.rest()).toString(), 'the other half still speaks');
      await eventually('it is accounted', () => proxy.stats().active === 0);
      const { sent, received, tunnels } = proxy.stats();
      assert.deepEqual([tunnels, sent, received], [1, up.length, down.length + 27]);
    });

    test('exactly as many early frames as one read brings, and more behind them', async () => {
      const up = randomBytes(65_536);
      await using pair = await offer(up, undefined, adopt);
      const { client, server } = pair;
      server.text(AGREED);
      await readHead(client);
      assert.equal(sha256(await server.read(up.length)), sha256(up));
      client.text('more');
      assert.equal((await server.read(4)).toString(), 'more');
    });

    test('a reset on one side is one on the other', async () => {
      await using pair = await offer(undefined, undefined, adopt);
      const { proxy, client, server } = pair;
      server.text(AGREED);
      await readHead(client);
      client.reset();
      await server.waitClosed();
      await eventually('it is accounted', () => proxy.stats().failures.CLIENT_RESET === 1);
    });
  });
}

test('F18: 200 is no upgrade: an ordinary answer, then the connection is closed', async () => {
  await using pair = await offer(Buffer.from('early frames'));
  const { client, server, target } = pair;
  server.text(answer('no'));
  const response = await readMessage(client);
  assert.equal(response.body.toString(), 'no');
  assert.ok(response.lines.includes('Connection: close'));
  client.text('GET http://127.0.0.1/ HTTP/1.1\r\nHost: h\r\n\r\n');
  assert.equal((await client.rest()).length, 0);
  client.end();
  server.end();
  await eventually('nothing is left', () => target.connections === 0);
});

test('what is no offer is not passed on as one', async () => {
  const cases = [
    ['Upgrade: websocket'],
    ['Connection: Upgrade'],
    ['Connection: Upgrade', 'Upgrade: H2C'],
    ['Connection: Upgrade', 'Upgrade: h2c-17, websocket'],
  ];
  for (const lines of cases) {
    await using pair = await offer(undefined, lines);
    assert.match(
      pair.head,
      /^GET \/ws HTTP\/1\.1\r\nHost: \S+\r\n(Connection: close\r\n)\r\n$/,
      lines.join(),
    );
    pair.server.text(AGREED);
    assert.equal((await readMessage(pair.client)).status, 502);
  }
});

test('a target that agrees and goes, and a client that goes before it agrees', async () => {
  await using first = await offer();
  first.server.text(AGREED);
  first.server.end();
  await readHead(first.client);
  assert.equal((await first.client.rest()).length, 0);
  first.client.end();
  await eventually('it is accounted', () => first.proxy.stats().active === 0);

  await using second = await offer();
  second.client.reset();
  await second.server.waitClosed();
  await eventually('it is accounted', () => second.proxy.stats().active === 0);
});

test('the tunnel is cut with the others when the gateway closes', async () => {
  const pair = await offer();
  pair.server.text(AGREED);
  await readHead(pair.client);
  await pair.proxy.close();
  assert.equal((await pair.client.rest()).length, 0);
  await pair[Symbol.asyncDispose]();
});
