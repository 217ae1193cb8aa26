import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually, gateway } from '../support/gateway.ts';
import { answer, ask, clientOf, readHead, readMessage } from '../support/http-bytes.ts';
import { Target } from '../support/peer.ts';

describe('deadlines', () => {
  test('a head must be complete in time: of the first request and of later ones, however it trickles', async () => {
    await using target = await Target.listen();
    await using proxy = await gateway({ timeouts: { handshake: '300ms' } });
    const url = `http://127.0.0.1:${target.port}/`;
    for (const later of [false, true]) {
      using client = await clientOf(proxy);
      if (later) {
        client.text(ask('GET', url));
        const server = await target.accept();
        await readHead(server);
        server.text(answer('ok'));
        await readMessage(client);
      }
      client.text(`GET ${url} HTTP/1.1\r\nA: `);
      const trickle = setInterval(() => client.text('x'), 20);
      const { status, lines, body } = await readMessage(client);
      clearInterval(trickle);
      assert.deepEqual([status, body.toString()], [408, 'the request did not arrive in time\n']);
      assert.ok(lines.includes('Connection: close'));
      assert.equal((await client.rest()).length, 0);
    }
    await eventually('both are accounted', () => proxy.stats().failures.HANDSHAKE_TIMEOUT === 2);
    assert.equal(proxy.stats().active, 0);
  });

  test('a connection between two requests is closed in the end, without a word and without a record', async () => {
    await using target = await Target.listen();
    await using proxy = await gateway({ timeouts: { keepAlive: '200ms' } });
    using client = await clientOf(proxy);
    client.text(ask('GET', `http://127.0.0.1:${target.port}/`));
    const server = await target.accept();
    await readHead(server);
    server.text(answer('ok'));
    await readMessage(client);
    // Empty lines are not the beginning of a request.
    client.text('\r\n\r\n');
    assert.equal((await client.rest()).length, 0);
    assert.equal(client.error, undefined);
    assert.equal(proxy.stats().accepted, 1);
  });

  test('a target that never answers is 504, and one that stops in its answer is cut', async () => {
    await using target = await Target.listen();
    await using proxy = await gateway({ timeouts: { response: '200ms', idle: '400ms' } });
    const url = `http://127.0.0.1:${target.port}/`;
    using client = await clientOf(proxy);
    client.text(ask('GET', url));
    const silent = await target.accept();
    await readHead(silent);
    const late = await readMessage(client);
    assert.deepEqual([late.status, late.lines.includes('Connection: keep-alive')], [504, true]);
    await silent.waitClosed();
    client.text(ask('GET', url));
    const stops = await target.accept();
    await readHead(stops);
    stops.text('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc');
    await readHead(client);
    await client.waitClosed();
    assert.equal(client.error?.code, 'ECONNRESET');
    await stops.waitClosed();
    await eventually('both are accounted', () => proxy.stats().active === 0);
    assert.deepEqual([proxy.stats().failures.RESPONSE_TIMEOUT, proxy.stats().failures.IDLE_TIMEOUT], [1, 1]);
  });

  test('a body that stops is not waited for longer than an idle tunnel', async () => {
    await using target = await Target.listen();
    await using proxy = await gateway({ timeouts: { idle: '300ms' } });
    using client = await clientOf(proxy);
    client.text(`${ask('POST', `http://127.0.0.1:${target.port}/`, 'Content-Length: 100')}abc`);
    const server = await target.accept();
    await readHead(server);
    assert.equal((await readMessage(client)).status, 504);
    assert.equal((await client.rest()).length, 0);
    await server.waitClosed();
    await eventually('it is accounted', () => proxy.stats().failures.IDLE_TIMEOUT === 1);
  });

  test('a slow answer is not cut while it goes on', async () => {
    await using target = await Target.listen();
    await using proxy = await gateway({ timeouts: { idle: '300ms' } });
    using client = await clientOf(proxy);
    client.text(ask('GET', `http://127.0.0.1:${target.port}/`));
    const server = await target.accept();
    await readHead(server);
    server.text('HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n');
    for (let i = 0; i < 12; i++) {
      await new Promise((later) => setTimeout(later, 60));
      server.text('x');
    }
    assert.equal((await readMessage(client)).body.toString(), 'x'.repeat(12));
  });
});

test('a client that leaves while its request is dialled for stops the dial', async () => {
  await using proxy = await gateway({ pool: '127.0.0.2', timeouts: { connect: '20s', dialHttp: '20s' } });
  using client = await clientOf(proxy);
  // From a loopback address nothing of this network can be reached: the dial fails or hangs, and is not waited for.
  client.text(ask('GET', 'http://127.0.0.1:1/'));
  client.reset();
  await eventually('it is accounted', () => proxy.stats().accepted === 1 && proxy.stats().active === 0);
});

describe('closing', () => {
  test('idle connections end at once, a request in flight is answered first and told to be the last', async () => {
    await using target = await Target.listen();
    const proxy = await gateway({ timeouts: { drain: '10s' } });
    const url = `http://127.0.0.1:${target.port}/`;
    using idle = await clientOf(proxy);
    using busy = await clientOf(proxy);
    idle.text(ask('GET', url));
    const first = await target.accept();
    await readHead(first);
    first.text(answer('ok'));
    await readMessage(idle);
    busy.text(ask('GET', url) + ask('GET', url));
    const server = await target.accept();
    await readHead(server);
    const closed = proxy.close();
    assert.equal((await idle.rest()).length, 0);
    idle.end();
    server.text(answer('last'));
    const response = await readMessage(busy);
    assert.deepEqual(
      [response.body.toString(), response.lines.includes('Connection: close')],
      ['last', true],
    );
    assert.equal((await busy.rest()).length, 0);
    busy.end();
    await closed;
  });

  test('what is not over at the drain deadline is cut: told so before its answer, reset within it', async () => {
    await using target = await Target.listen();
    const proxy = await gateway({ timeouts: { drain: '100ms' } });
    const url = `http://127.0.0.1:${target.port}/`;
    using waiting = await clientOf(proxy);
    using within = await clientOf(proxy);
    using reading = await clientOf(proxy);
    waiting.text(ask('GET', url));
    const [a] = [await target.accept()];
    await readHead(a);
    within.text(ask('GET', url));
    const b = await target.accept();
    await readHead(b);
    b.text('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc');
    await readHead(within);
    reading.text('GET http://h/ HT');
    await eventually('all have begun', () => proxy.stats().accepted === 3);
    const closed = proxy.close();
    assert.equal((await readMessage(waiting)).status, 503);
    assert.equal((await readMessage(reading)).status, 503);
    await within.waitClosed();
    assert.equal(within.error?.code, 'ECONNRESET');
    waiting.end();
    reading.end();
    await closed;
    assert.equal(proxy.stats().failures.SHUTTING_DOWN, 3);
    assert.equal(proxy.stats().active, 0);
  });
});
