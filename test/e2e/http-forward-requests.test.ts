import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, gateway } from '../support/gateway.ts';
import { answer, ask, basic, clientOf, readMessage, type Message } from '../support/http-bytes.ts';
import { Target } from '../support/peer.ts';
import type { Gateway } from '../../src/runtime/gateway.ts';

/** What a client that sends these bytes is told, before the connection is closed. */
async function told(proxy: Gateway, bytes: string, method?: string): Promise<Message> {
  using client = await clientOf(proxy);
  client.text(bytes);
  const message = await readMessage(client, method);
  assert.equal((await client.rest()).length, 0, JSON.stringify(bytes));
  assert.equal(client.error, undefined);
  return message;
}

/** Each of these is answered with the status, and the target never hears of it. */
async function refusesAll(cases: readonly string[], status: number, target: Target): Promise<void> {
  await using proxy = await gateway();
  for (const bytes of cases) assert.equal((await told(proxy, bytes)).status, status, JSON.stringify(bytes));
  await eventually('all are accounted', () => proxy.stats().active === 0);
  assert.equal(proxy.stats().byInbound['http-forward'], cases.length);
  assert.equal(target.connections, 0);
}

/** A request whose body was begun may have reached the target; nothing of what is behind it ever does. */
async function refusesBodies(bodies: readonly string[], status: number): Promise<void> {
  await using target = await Target.listen();
  await using proxy = await gateway();
  const url = `http://127.0.0.1:${target.port}/`;
  for (const body of bodies) {
    const bytes = ask('POST', url, 'Transfer-Encoding: chunked') + body;
    assert.equal((await told(proxy, bytes)).status, status, JSON.stringify(body));
  }
  await eventually('the target is left alone', () => target.connections === 0);
  await eventually('all are accounted', () => proxy.stats().active === 0);
}

test('F5, F7, F9: a framing that could be read in two ways is refused', async () => {
  await using target = await Target.listen();
  const url = `http://127.0.0.1:${target.port}/`;
  const post = (...lines: string[]): string => ask('POST', url, ...lines) + '5\r\nabcde\r\n0\r\n\r\n';
  await refusesAll(
    [
      post('Content-Length: 5', 'Transfer-Encoding: chunked'),
      post('Transfer-Encoding: chunked', 'Content-Length: 5'),
      post('Transfer-Encoding: chunked, chunked'),
      post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'),
      post('Transfer-Encoding: chunked', 'transfer-encoding: identity'),
      ...[
        'xchunked',
        'identity',
        '\vchunked',
        'chunked, gzip',
        'gzip, chunked',
        'chunked;q=1',
        '',
        'chunked,',
      ].map((coding) => post(`Transfer-Encoding: ${coding}`)),
      ...['5,6', '5, 5', '+5', '-1', '0x5', '', '0,', '5 5', '18446744073709551616', '9'.repeat(16), '٣'].map(
        (length) => post(`Content-Length: ${length}`),
      ),
      post('Content-Length: 5', 'Content-Length: 5'),
      `POST ${url} HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    400,
    target,
  );
});

test('F6: a transfer coding is chunked in whatever case it is written', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway();
  for (const coding of ['Chunked', 'CHUNKED', 'chunked ']) {
    using client = await clientOf(proxy);
    client.text(
      ask('POST', `http://127.0.0.1:${target.port}/`, `Transfer-Encoding: ${coding}`) +
        '5;ext="a b"\r\nabcde\r\n0\r\n\r\n',
    );
    const server = await target.accept();
    const { body, lines } = await readMessage(server);
    assert.equal(body.toString(), 'abcde');
    assert.ok(lines.includes('Transfer-Encoding: chunked'));
    server.text(answer('ok'));
    assert.equal((await readMessage(client)).status, 200);
  }
});

