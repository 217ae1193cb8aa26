import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { FailureCode } from '../../../src/errors.ts';
import { parseHead, type Head } from '../../../src/protocol/http.ts';
import {
  bodyOf,
  expectsWhatIsKnown,
  forwardTarget,
  readRequest,
} from '../../../src/protocol/http-request.ts';

const withCode = (code: FailureCode) => ({ name: 'ProxyError', code });

function head(firstLine: string, ...lines: string[]): Head {
  const parsed = parseHead(Buffer.from([firstLine, ...lines, '', ''].join('\r\n'), 'latin1'));
  assert.ok(parsed);
  return parsed.value;
}
const get = (...lines: string[]): Head => head('GET http://h/ HTTP/1.1', 'Host: h', ...lines);
const get10 = (...lines: string[]): Head => head('GET http://h/ HTTP/1.0', ...lines);

test('F1: a URL is a target, the Host of the origin, and a path', () => {
  const cases = [
    ['http://h', 'h', 80, 'h', '/'],
    ['http://h/', 'h', 80, 'h', '/'],
    ['HTTP://Example.COM./a/b?c=d#e', 'example.com', 80, 'Example.COM.', '/a/b?c=d'],
    ['http://h:8080?q', 'h', 8080, 'h:8080', '/?q'],
    ['http://h#f', 'h', 80, 'h', '/'],
    ['http://h/?#', 'h', 80, 'h', '/?'],
    ['http://192.0.2.1:1/x', '192.0.2.1', 1, '192.0.2.1:1', '/x'],
    ['http://[2001:DB8::1]/', '2001:db8::1', 80, '[2001:DB8::1]', '/'],
    ['http://[2001:db8::1]:81/', '2001:db8::1', 81, '[2001:db8::1]:81', '/'],
    ['http://h/http://u:p@other/', 'h', 80, 'h', '/http://u:p@other/'],
    ['http://h/../..%2f;x', 'h', 80, 'h', '/../..%2f;x'],
  ] as const;
  for (const [url, host, port, authority, path] of cases) {
    const found = forwardTarget('GET', url);
    assert.deepEqual(
      [found.target.host, found.target.port, found.authority, found.path],
      [host, port, authority, path],
    );
  }
  assert.equal(forwardTarget('OPTIONS', 'http://h').path, '*');
  assert.equal(forwardTarget('OPTIONS', 'http://h/').path, '/');
  assert.equal(forwardTarget('OPTIONS', 'http://h?q').path, '/?q');
});

