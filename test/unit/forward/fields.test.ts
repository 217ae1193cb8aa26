import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  requestFields,
  responseFields,
  trailerFields,
  type ResponseFrame,
} from '../../../src/forward/fields.ts';
import { parseHead } from '../../../src/protocol/http.ts';
import { readRequest } from '../../../src/protocol/http-request.ts';

/** `Name: value` lines as the flat list Node has of them. */
const flat = (lines: readonly string[]): string[] =>
  lines.flatMap((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]);

function toOrigin(lines: readonly string[], firstLine = 'GET http://h:81/ HTTP/1.1'): string[] {
  const head = parseHead(Buffer.from([firstLine, ...lines, '', ''].join('\r\n'), 'latin1'))!.value;
  return requestFields(flat(lines), readRequest(head));
}

const FRAME: ResponseFrame = { status: 200, chunks: true, connection: 'keep-alive', proxyStatus: 'gyre' };
const toClient = (lines: readonly string[], frame: Partial<ResponseFrame> = {}): string[] =>
  responseFields(flat(lines), { ...FRAME, ...frame });

test('F2: Host is the authority of the URL, in the place and the case the client chose', () => {
  assert.deepEqual(toOrigin(['A: 1', 'hOsT: other', 'B: 2']), [
    'A',
    '1',
    'hOsT',
    'h:81',
    'B',
    '2',
    'Connection',
    'close',
  ]);
  assert.deepEqual(toOrigin(['A: 1'], 'GET http://h:81/ HTTP/1.0'), [
    'Host',
    'h:81',
    'A',
    '1',
    'Connection',
    'close',
  ]);
});

test('F20, F21: what Connection names is dropped, but not what others need', () => {
  assert.deepEqual(
    toOrigin([
      'Host: h',
      'Connection: X-A ,x-b,, Connection, Host, Content-Length, Proxy-Authorization',
      'x-a: 1',
      'X-B: 2',
      'x-c: 3',
      'Content-Length: 0',
      'Proxy-Authorization: Basic x',
      'Connection: X-C',
    ]),
    ['Host', 'h:81', 'Connection', 'close', 'Content-Length', '0'],
  );
});

test('an offer of another protocol goes on with its two fields, and no other does', () => {
  assert.deepEqual(toOrigin(['Host: h', 'Connection: keep-alive, Upgrade', 'Upgrade: websocket']), [
    'Host',
    'h:81',
    'Connection',
    'Upgrade',
    'Upgrade',
    'websocket',
  ]);
  assert.deepEqual(toOrigin(['Host: h', 'Upgrade: websocket']), ['Host', 'h:81', 'Connection', 'close']);
});

test('a count of forwards is counted down where it is looked at', () => {
  assert.ok(toOrigin(['Host: h', 'Max-Forwards: 3'], 'OPTIONS http://h:81/ HTTP/1.1').includes('2'));
  assert.ok(toOrigin(['Host: h', 'Max-Forwards: 3']).includes('3'));
});

test('a response is framed anew, in the place of the old framing', () => {
  assert.deepEqual(toClient(['transfer-encoding: gzip, chunked', 'A: 1']).slice(0, 4), [
    'transfer-encoding',
    'chunked',
    'A',
    '1',
  ]);
  assert.deepEqual(toClient(['A: 1']).slice(0, 4), ['A', '1', 'Transfer-Encoding', 'chunked']);
  assert.deepEqual(toClient(['Content-Length: 3']).slice(0, 4), [
    'Content-Length',
    '3',
    'Connection',
    'keep-alive',
  ]);
  assert.deepEqual(toClient(['Transfer-Encoding: chunked', 'Trailer: x'], { chunks: false }), [
    'Connection',
    'keep-alive',
    'Proxy-Status',
    'gyre',
  ]);
  assert.deepEqual(
    toClient(['Content-Length: 3'], { status: 204, chunks: false }).includes('Content-Length'),
    false,
  );
  assert.deepEqual(
    toClient(['Content-Length: 3'], { status: 304, chunks: false }).includes('Content-Length'),
    true,
  );
});

test('an interim response says nothing about the connection', () => {
  const fields = toClient(['Link: </a>', 'Connection: close', 'Content-Length: 1'], {
    status: 103,
    chunks: false,
    connection: undefined,
    proxyStatus: undefined,
  });
  assert.deepEqual(fields, ['Link', '</a>']);
});

test('what cannot be written is no response', () => {
  for (const [name, value] of [
    ['A', 'b\r\nC: d'],
    ['A b', 'c'],
    ['A', '\0'],
    ['', 'x'],
    ['A', '\u0100'],
  ]) {
    assert.throws(() => responseFields([name!, value!], FRAME), { code: 'BAD_RESPONSE' });
  }
});

test('the length stands behind a file name in other bytes than ASCII, and nowhere else', () => {
  const plain = ['Content-Length: 1', 'Content-Disposition: attachment; filename="a"', 'A: 1'];
  assert.deepEqual(toClient(plain).slice(0, 2), ['Content-Length', '1']);
  const fields = toClient([
    'Content-Length: 1',
    'content-disposition: filename="\xe9"',
    'Content-Disposition: \xe8',
    'A: 1',
  ]);
  assert.deepEqual(fields.slice(0, 8), [
    'content-disposition',
    'filename="\xe9"',
    'Content-Disposition',
    '\xe8',
    'Content-Length',
    '1',
    'A',
    '1',
  ]);
});

test('F14: trailers that would change the message before them are dropped', () => {
  const kept = trailerFields(
    flat(['X: 1', 'content-length: 2', 'Host: h', 'x: 3', 'Transfer-Encoding: x', 'SET-COOKIE: a']),
  );
  assert.deepEqual(kept, [
    ['X', '1'],
    ['x', '3'],
  ]);
});
