import assert from 'node:assert/strict';
import { createServer as createHttp, type RequestListener } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { onlyAddress, probeBind, probeTarget, type Finding } from '../../../../src/egress/health/probe.ts';
import { parseProbeTarget } from '../../../../src/egress/health/probe-target.ts';

const LONG = 10_000;
const never = (): AbortSignal => new AbortController().signal;
const from = (address: string) => ({ address, family: address.includes(':') ? 6 : 4 }) as const;

/** @returns its port. */
async function listen(t: TestContext, server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.on('error', reject).listen(0, '127.0.0.1', resolve);
  await promise;
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

function ask(url: string, address = '127.0.0.3', ms = LONG): Promise<Finding> {
  return probeTarget(from(address), parseProbeTarget(url), ms, never());
}

async function http(t: TestContext, listener: RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listen(t, createHttp(listener))}`;
}

test('an address of this host can be bound', async () => {
  assert.deepEqual(await probeBind(from('127.0.0.1'), LONG, never()), { verdict: 'good' });
  assert.deepEqual(await probeBind(from('127.9.8.7'), LONG, never()), { verdict: 'good' });
});

test('an address that is not on this host is absent', async () => {
  const found = await probeBind(from('203.0.113.1'), LONG, never());
  assert.deepEqual(found, { verdict: 'absent', error: 'EADDRNOTAVAIL' });
});

test('TCP: a target that listens is good, and sees the egress', async (t) => {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const port = await listen(
    t,
    createServer((socket) => resolve(socket.remoteAddress)),
  );
  assert.deepEqual(await ask(`tcp://127.0.0.1:${port}`, '127.0.0.5'), { verdict: 'good' });
  assert.equal(await promise, '127.0.0.5');
});

test('TCP: a port nobody listens on is bad', async (t) => {
  const server = createServer();
  const port = await listen(t, server);
  await new Promise((closed) => server.close(closed));
  assert.deepEqual(await ask(`tcp://127.0.0.1:${port}`), { verdict: 'bad', error: 'ECONNREFUSED' });
});

test('TCP and HTTP: an egress that is not on this host is absent', async (t) => {
  const url = await http(t, (_, response) => response.end('hello'));
  for (const target of [url, url.replace('http:', 'tcp:')]) {
    assert.deepEqual(await ask(target, '203.0.113.1'), { verdict: 'absent', error: 'EADDRNOTAVAIL' });
  }
});

test('HTTP: the address in the answer is the public one', async (t) => {
  const asked: (string | undefined)[] = [];
  const url = await http(t, ({ method, url, headers, socket }, response) => {
    asked.push(method, url, headers.connection, headers.host);
    response.end(`{"ip": "${socket.remoteAddress}"}`);
  });
  assert.deepEqual(await ask(`${url}/ip?format=json`, '127.0.0.8'), {
    verdict: 'good',
    publicAddress: '127.0.0.8',
  });
  assert.deepEqual(asked, ['GET', '/ip?format=json', 'close', url.slice('http://'.length)]);
});

test('HTTP: 2xx and 3xx are good, anything else is bad', async (t) => {
  const url = await http(t, (request, response) => {
    response.writeHead(Number(request.url!.slice(1)), { Location: '/500' }).end();
  });
  for (const status of [200, 204, 301, 302, 304, 399]) {
    assert.equal((await ask(`${url}/${status}`)).verdict, 'good', String(status));
  }
  for (const status of [400, 403, 429, 500, 503]) {
    assert.deepEqual(await ask(`${url}/${status}`), { verdict: 'bad', error: `HTTP status ${status}` });
  }
});

test('HTTP: a long answer is good, cut off, and nothing is remembered of it', async (t) => {
  const { promise: cut, resolve } = Promise.withResolvers<void>();
  const url = await http(t, (_, response) => {
    response.on('error', () => {}).on('close', resolve);
    response.write('192.0.2.1 ');
    const more = (): void => {
      while (!response.destroyed && response.write('x'.repeat(8192)));
    };
    response.on('drain', more);
    more();
  });
  const found = await ask(url);
  assert.deepEqual(found, { verdict: 'good' });
  await cut;
});

test('a target that accepts and says nothing: TCP good, HTTP bad at the deadline', async (t) => {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const port = await listen(
    t,
    createServer((socket) => socket.resume().on('close', resolve)),
  );
  const silent = { verdict: 'bad', error: 'no answer in time' };
  assert.deepEqual(await ask(`http://127.0.0.1:${port}/`, '127.0.0.3', 50), silent);
  await closed;
  assert.deepEqual(await ask(`tcp://127.0.0.1:${port}`), { verdict: 'good' });
});