test('F10, F11: malformed chunks are refused', async () => {
  await refusesBodies(
    [
      '7fffffffffffffff\r\n',
      'ffffffffffffffff\r\n',
      '00000000000000005\r\nabcde\r\n0\r\n\r\n',
      '-1\r\n',
      '0x5\r\nabcde\r\n0\r\n\r\n',
      '5 \r\nabcde\r\n0\r\n\r\n',
      ' 5\r\nabcde\r\n0\r\n\r\n',
      '\r\n',
      ';a\r\n',
      '1;a="\r\nx\r\n0\r\n\r\n',
      '1\nx\r\n0\r\n\r\n',
      '1;a\nx\r\n0\r\n\r\n',
      '1;\0\r\nx\r\n0\r\n\r\n',
      '1\r\nx\n0\r\n\r\n',
      '1\r\nxy\r\n0\r\n\r\n',
      '0\r\n\n',
      '0\r\nA: b\n\r\n',
      '0\r\nA: b\r\n c\r\n\r\n',
      '0\r\nA : b\r\n\r\n',
      '0\r\nno colon\r\n\r\n',
    ],
    400,
  );
});

test('F12: extensions and trailers without end are cut off', async () => {
  await refusesBodies([`1;${'e'.repeat(4096)}\r\nx\r\n`.repeat(20)], 400);
  await refusesBodies([`0\r\nA: ${'b'.repeat(20_000)}\r\n\r\n`, `0\r\n${'A: b\r\n'.repeat(4000)}\r\n`], 431);
});

test('F26: what is meant for a web server finds none here', async () => {
  await using target = await Target.listen();
  await refusesAll(
    [
      'OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n',
      'GET * HTTP/1.1\r\nHost: h\r\n\r\n',
      'GET admin HTTP/1.1\r\nHost: h\r\n\r\n',
      'GET h:80 HTTP/1.1\r\nHost: h\r\n\r\n',
      'GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:9090\r\n\r\n',
      'GET //h/ HTTP/1.1\r\nHost: h\r\n\r\n',
      'GET ?q HTTP/1.1\r\nHost: h\r\n\r\n',
    ],
    400,
    target,
  );
});

test('F27: only http URLs are forwarded, and never with a name or password in them', async () => {
  await using target = await Target.listen();
  const at = `127.0.0.1:${target.port}`;
  const get = (url: string): string => `GET ${url} HTTP/1.1\r\nHost: h\r\n\r\n`;
  await refusesAll(
    [
      `https://${at}/`,
      `ftp://${at}/`,
      `gopher://${at}/`,
      'file:///etc/passwd',
      'unix:/run/x.sock',
      'http:/h/',
      'http:h',
      'http://',
      'http:///p',
      `http://u:p@${at}/`,
      `http://@${at}/`,
      `http://a\\@${at}/`,
      `http://${at}0000/`,
      'http://h:/',
      'http://h:0/',
      'http://h:+80/',
      'http://h:80:80/',
      'http://::1/',
      'http://[::1/',
      'http://[h]/',
      'http://a..b/',
      'http://a%2eb/',
      'http://[::1%25lo]/',
      'http://h^/',
    ].map(get),
    400,
    target,
  );
  await using proxy = await gateway();
  const { head, body } = await told(proxy, get('http://bob:hunter2@h/'));
  assert.doesNotMatch(head + body.toString(), /bob|hunter2/);
  assert.match((await told(proxy, get(`HTTPS://${at}/`))).body.toString(), /CONNECT/);
});

test('F29: TRACE and Max-Forwards: 0 are not allowed; a count is counted down', async () => {
  await using target = await Target.listen();
  const url = `http://127.0.0.1:${target.port}/`;
  await refusesAll([ask('TRACE', url), ask('OPTIONS', url, 'Max-Forwards: 0')], 405, target);
  await using proxy = await gateway();
  assert.ok((await told(proxy, ask('TRACE', url))).lines.some((line) => line.startsWith('Allow: GET, ')));
  using client = await clientOf(proxy);
  client.text(ask('OPTIONS', `http://127.0.0.1:${target.port}`, 'Max-Forwards: 7'));
  const server = await target.accept();
  const { first, lines } = await readMessage(server);
  assert.deepEqual([first, lines[1]], ['OPTIONS * HTTP/1.1', 'Max-Forwards: 6']);
});

test('an unknown method is 501, and HEAD is refused without a body', async () => {
  await using proxy = await gateway();
  for (const method of ['FOO', 'get', 'DESCRIBE'])
    assert.equal((await told(proxy, ask(method, 'http://h/'))).status, 501);
  assert.equal((await told(proxy, ask('HEAD', 'http://u@h/'), 'HEAD')).status, 400);
});