test('F26, F27: what is no http URL says what to do instead, and repeats no secret', () => {
  const reason = (url: string): string => {
    try {
      forwardTarget('GET', url);
    } catch (error) {
      return (error as Error).message;
    }
    return '';
  };
  assert.match(reason('https://h/'), /CONNECT/);
  assert.match(reason('ftp://h/'), /http:\/\//);
  assert.match(reason('unix:/run/x'), /http:\/\//);
  for (const url of ['/', '*', 'admin', 'h:80', '//h/', '?q', 'http:'])
    assert.match(reason(url), /not a web server/, url);
  assert.match(reason('http://::1/'), /brackets/);
  const secret = reason('http://bob:hunter2@h/');
  assert.ok(secret !== '' && !/bob|hunter2/.test(secret));
  assert.throws(() => forwardTarget('GET', 'http://127.1/'), withCode('TARGET_DENIED'));
});

test('F5, F7, F9: a body has one end, or the request is refused', () => {
  assert.equal(bodyOf(get()), 0);
  assert.equal(bodyOf(get('Content-Length: 12')), 12);
  assert.equal(bodyOf(get('Content-Length: 007')), 7);
  assert.equal(bodyOf(get('transfer-encoding:CHUNKED ')), 'chunked');
  for (const lines of [
    ['Content-Length: 1', 'Transfer-Encoding: chunked'],
    ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'],
    ['Transfer-Encoding: gzip'],
    ['Transfer-Encoding: gzip, chunked'],
    ['Transfer-Encoding: \u00a0chunked'],
    ['Content-Length: 1', 'Content-Length: 1'],
    ['Content-Length: 1 '.repeat(2)],
    ['Content-Length: 9007199254740993'],
    ['Content-Length: \u0661'],
  ]) {
    assert.throws(() => bodyOf(get(...lines)), withCode('BAD_REQUEST'), lines.join());
  }
  assert.throws(() => bodyOf(get10('Transfer-Encoding: chunked')), withCode('BAD_REQUEST'));
});

test('whether a client would stay', () => {
  const stays = (head: Head): boolean => readRequest(head).keepAlive;
  assert.equal(stays(get()), true);
  assert.equal(stays(get('Connection: close')), false);
  assert.equal(stays(get('Connection: x, CLOSE')), false);
  assert.equal(stays(get('Proxy-Connection: close')), false);
  assert.equal(stays(get('Proxy-Connection: close', 'Connection: keep-alive')), true);
  assert.equal(stays(get10()), false);
  assert.equal(stays(get10('Connection: Keep-Alive')), true);
  assert.equal(stays(get10('Proxy-Connection: keep-alive')), true);
});

test('F17, F19: what is taken for the offer of another protocol', () => {
  const offers = (head: Head): boolean => readRequest(head).upgrade;
  assert.equal(offers(get('Connection: Upgrade', 'Upgrade: websocket')), true);
  assert.equal(offers(get('Connection: keep-alive, upgrade', 'Upgrade: foo/2')), true);
  assert.equal(offers(get('Upgrade: websocket')), false);
  assert.equal(offers(get('Connection: Upgrade')), false);
  assert.equal(offers(get('Connection: Upgrade', 'Upgrade: websocket', 'Upgrade: H2C')), false);
  assert.equal(offers(get('Connection: Upgrade', 'Upgrade: websocket', 'Content-Length: 1')), false);
  assert.equal(offers(get10('Connection: Upgrade', 'Upgrade: websocket')), false);
});

test('F15, F29: expectations, TRACE and Max-Forwards', () => {
  assert.equal(expectsWhatIsKnown(get()), true);
  assert.equal(expectsWhatIsKnown(get('Expect: 100-Continue', 'Expect: 100-continue')), true);
  assert.equal(expectsWhatIsKnown(get('Expect: 200-ok')), false);
  assert.throws(
    () => readRequest(head('TRACE http://h/ HTTP/1.1', 'Host: h')),
    withCode('METHOD_NOT_ALLOWED'),
  );
  assert.throws(() => readRequest(get('Max-Forwards: 0')), withCode('METHOD_NOT_ALLOWED'));
  assert.throws(() => readRequest(get('Max-Forwards: 00')), withCode('METHOD_NOT_ALLOWED'));
  assert.ok(readRequest(get('Max-Forwards: 1')));
  assert.ok(readRequest(get('Max-Forwards: many')));
});

test('any URL at all is a destination or a ProxyError, and a destination can be written into a head', () => {
  const part = fc.constantFrom(
    'http:',
    '//',
    '/',
    'h',
    '.',
    '@',
    ':',
    '80',
    '[',
    ']',
    '::1',
    '?',
    '#',
    '%',
    '\\',
    '*',
    'é',
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), fc.constantFrom('GET', 'OPTIONS'), (parts, method) => {
      try {
        const { target, authority, path } = forwardTarget(method, parts.join(''));
        assert.ok(target.port > 0 && target.port < 65_536);
        assert.match(authority, /^[\w.:[\]-]+$/);
        assert.match(path, /^(\*|\/[^#]*)$/);
      } catch (error) {
        assert.equal((error as Error).name, 'ProxyError');
      }
    }),
    { numRuns: 5000 },
  );
});

test('F17: a WebSocket may be asked for by its own scheme', () => {
  const { target, authority, path } = forwardTarget('GET', 'ws://example.com/chat?a=b');
  assert.deepEqual(target, { host: 'example.com', port: 80, family: 0 });
  assert.deepEqual([authority, path], ['example.com', '/chat?a=b']);
});
