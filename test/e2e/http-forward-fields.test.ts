import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gateway } from '../support/gateway.ts';
import { answer, ask, basic, clientOf, readMessage, type Message } from '../support/http-bytes.ts';
import { Target } from '../support/peer.ts';

/** What a target gets of a request, and the client of its response: the lines of both heads, ours among them. */
async function passed(request: (url: string) => string, response: string): Promise<[Message, Message]> {
  await using target = await Target.listen();
  await using proxy = await gateway();
  using client = await clientOf(proxy);
  client.text(request(`http://127.0.0.1:${target.port}/`));
  const server = await target.accept();
  const got = await readMessage(server);
  server.text(response);
  if (!/\r\n(content-length|transfer-encoding): /i.test(response)) server.end();
  return [got, await readMessage(client)];
}

const notOurs = ({ lines }: Message): string[] =>
  lines.filter((line) => !/^(host|connection|proxy-status|content-length):/i.test(line));

test('order, case, duplicates and odd bytes of end-to-end fields go on as they came, both ways', async () => {
  const lines = [
    'x-b: 1',
    'Accept: text/html;q=0.9,  */*',
    'X-B: 2',
    'COOKIE: a=b',
    'Cookie: c=d',
    'x-empty:',
    'X-Latin: caf\xe9 \xff',
    'Authorization: Basic Zm9v',
    'X-Forwarded-For: 192.0.2.7',
    'Via: 1.1 else',
    'Date: yesterday',
    'Max-Forwards: 5',
    'Content-Disposition: attachment; filename="\xc3\xa9"',
    'Set-Cookie: a=1',
    'Set-Cookie: b=2',
    'Trailer-Like: x',
  ];
  const seen = lines.map((line) => line.replace('x-empty:', 'x-empty: '));
  const [request, response] = await passed((url) => ask('GET', url, ...lines), answer('ok', ...lines));
  assert.deepEqual(notOurs(request), seen);
  assert.deepEqual(notOurs(response), seen);
});

test('a file name in bytes that are no ASCII survives wherever the length stands', async () => {
  const name = 'Content-Disposition: attachment; filename="caf\xc3\xa9-\xe9.txt"';
  const response = `HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: 1\r\n${name}\r\nB: 2\r\n\r\nok`;
  const [got, told] = await passed((url) => ask('POST', url, 'Content-Length: 2', name) + 'ab', response);
  assert.ok(got.lines.includes(name), got.head);
  assert.ok(told.lines.includes(name), told.head);
  assert.deepEqual([got.body.toString(), told.body.toString()], ['ab', 'ok']);
});

test('F19, F20, F22: what is for one connection stays behind, both ways', async () => {
  const hops = [
    'Connection: X-Foo, x-bar',
    'X-Foo: 1',
    'X-Bar: 2',
    'Proxy-Connection: keep-alive',
    'Keep-Alive: timeout=5',
    'TE: trailers',
    'Upgrade: h2c',
    'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA',
    basic('alice:hunter2'),
    'Proxy-Authenticate: Basic realm="theirs"',
    'Proxy-Authentication-Info: x',
    'Kept: yes',
  ];
  const [request, response] = await passed((url) => ask('GET', url, ...hops), answer('ok', ...hops));
  assert.deepEqual(notOurs(request), ['Kept: yes']);
  assert.deepEqual(notOurs(response), ['Kept: yes']);
  assert.equal(request.lines[1], 'Connection: close');
});

test('F19: an upgrade to HTTP/2 in the clear is not offered on', async () => {
  const offer = [
    'Connection: Upgrade, HTTP2-Settings',
    'Upgrade: h2c, websocket',
    'HTTP2-Settings: AAMAAABk',
  ];
  const [request] = await passed((url) => ask('GET', url, ...offer), answer('ok'));
  assert.deepEqual(request.lines.slice(1), ['Connection: close']);
});

test('F21: Connection cannot take the framing away, nor itself', async () => {
  for (const named of [
    'Connection',
    'Host, Content-Length, Transfer-Encoding, Proxy-Authorization, close',
    ',,,',
  ]) {
    const connection = `Connection: ${named}`;
    const [request, response] = await passed(
      (url) => `${ask('POST', url, connection, 'Content-Length: 3')}abc`,
      answer('body', connection),
    );
    assert.equal(request.body.toString(), 'abc');
    assert.ok(request.lines[0]!.startsWith('Host: 127.0.0.1:'));
    assert.equal(response.body.toString(), 'body');
  }
});

test('a request is given a Host where it has none, in the first place, and no more', async () => {
  const [request] = await passed((url) => `GET ${url} HTTP/1.0\r\nA: 1\r\n\r\n`, answer('ok'));
  assert.match(
    request.head,
    /^GET \/ HTTP\/1\.1\r\nHost: 127\.0\.0\.1:\d+\r\nA: 1\r\nConnection: close\r\n\r\n$/,
  );
});

test('a body that is announced by nothing is not announced to the target either', async () => {
  for (const method of ['POST', 'PUT', 'DELETE', 'GET']) {
    const [request] = await passed((url) => ask(method, url), answer('ok'));
    assert.deepEqual(request.lines.slice(1), ['Connection: close'], method);
  }
});

test('F14: trailers go on both ways, but none that would change what came before them', async () => {
  const chunks =
    '2\r\nab\r\n0\r\nX-Sum: 1\r\nx-sum: 2\r\nHost: evil\r\nAuthorization: x\r\nConnection: close\r\n\r\n';
  const [request, response] = await passed(
    (url) => ask('POST', url, 'Trailer: X-Sum', 'Transfer-Encoding: chunked') + chunks,
    `HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`,
  );
  for (const message of [request, response]) {
    assert.equal(message.body.toString(), 'ab');
    assert.deepEqual(message.trailers, ['X-Sum: 1', 'x-sum: 2']);
    assert.ok(message.lines.includes('Trailer: X-Sum'));
  }
});

test('F14: a Content-Length as a trailer changes nothing', async () => {
  await using target = await Target.listen();
  await using proxy = await gateway();
  using client = await clientOf(proxy);
  const url = `http://127.0.0.1:${target.port}/`;
  client.text(
    ask('POST', url, 'Transfer-Encoding: chunked') +
      '2\r\nab\r\n0\r\nContent-Length: 50\r\n\r\n' +
      ask('GET', url),
  );
  assert.equal((await readMessage(client)).status, 400);
  assert.equal((await client.rest()).length, 0);
});

test('a trailer announced for a body without chunks is not announced on', async () => {
  const [request, response] = await passed(
    (url) => `${ask('POST', url, 'Trailer: X', 'Content-Length: 2')}ab`,
    answer('ok', 'Trailer: X'),
  );
  assert.deepEqual([notOurs(request), notOurs(response)], [[], []]);
});
