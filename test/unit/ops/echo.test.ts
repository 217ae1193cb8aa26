import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { startEcho, type Echo } from '../../../src/ops/echo.ts';

interface Answer {
  readonly status: number | undefined;
  readonly type: string | undefined;
  readonly connection: string | undefined;
  readonly body: string;
  readonly localPort: number;
}

async function start(t: { after(fn: () => Promise<void>): void }, host = '127.0.0.1'): Promise<Echo> {
  const echo = await startEcho({ host, port: 0 });
  t.after(() => echo.close());
  return echo;
}

interface Asking {
  readonly path?: string;
  readonly method?: string;
  readonly localAddress?: string;
  readonly agent?: Agent;
  readonly host?: string;
}

async function ask(echo: Echo, asking: Asking = {}): Promise<Answer> {
  const { host = '127.0.0.1', ...rest } = asking;
  const sent = request({ host, port: echo.endpoint.port, ...rest }).end();
  const [socket] = (await once(sent, 'socket')) as [Socket];
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const localPort = socket.localPort ?? 0;
  const { 'content-type': type, connection } = response.headers;
  return { status: response.statusCode, type, connection, body: await text(response), localPort };
}

for (const localAddress of ['127.0.0.1', '127.0.0.3', '127.8.9.10']) {
  test(`a caller from ${localAddress} is told so`, async (t) => {
    const { status, type, body } = await ask(await start(t), { localAddress });
    assert.deepEqual([status, type, body], [200, 'text/plain; charset=utf-8', `${localAddress}\n`]);
  });
}

test('JSON has the port as well', async (t) => {
  const { type, body, localPort } = await ask(await start(t), {
    path: '/json?x=1',
    localAddress: '127.0.0.3',
  });
  assert.equal(type, 'application/json');
  assert.deepEqual(JSON.parse(body), { address: '127.0.0.3', port: localPort });
});

test('an IPv4 caller of a dual-stack listener is an IPv4 caller', async (t) => {
  const echo = await start(t, '::');
  assert.equal((await ask(echo, { localAddress: '127.0.0.4' })).body, '127.0.0.4\n');
  assert.equal((await ask(echo, { host: '::1' })).body, '::1\n');
});

test('what is not there, and what is not GET', async (t) => {
  const echo = await start(t);
  assert.equal((await ask(echo, { path: '/other' })).status, 404);
  assert.equal((await ask(echo, { method: 'DELETE' })).status, 405);
  assert.deepEqual(await ask(echo, { method: 'HEAD' }).then(({ status, body }) => [status, body]), [200, '']);
});

test('a connection is kept when the caller wants that, and closed when it does not', async (t) => {
  const echo = await start(t);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const first = await ask(echo, { agent });
  const second = await ask(echo, { agent });
  assert.equal(first.localPort, second.localPort);
  assert.equal(first.connection, 'keep-alive');

  const socket = connect(echo.endpoint.port, '127.0.0.1');
  socket.end('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  const answer = await text(socket);
  assert.match(answer, /^HTTP\/1\.1 200 /);
  assert.match(answer, /^connection: close\r$/im);
  assert.match(answer, /\r\n\r\n127\.0\.0\.1\n$/);
});

test('what is not HTTP is closed without an answer', async (t) => {
  const echo = await start(t);
  const socket = connect(echo.endpoint.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write('\x05\x01\x00');
  assert.equal(await text(socket), '');
});

test('close ends connections, idle and half-asked ones too', async () => {
  const echo = await startEcho({ host: '127.0.0.1', port: 0 });
  const agent = new Agent({ keepAlive: true });
  await ask(echo, { agent });
  const socket = connect(echo.endpoint.port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write('GET / HTTP/1.1\r\nHo');
  const closed = once(socket, 'close');
  // Answered after the half request was accepted, so that it is really there.
  await ask(echo);
  await echo.close();
  await closed;
  agent.destroy();
  await assert.rejects(ask(echo), { code: 'ECONNREFUSED' });
});

test('a port that is taken is an error', async (t) => {
  const echo = await start(t);
  await assert.rejects(startEcho({ host: '127.0.0.1', port: echo.endpoint.port }), { code: 'EADDRINUSE' });
});