test('E8, E9, E20–E23: heads that two parsers could read in two ways', async () => {
  await using target = await Target.listen();
  const url = `http://127.0.0.1:${target.port}/`;
  const get = `GET ${url} HTTP/1.1\r\nHost: h\r\n`;
  await refusesAll(
    [
      `GET ${url} HTTP/1.1\nHost: h\n\n`,
      `${get}A: b\n\r\n`,
      `${get}\n`,
      `${get}A: b\r\n c\r\n\r\n`,
      `GET ${url} HTTP/1.1\r\n Host: h\r\n\r\n`,
      `${get}A : b\r\n\r\n`,
      `${get}: b\r\n\r\n`,
      `${get}A\0: b\r\n\r\n`,
      `${get}A: b\0\r\n\r\n`,
      `${get}A: b\x7f\r\n\r\n`,
      `${get}A: b\rc\r\n\r\n`,
      `${get}\r X`,
      `${get}A b\r\n\r\n`,
      `GET  ${url} HTTP/1.1\r\nHost: h\r\n\r\n`,
      `GET ${url}\r\n\r\n`,
      `GET ${url} HTTP/1.1\r\n\r\n`,
      `${get}Host: h\r\n\r\n`,
    ],
    400,
    target,
  );
});

test('E11, E19: versions that are none, and heads that are too long', async () => {
  await using target = await Target.listen();
  const url = `http://127.0.0.1:${target.port}/`;
  await refusesAll(
    ['HTTP/2.0', 'HTTP/1.2', 'HTTP/0.9'].map((v) => `GET ${url} ${v}\r\nHost: h\r\n\r\n`),
    505,
    target,
  );
  await refusesAll(
    [
      ask('GET', url, `A: ${'x'.repeat(16_384)}`),
      'GET http://h/'.padEnd(65_536, 'x'),
      ask('GET', url, ...Array.from({ length: 128 }, (_, i) => `H${i}: x`)),
      ask('GET', url, ...Array.from({ length: 2001 }, () => 'a:')),
    ],
    431,
    target,
  );
});

test('E19: 128 header lines are not one too many, and none is dropped', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway();
  using client = await clientOf(proxy);
  const lines = Array.from({ length: 127 }, (_, i) => `H${i}: ${'x'.repeat(100)}`);
  client.text(ask('GET', `http://127.0.0.1:${target.port}/`, ...lines));
  const server = await target.accept();
  assert.deepEqual((await readMessage(server)).lines.slice(1, -1), lines);
});

test('E26: a refusal can be read although the client is still sending', async () => {
  await using proxy = await gateway();
  using client = await clientOf(proxy);
  client.text(ask('POST', 'http://u:p@h/', 'Content-Length: 10000000'));
  for (let i = 0; i < 64; i++) client.write(Buffer.alloc(16_384, 'x'));
  assert.equal((await readMessage(client)).status, 400);
  assert.equal((await client.rest()).length, 0);

  await using target = await Target.listen();
  await using users = await gateway({ users: [{ name: 'alice', password: 'secret' }] });
  using second = await clientOf(users);
  second.text(ask('POST', `http://127.0.0.1:${target.port}/`, basic('alice:no'), 'Content-Length: 10000000'));
  for (let i = 0; i < 64; i++) second.write(Buffer.alloc(16_384, 'x'));
  assert.equal((await readMessage(second)).status, 407);
  assert.equal((await second.rest()).length, 0);
});

test('an empty line before a request is overlooked, but not at the very beginning', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway();
  using client = await clientOf(proxy);
  const request = ask('POST', `http://127.0.0.1:${target.port}/`, 'Content-Length: 2');
  client.text(`${request}ab\r\n${request}cd`);
  for (const body of ['ab', 'cd']) {
    const server = await target.accept();
    assert.equal((await readMessage(server)).body.toString(), body);
    server.text(answer(body));
    assert.equal((await readMessage(client)).body.toString(), body);
  }
});

test('E24: header names that are words of the language are plain data', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway();
  using client = await clientOf(proxy);
  const lines = ['__proto__: a', 'constructor: b', 'hasOwnProperty: c', '__proto__: d'];
  client.text(ask('GET', `http://127.0.0.1:${target.port}/`, ...lines));
  const server = await target.accept();
  assert.deepEqual((await readMessage(server)).lines.slice(1, -1), lines);
  server.text(answer('ok', ...lines));
  assert.deepEqual((await readMessage(client)).lines.slice(0, 4), lines);
});