test('HTTP: an answer that trickles is over at the deadline', async (t) => {
  const url = await http(t, (_, response) => {
    const timer = setInterval(() => response.write('1'), 10);
    response.on('error', () => {}).on('close', () => clearInterval(timer));
  });
  assert.deepEqual(await ask(url, '127.0.0.3', 100), { verdict: 'bad', error: 'no answer in time' });
});

for (const [what, answer] of [
  ['a connection closed without an answer', undefined],
  ['half a status line', 'HTTP/1.1 20'],
  ['half a body', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n192.0.2.1'],
  ['another protocol', '220 mail.test ESMTP\r\n'],
  ['an endless head', `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(10_000)}`],
  ['an upgrade', 'HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'],
  ['only provisional answers', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(3)],
] as const) {
  test(`HTTP: ${what} is bad`, async (t) => {
    const port = await listen(
      t,
      createServer((socket) => socket.once('data', () => socket.end(answer ?? ''))),
    );
    const found = await ask(`http://127.0.0.1:${port}/`);
    assert.equal(found.verdict, 'bad', JSON.stringify(found));
  });
}

test('HTTP: a reset is bad', async (t) => {
  const port = await listen(
    t,
    createServer((socket) => socket.once('data', () => socket.resetAndDestroy())),
  );
  assert.deepEqual(await ask(`http://127.0.0.1:${port}/`), { verdict: 'bad', error: 'ECONNRESET' });
});

test('a name that does not resolve says nothing about the egress', async () => {
  // A label has 63 bytes at most: this one is refused before any DNS server hears of it.
  const found = await ask(`tcp://${'a'.repeat(64)}.test:80`);
  assert.equal(found.verdict, 'unknown', JSON.stringify(found));
});

test('an abort ends a probe, before and while it runs', async (t) => {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const { promise: asked, resolve: onAsked } = Promise.withResolvers<void>();
  const port = await listen(
    t,
    createServer((socket) => {
      socket.once('data', onAsked).on('close', resolve);
    }),
  );
  const stopping = new AbortController();
  const target = parseProbeTarget(`http://127.0.0.1:${port}/`);
  const probe = probeTarget(from('127.0.0.1'), target, LONG, stopping.signal);
  await asked;
  stopping.abort();
  const aborted = { verdict: 'unknown', error: 'aborted' };
  assert.deepEqual(await probe, aborted);
  await closed;
  assert.deepEqual(await probeTarget(from('127.0.0.1'), target, LONG, stopping.signal), aborted);
  assert.deepEqual(await probeBind(from('127.0.0.1'), LONG, stopping.signal), aborted);
});

test('an address is taken from a text when it is the only one', () => {
  for (const [text, address] of [
    ['192.0.2.1\n', '192.0.2.1'],
    ['{"ip":"2001:DB8::1"}', '2001:db8::1'],
    ['Your address is 192.0.2.1. Really: 192.0.2.1!', '192.0.2.1'],
    ['192.0.2.1 192.0.2.2', undefined],
    ['192.0.2.1, 2001:db8::1', undefined],
    ['no address at 12:30, version 1.2', undefined],
    ['300.1.1.1 010.0.0.1', undefined],
    ['', undefined],
  ] as const) {
    assert.equal(onlyAddress(text), address, text);
  }
});

test('targets, as a user writes them', () => {
  const tcp = { protocol: 'tcp', path: '' };
  const web = { protocol: 'http', path: '/' };
  for (const [text, target] of [
    ['tcp://192.0.2.1:443', { ...tcp, host: '192.0.2.1', port: 443, family: 4 }],
    ['tcp://[2001:db8::1]:443', { ...tcp, host: '2001:db8::1', port: 443, family: 6 }],
    ['tcp://probe.test:80', { ...tcp, host: 'probe.test', port: 80, family: 0 }],
    ['http://ip.test', { ...web, host: 'ip.test', port: 80, family: 0 }],
    ['http://192.0.2.1:8080/a?b=c', { ...web, host: '192.0.2.1', port: 8080, path: '/a?b=c', family: 4 }],
    ['http://[::1]/', { ...web, host: '::1', port: 80, family: 6 }],
  ] as const) {
    assert.deepEqual(parseProbeTarget(text), target, text);
  }
});

test('targets that make no sense are refused, and no password is repeated', () => {
  for (const text of [
    '',
    'ip.test',
    'https://ip.test/',
    'ftp://ip.test/',
    'tcp://',
    'tcp://ip.test',
    'tcp://ip.test:0',
    'tcp://ip.test:80/path',
    'tcp://ip.test:80?x',
    'http://user:secret@ip.test/',
    `http://${'a'.repeat(300)}/`,
  ]) {
    assert.throws(
      () => parseProbeTarget(text),
      (error: Error) => error instanceof TypeError && !error.message.includes('secret'),
      text,
    );
  }
});
