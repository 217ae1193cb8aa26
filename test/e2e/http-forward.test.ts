import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { hashPassword } from '../../src/policy/password.ts';
import { eventually, gateway, socksRequest } from '../support/gateway.ts';
import { answer, ask, basic, clientOf, readMessage } from '../support/http-bytes.ts';
import { closedPort, Target, type Peer } from '../support/peer.ts';

const USERS = { users: [{ name: 'alice', password: 's3:cret' }] };

/** Answers the next request of a target's next connection; says what it was and where it came from. */
async function serve(
  target: Target,
  response: string = answer('ok'),
): Promise<{ head: string; from: string; peer: Peer }> {
  const peer = await target.accept();
  const { head } = await readMessage(peer);
  peer.text(response);
  return { head, from: peer.socket.remoteAddress!, peer };
}

for (const adopt of [true, false]) {
  describe(`forwarding by ${adopt ? 'handles' : 'sockets'}`, () => {
    test('F1, F2: the origin gets a path, and the Host of the URL whatever the client wrote', async () => {
      await using target = await Target.listen();
      await using proxy = await gateway({}, adopt);
      using client = await clientOf(proxy);
      const origin = `127.0.0.1:${target.port}`;
      client.text(`GET http://${origin}/p?q=1#f HTTP/1.1\r\nA: 1\r\nHost: elsewhere\r\nB: 2\r\n\r\n`);
      const [{ head, from }, response] = await Promise.all([serve(target), readMessage(client)]);
      assert.equal(
        head,
        `GET /p?q=1 HTTP/1.1\r\nA: 1\r\nHost: ${origin}\r\nB: 2\r\nConnection: close\r\n\r\n`,
      );
      assert.equal(
        response.head,
        `HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\nProxy-Status: gyre; egress="${from}"\r\n\r\n`,
      );
      assert.equal(response.body.toString(), 'ok');
    });

    test('every request on one connection is picked for: rotation, and two hosts', async () => {
      await using one = await Target.listen();
      await using two = await Target.listen();
      await using proxy = await gateway({}, adopt);
      using client = await clientOf(proxy);
      const seen = new Set<string>();
      for (let i = 0; i < 8; i++) {
        const target = i % 2 === 0 ? one : two;
        client.text(ask('GET', `http://127.0.0.1:${target.port}/${i}`));
        const [{ from, head }, { head: told }] = await Promise.all([serve(target), readMessage(client)]);
        assert.ok(head.startsWith(`GET /${i} HTTP/1.1\r\nHost: 127.0.0.1:${target.port}\r\n`));
        assert.ok(told.includes(`egress="${from}"`));
        seen.add(from);
      }
      assert.equal(seen.size, 8, 'eight requests leave from eight addresses');
      assert.deepEqual([proxy.stats().accepted, proxy.stats().byInbound['http-forward']], [8, 8]);
    });

    test('F4: pipelined requests are answered in order, the second one not begun before', async () => {
      await using slow = await Target.listen();
      await using fast = await Target.listen();
      await using proxy = await gateway({}, adopt);
      using client = await clientOf(proxy);
      client.text(
        ask('POST', `http://127.0.0.1:${slow.port}/1`, 'Content-Length: 3') +
          'abc' +
          ask('POST', `http://127.0.0.1:${fast.port}/2`, 'Transfer-Encoding: chunked') +
          '2\r\nde\r\n0\r\n\r\n' +
          ask('GET', `http://127.0.0.1:${fast.port}/3`, 'Connection: close'),
      );
      const first = await slow.accept();
      assert.equal((await readMessage(first)).body.toString(), 'abc');
      assert.equal(fast.connections, 0);
      first.text(answer('one'));
      assert.equal((await readMessage(client)).body.toString(), 'one');
      const second = await fast.accept();
      assert.equal((await readMessage(second)).body.toString(), 'de');
      second.text(answer('two'));
      await serve(fast, answer('three'));
      assert.equal((await readMessage(client)).body.toString(), 'two');
      const last = await readMessage(client);
      assert.equal(last.body.toString(), 'three');
      assert.ok(last.lines.includes('Connection: close'));
      assert.equal((await client.rest()).length, 0);
    });

    test('a hundred small requests in one write, and FIN behind them: each gets its answer', async () => {
      await using target = await Target.listen((socket) => {
        socket.on('data', () => socket.end(answer('ok', 'Connection: close')));
      });
      await using proxy = await gateway({}, adopt);
      using client = await clientOf(proxy);
      client.text(ask('GET', `http://127.0.0.1:${target.port}/`).repeat(100));
      client.end();
      for (let i = 0; i < 100; i++) assert.equal((await readMessage(client)).body.toString(), 'ok');
      assert.equal((await client.rest()).length, 0);
      await eventually('nothing is active', () => proxy.stats().active === 0);
      assert.equal(proxy.stats().byInbound['http-forward'], 100);
    });

    test('byte by byte', async () => {
      await using target = await Target.listen();
      await using proxy = await gateway({}, adopt);
      using client = await clientOf(proxy);
      const url = `http://127.0.0.1:${target.port}/`;
      await client.trickle(
        Buffer.from(`${ask('POST', url, 'Transfer-Encoding: chunked')}3\r\nabc\r\n0\r\nX: y\r\n\r\n`),
      );
      const server = await target.accept();
      const { body, trailers } = await readMessage(server);
      assert.deepEqual([body.toString(), trailers], ['abc', ['X: y']]);
      await server.trickle(
        Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'),
      );
      assert.equal((await readMessage(client)).body.toString(), 'ok');
    });

    test('a kept-alive connection may end in a tunnel', async () => {
      await using target = await Target.listen();
      await using proxy = await gateway({}, adopt);
      using client = await clientOf(proxy);
      const authority = `127.0.0.1:${target.port}`;
      client.text(ask('GET', `http://${authority}/`));
      await Promise.all([serve(target), readMessage(client)]);
      client.text(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\nearly`);
      const server = await target.accept();
      assert.equal((await client.readHttp()).status, 200);
      assert.equal((await server.read(5)).toString(), 'early');
      server.text('and back');
      assert.equal((await client.read(8)).toString(), 'and back');
      client.end();
      server.end();
      await eventually('both are accounted', () => proxy.stats().active === 0);
      assert.deepEqual(
        [proxy.stats().byInbound['http-forward'], proxy.stats().byInbound['http-connect']],
        [1, 1],
      );
    });
  });
}

test('F31: an upstream connection is used for one request, and closed', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway();
  using client = await clientOf(proxy);
  for (let i = 0; i < 3; i++) {
    client.text(ask('GET', `http://127.0.0.1:${target.port}/`, 'Connection: keep-alive'));
    const [{ peer, head }] = await Promise.all([serve(target), readMessage(client)]);
    assert.match(head, /\r\nConnection: close\r\n/);
    // The target stays: it is the proxy that ends it.
    await peer.rest();
    peer.end();
  }
  await eventually('no connection is left', () => target.connections === 0);
});

test('every request is authenticated: who logged in once has to say it again', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway(USERS);
  using client = await clientOf(proxy);
  const url = `http://127.0.0.1:${target.port}/`;
  client.text(ask('GET', url));
  const challenge = await readMessage(client);
  assert.equal(challenge.status, 407);
  assert.ok(challenge.lines.includes('Proxy-Authenticate: Basic realm="gyre", charset="UTF-8"'));
  assert.ok(challenge.lines.includes('Connection: keep-alive'));
  client.text(ask('GET', url, basic('alice:s3:cret')));
  const [{ head }, response] = await Promise.all([serve(target), readMessage(client)]);
  assert.equal(response.status, 200);
  assert.doesNotMatch(head, /proxy-auth|alice|s3/i);
  client.text(ask('GET', url));
  assert.equal((await readMessage(client)).status, 407);
  assert.equal(target.connections <= 1, true);
});

test('a password that takes its time: asked for each request, and not waited for when the client leaves', async () => {
  await using target = await Target.listen();
  const passwordHash = await hashPassword('secret');
  await using proxy = await gateway({ users: [{ name: 'bob', passwordHash }] });
  using client = await clientOf(proxy);
  const url = `http://127.0.0.1:${target.port}/`;
  for (let i = 0; i < 2; i++) {
    client.text(ask('GET', url, basic('bob:secret')));
    const [, response] = await Promise.all([serve(target), readMessage(client)]);
    assert.equal(response.status, 200);
  }
  client.text(ask('GET', url, basic('bob:guess')));
  assert.equal((await readMessage(client)).status, 407);
  using leaver = await clientOf(proxy);
  leaver.text(ask('GET', url, basic('bob:another guess')));
  await eventually('it has begun', () => proxy.stats().accepted === 4);
  leaver.reset();
  await eventually('it is accounted', () => proxy.stats().active === 0);
  assert.equal(proxy.stats().failures.CLIENT_RESET, 1);
});

test('F22: a wrong password is in no answer, and guessing ends after the third', async () => {
  await using proxy = await gateway(USERS);
  using client = await clientOf(proxy);
  for (const connection of ['keep-alive', 'keep-alive', 'close']) {
    client.text(ask('GET', 'http://192.0.2.1/', basic('alice:hunter2')));
    const { status, head, body } = await readMessage(client);
    assert.equal(status, 407);
    assert.ok(head.includes(`\r\nConnection: ${connection}\r\n`));
    assert.doesNotMatch(`${head}${body.toString()}`, /hunter2|alice|aHVud/);
  }
  assert.equal((await client.rest()).length, 0);
});

test('E16: 407 with a body on its way closes, and the body is not read as a request', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway(USERS);
  using client = await clientOf(proxy);
  const inner = ask('GET', `http://127.0.0.1:${target.port}/`, basic('alice:s3:cret'));
  client.text(ask('POST', 'http://192.0.2.1/', `Content-Length: ${inner.length + 10}`) + inner);
  const { status, lines } = await readMessage(client);
  assert.deepEqual([status, lines.includes('Connection: close')], [407, true]);
  assert.equal((await client.rest()).length, 0);
  assert.equal(target.connections, 0);

  using second = await clientOf(proxy);
  second.text(ask('POST', 'http://192.0.2.1/', 'Content-Length: 3') + 'abc');
  const whole = await readMessage(second);
  assert.deepEqual([whole.status, whole.lines.includes('Connection: keep-alive')], [407, true]);
});

test('a failure on the way is answered, and the next request is served on the same connection', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway({ targets: { allowPrivate: true } });
  using client = await clientOf(proxy);
  client.text(ask('GET', `http://127.0.0.1:${await closedPort()}/`));
  const refused = await readMessage(client);
  assert.deepEqual([refused.status, refused.body.toString()], [502, 'the target refused the connection\n']);
  assert.ok(
    refused.head.includes('Proxy-Status: gyre; error=connection_refused; details="the target refused'),
  );
  client.text(ask('HEAD', `http://127.0.0.1:${await closedPort()}/`));
  assert.equal((await readMessage(client, 'HEAD')).status, 502);
  client.text(ask('GET', `http://127.0.0.1:${target.port}/`));
  const [, response] = await Promise.all([serve(target), readMessage(client)]);
  assert.equal(response.status, 200);
  await eventually('all are accounted', () => proxy.stats().active === 0);
  assert.equal(proxy.stats().failures.TARGET_REFUSED, 2);
});

test('the same port still speaks SOCKS, and the guard judges forwarded requests as tunnels', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway({ targets: { allowPrivate: false } });
  for (const host of [
    '127.0.0.1',
    'localhost',
    '[::ffff:7f00:1]',
    '2130706433',
    '127.1',
    '169.254.169.254',
  ]) {
    using client = await clientOf(proxy);
    client.text(`GET http://${host}:${target.port}/ HTTP/1.1\r\nHost: x\r\n\r\n`);
    assert.equal((await readMessage(client)).status, 403, host);
  }
  using client = await clientOf(proxy);
  client.write('05 01 00');
  assert.equal(await client.readHex(2), '0500');
  client.write(socksRequest(target.port));
  assert.equal((await client.read(10))[1], 2);
  assert.equal(target.connections, 0);
});
