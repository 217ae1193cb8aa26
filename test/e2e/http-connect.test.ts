import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, gateway } from '../support/gateway.ts';
import { closedPort, Peer, Target } from '../support/peer.ts';

const USERS = { users: [{ name: 'alice', password: 's3:cret' }] };
const basic = (text: string): string => `Proxy-Authorization: Basic ${Buffer.from(text).toString('base64')}`;
const connect = (authority: string, ...headers: string[]): string =>
  [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`, ...headers, '', ''].join('\r\n');

test('E1: 200 names the egress the target really sees, and nothing follows the head', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway();
  using client = await Peer.connect(proxy.endpoints[0]!.port);
  client.text(connect(`127.0.0.1:${target.port}`));
  const server = await target.accept();
  const { head } = await client.readHttp();
  assert.equal(
    head,
    `HTTP/1.1 200 Connection established\r\nProxy-Status: gyre; egress="${server.socket.remoteAddress}"\r\n\r\n`,
  );
  assert.equal(client.buffered, 0);
  server.text('SSH-2.0-banner');
  assert.equal((await client.read(14)).toString(), 'SSH-2.0-banner');
});

test('E14: bytes right behind the head are delivered once, after the answer', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway();
  using client = await Peer.connect(proxy.endpoints[0]!.port);
  const early = Buffer.alloc(300_000, 'e');
  client.write(Buffer.concat([Buffer.from(connect(`127.0.0.1:${target.port}`)), early]));
  client.end();
  const server = await target.accept();
  assert.ok((await server.rest()).equals(early));
  assert.equal((await client.readHttp()).status, 200);
});

test('byte by byte, and HTTP/1.0 without Host', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway();
  using client = await Peer.connect(proxy.endpoints[0]!.port);
  await client.trickle(Buffer.from(`CONNECT 127.0.0.1:${target.port} HTTP/1.0\r\n\r\n`));
  assert.equal((await client.readHttp()).status, 200);
});

test('E16: 407, and the retry works on the same connection', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway(USERS);
  using client = await Peer.connect(proxy.endpoints[0]!.port);
  client.text(connect(`127.0.0.1:${target.port}`));
  const challenge = await client.readHttp();
  assert.equal(challenge.status, 407);
  assert.match(challenge.head, /\r\nProxy-Authenticate: Basic realm="gyre", charset="UTF-8"\r\n/);
  assert.match(challenge.head, /\r\nConnection: keep-alive\r\n/);
  client.text(connect(`127.0.0.1:${target.port}`, basic('alice:wrong')));
  assert.equal((await client.readHttp()).status, 407);
  client.text(connect(`127.0.0.1:${target.port}`, basic('alice:s3:cret')));
  assert.equal((await client.readHttp()).status, 200);
});

test('guessing on one connection ends after the third wrong login', async () => {
  await using proxy = await gateway(USERS);
  using client = await Peer.connect(proxy.endpoints[0]!.port);
  for (const expected of [/keep-alive/, /keep-alive/, /close/]) {
    client.text(connect('192.0.2.1:80', basic('alice:wrong')));
    assert.match((await client.readHttp()).head, expected);
  }
  assert.equal((await client.rest()).length, 0);
});

test('407 with bytes behind the head closes: they must not be read as a request', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway(USERS);
  using client = await Peer.connect(proxy.endpoints[0]!.port);
  client.text(connect('192.0.2.1:80') + connect(`127.0.0.1:${target.port}`, basic('alice:s3:cret')));
  assert.match((await client.readHttp()).head, /407.*\r\nConnection: close\r\n/s);
  assert.equal((await client.rest()).length, 0);
  assert.equal(target.connections, 0);
});

test('E15: one answer to a CONNECT that fails; what stands behind it is never parsed', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway();
  using client = await Peer.connect(proxy.endpoints[0]!.port);
  client.text(connect(`127.0.0.1:${await closedPort()}`) + connect(`127.0.0.1:${target.port}`));
  assert.equal((await client.readHttp()).status, 502);
  assert.equal((await client.rest()).length, 0);
  assert.equal(target.connections, 0);
});

test('each failure has its status, its reason in the reason phrase, and a Proxy-Status', async () => {
  await using proxy = await gateway();
  await using guarded = await gateway({ targets: { allowPrivate: false } });
  const cases = [
    [
      proxy,
      connect(`127.0.0.1:${await closedPort()}`),
      502,
      'the target refused the connection',
      'connection_refused',
    ],
    [proxy, connect('[::1]:80'), 502, 'no IPv6 egress address in the pool', 'destination_ip_unroutable'],
    [guarded, connect('10.0.0.1:80'), 403, 'the target is a private address', 'destination_ip_prohibited'],
    [proxy, connect('127.1:80'), 403, 'odd spelling of an IPv4 address', 'destination_ip_prohibited'],
    [proxy, connect('a..b:80'), 400, 'the target is not a valid host name', 'http_request_error'],
    [proxy, 'CONNECT h:1 HTTP/1.1\n\n', 400, 'a line does not end in CRLF', 'http_request_error'],
    [proxy, 'CONNECT h:1 HTTP/3.0\r\n\r\n', 505, 'HTTP version not supported', 'http_request_error'],
    [
      proxy,
      `CONNECT h:1 HTTP/1.1\r\nA: ${'x'.repeat(17_000)}\r\n\r\n`,
      431,
      'the request head is too large',
      'http_request_error',
    ],
    [
      proxy,
      'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
      400,
      'this is a proxy, not a web server',
      'http_request_error',
    ],
  ] as const;
  for (const [to, request, status, reason, token] of cases) {
    using client = await Peer.connect(to.endpoints[0]!.port);
    client.text(request);
    const answer = await client.readHttp();
    assert.deepEqual([answer.status, answer.reason, answer.body], [status, reason, `${reason}\n`]);
    assert.ok(
      answer.head.includes(`\r\nProxy-Status: gyre; error=${token}; details="${reason}"\r\n`),
      answer.head,
    );
    assert.equal((await client.rest()).length, 0);
    assert.equal(client.error, undefined);
  }
});

test('E26: the answer can be read although the client is still sending', async () => {
  await using proxy = await gateway();
  using client = await Peer.connect(proxy.endpoints[0]!.port);
  client.text('CONNECT h HTTP/1.1\r\nHost: h\r\n\r\n');
  for (let i = 0; i < 64; i++) client.write(Buffer.alloc(16_384, 'x'));
  assert.equal((await client.readHttp()).status, 400);
  assert.equal((await client.rest()).length, 0);
});

test('a request that does not arrive in time is told so', async () => {
  await using proxy = await gateway({ timeouts: { handshake: '200ms' } });
  using client = await Peer.connect(proxy.endpoints[0]!.port);
  client.text('CONNECT example.com:443 HTTP/1.1\r\nHost');
  const { status, reason } = await client.readHttp();
  assert.deepEqual([status, reason], [408, 'the request did not arrive in time']);
});

test('a pool that became empty is said at once', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway();
  await proxy.replacePool([]);
  for (const host of ['127.0.0.1', 'localhost']) {
    using client = await Peer.connect(proxy.endpoints[0]!.port);
    client.text(connect(`${host}:${target.port}`));
    const { status, reason, head } = await client.readHttp();
    assert.deepEqual([status, reason], [503, 'no egress address available']);
    assert.match(head, /\r\nRetry-After: 5\r\n/);
  }
  await proxy.replacePool(['127.0.0.7']);
  using client = await Peer.connect(proxy.endpoints[0]!.port);
  client.text(connect(`127.0.0.1:${target.port}`));
  assert.match((await client.readHttp()).head, /egress="127\.0\.0\.7"/);
  await eventually('both refusals are accounted', () => proxy.stats().failures.NO_EGRESS === 2);
});
