import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { ProxyError } from '../../../src/errors.ts';
import { requestFields } from '../../../src/forward/fields.ts';
import { expectsWhatIsKnown, readRequest, type ForwardRequest } from '../../../src/protocol/http-request.ts';
import { headText, parseHead, valuesOf, type Head } from '../../../src/protocol/http.ts';
import { checkTarget, orRefusal, parsePieces, wordFor } from '../invariants.ts';
import { readByNode, type NodeRequest } from '../node-http.ts';
import type { Target } from '../target.ts';

/** Longest body that is made up to see where a request ends; bytes. */
const LONGEST_BODY = 1000;

/** A plain HTTP request, from its head to what the origin is sent. */
function run(input: Buffer): string {
  const { verdict, word } = parsePieces(parseHead, input);
  if (verdict === undefined || verdict instanceof ProxyError) return word;
  const { value: head, length } = verdict;
  if (head.method === 'CONNECT') return 'CONNECT';
  const request = orRefusal(() => readRequest(head));
  if (request instanceof ProxyError) return request.message;
  expectsWhatIsKnown(head);
  checkFraming(head, request);
  checkDestination(head, request);
  const read = sameToNode(head, request, input.subarray(0, length));
  if (read === undefined) return 'Node refuses it';
  checkSent(head, request);
  const { body, upgrade, keepAlive } = request;
  return `${wordFor(request)} ${body === 'chunked' ? body : body > 0} ${upgrade ? 'upgrade' : ''} ${keepAlive}`;
}

/** There is one Host and one way to tell where the body ends. */
function checkFraming(head: Head, { body, version }: ForwardRequest): void {
  const [hosts, lengths, codings] = ['host', 'content-length', 'transfer-encoding'].map((name) =>
    valuesOf(head, name),
  ) as [string[], string[], string[]];
  assert.ok(hosts.length === 1 || (hosts.length === 0 && version === '1.0'), `${hosts.length} Host lines`);
  assert.ok(lengths.length + codings.length <= 1, 'the body is framed in two ways');
  if (body === 'chunked') assert.deepEqual([version, codings.length], ['1.1', 1]);
  else assert.equal(String(body), (lengths[0] ?? '0').replace(/^0+(?=\d)/, ''));
}

/** It leads where the URL says, to us and to others. */
function checkDestination(head: Head, { target, path, authority }: ForwardRequest): void {
  checkTarget(target);
  const [given = ''] = head.target.slice('http://'.length).split('#', 1);
  const rest = path === '*' ? '' : given.startsWith(`${authority}/`) ? path : path.slice(1);
  assert.equal(authority + rest, given, `${head.target} became ${authority} and ${path}`);
  assert.match(path, /^(?:\*|\/[^#\u0000-\u0020\u007f-\uffff]*)$/);
  assert.match(authority, /^[^/?#@\\\u0000-\u0020\u007f-\uffff]+$/);
  const seen = URL.parse(`http://${authority}/`);
  if (seen === null) return;
  // Others keep the mapped form of an IPv4 address and drop port 80; and to us a trailing dot means nothing.
  const host = seen.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
  if (target.family !== 4 || isIP(host) === 4)
    assert.equal(host, target.host, `${authority} leads elsewhere`);
  assert.equal(Number(seen.port || 80), target.port, `${authority} leads to another port`);
}

/** Node sees one request with the same head and the same end, or none. */
function sameToNode(head: Head, { body }: ForwardRequest, bytes: Buffer): NodeRequest | undefined {
  const { requests, error } = readByNode(bytes);
  if (error !== undefined) {
    assert.equal(requests.length, 0, 'Node heard of a request before it refused it');
    return undefined;
  }
  const [request, ...more] = requests;
  assert.ok(request !== undefined && more.length === 0, `Node sees ${requests.length} requests`);
  assert.deepEqual([request.method, request.url], [head.method, head.target]);
  assert.deepEqual(request.headers, head.headers);
  assert.equal(request.complete, body === 0, `to us the body is ${body}`);
  if (typeof body === 'number' && body > 0 && body <= LONGEST_BODY) {
    const withBody = (length: number): boolean | undefined =>
      readByNode(Buffer.concat([bytes, Buffer.alloc(length, 'x')])).requests[0]?.complete;
    assert.deepEqual([withBody(body - 1), withBody(body)], [false, true], `to us the body has ${body} bytes`);
  }
  return request;
}

/** The origin reads the same request, and nothing that was for this proxy. */
function checkSent(head: Head, request: ForwardRequest): void {
  const fields = requestFields(head.headers.flat(), request);
  const sent = headText(`${request.method} ${request.path} HTTP/1.1`, fields);
  const { requests, error } = readByNode(Buffer.from(sent, 'latin1'));
  assert.equal(error, undefined, JSON.stringify(sent));
  assert.equal(requests.length, 1, JSON.stringify(sent));
  const [{ headers, complete, url }] = requests as [NodeRequest];
  assert.deepEqual([url, complete], [request.path, request.body === 0]);
  const values = (name: string): string[] =>
    headers.filter(([field]) => field === name).map(([, value]) => value);
  assert.deepEqual(values('host'), [request.authority]);
  assert.equal(values('connection').length, 1);
  for (const name of ['proxy-authorization', 'proxy-connection', 'keep-alive', 'te', 'http2-settings']) {
    assert.deepEqual(values(name), [], `${name} was sent on`);
  }
  assert.equal(values('upgrade').length > 0, request.upgrade);
  assert.equal(values('transfer-encoding').length, request.body === 'chunked' ? 1 : 0);
  assert.ok(values('content-length').length <= 1);
}

export const target: Target = {
  longest: 2000,
  words: [
    'GET http://example.com/ HTTP/1.1\r\n',
    'POST ',
    'OPTIONS ',
    'TRACE ',
    ' HTTP/1.1\r\n',
    ' HTTP/1.0\r\n',
    'http://',
    'http://[::1]:8080/',
    'http://[::ffff:127.0.0.1]/',
    'http://user:pass@h/',
    'https://h/',
    'Host: h\r\n',
    'Content-Length: 5\r\n',
    'Content-Length: 0\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Connection: Upgrade, X-Foo\r\n',
    'Connection: close\r\n',
    'Connection: Host, Content-Length\r\n',
    'Proxy-Connection: keep-alive\r\n',
    'Proxy-Authorization: Basic dXNlcjpwYXNz\r\n',
    'Upgrade: websocket\r\n',
    'Upgrade: h2c\r\n',
    'Expect: 100-continue\r\n',
    'Max-Forwards: 0\r\n',
    'TE: trailers\r\n',
    'Trailer: A\r\n',
    'Content-Disposition: \u00e9\r\n',
    '\r\n\r\n',
    '\r\n',
    '?',
    '#',
    '%2e',
    '\\',
  ],
  run,
};
