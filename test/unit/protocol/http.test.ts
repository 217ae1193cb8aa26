import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { FAILURES, ProxyError, type FailureCode } from '../../../src/errors.ts';
import {
  basicCredentials,
  connectTarget,
  granted,
  MAX_HEAD_BYTES,
  parseHead,
  refused,
} from '../../../src/protocol/http.ts';

const withCode = (code: FailureCode) => ({ name: 'ProxyError', code });
const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

function head(text: string) {
  const parsed = parseHead(latin1(text));
  assert.ok(parsed, 'the head is complete');
  return parsed.value;
}
const connect = (authority: string, ...headers: string[]) =>
  [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`, ...headers, '', ''].join('\r\n');

test('E1: a head is found at its empty line, and never before', () => {
  const text = connect('example.com:443', 'User-Agent: x');
  for (let end = 0; end < text.length; end++) assert.equal(parseHead(latin1(text.slice(0, end))), undefined);
  const parsed = parseHead(latin1(`${text}\x16\x03\x01`));
  assert.equal(parsed?.length, text.length);
  assert.deepEqual(parsed?.value, {
    method: 'CONNECT',
    target: 'example.com:443',
    version: '1.1',
    headers: [
      ['host', 'example.com:443'],
      ['user-agent', 'x'],
    ],
  });
  assert.deepEqual(connectTarget(parsed.value), { host: 'example.com', port: 443, family: 0 });
});

test('spaces and tabs around a value go, those inside stay, and so does every other space', () => {
  const value = (text: string): string | undefined => head(connect('a:1', `X:${text}`)).headers[1]?.[1];
  assert.deepEqual([' a  b ', '\t a\tb\t ', 'a', '', '  \t', '\u00a0a\u00a0'].map(value), [
    'a  b',
    'a\tb',
    'a',
    '',
    '',
    '\u00a0a\u00a0',
  ]);
});

test('a line full of spaces is read once, not once for each of them', () => {
  // Each of these once took half a second of a thread, before any login: now all of them do not take that.
  const text = connect('a:1', `X: a${' '.repeat(MAX_HEAD_BYTES - 100)}b`);
  for (let i = 0; i < 200; i++) assert.equal(head(text).headers[1]?.[1]?.length, MAX_HEAD_BYTES - 98);
});

test('E3: IPv6 literals, with brackets and as proxychains writes them', () => {
  for (const authority of ['[2001:db8::1]:443', '2001:db8::1:443']) {
    assert.deepEqual(connectTarget(head(connect(authority))), { host: '2001:db8::1', port: 443, family: 6 });
  }
});

test('E3–E6: targets that are none', () => {
  for (const authority of [
    '[::1]',
    '[::1%25lo]:443',
    '[example.com]:443',
    'h',
    'h:',
    'h:0',
    'h:65536',
    'h:+443',
    'h:0x1bb',
    '/',
    'http://h:80',
    '*',
    'u:p@h:443',
  ]) {
    assert.throws(() => connectTarget(head(connect(authority))), withCode('BAD_TARGET'), authority);
  }
  assert.throws(
    () => connectTarget(head(connect('bob:s3cret@h:443'))),
    (error: Error) => !error.message.includes('s3cret'),
  );
});

test('E8–E10: Host is wanted once, and only of HTTP/1.1', () => {
  assert.throws(() => connectTarget(head('CONNECT h:1 HTTP/1.1\r\n\r\n')), withCode('BAD_REQUEST'));
  assert.throws(() => connectTarget(head(connect('h:1', 'Host: h:1'))), withCode('BAD_REQUEST'));
  assert.deepEqual(connectTarget(head('CONNECT h:1 HTTP/1.0\r\n\r\n')), { host: 'h', port: 1, family: 0 });
});

test('E11: versions that are not 1.x', () => {
  assert.throws(() => head('CONNECT h:1\r\n\r\n'), withCode('BAD_REQUEST'));
  assert.throws(() => head('CONNECT h:1 HTTP/2.0\r\n\r\n'), withCode('BAD_VERSION'));
  assert.throws(() => head('PRI * HTTP/2.0\r\n\r\n'), withCode('BAD_VERSION'));
});

test('E13: a CONNECT has no body', () => {
  assert.throws(
    () => connectTarget(head(connect('h:1', 'Transfer-Encoding: chunked'))),
    withCode('BAD_REQUEST'),
  );
  assert.throws(() => connectTarget(head(connect('h:1', 'Content-Length: 5'))), withCode('BAD_REQUEST'));
  assert.ok(connectTarget(head(connect('h:1', 'Content-Length: 0'))));
});

test('E19: too long, too many lines', () => {
  assert.throws(
    () => parseHead(latin1(`GET / HTTP/1.1\r\nA: ${'x'.repeat(MAX_HEAD_BYTES)}`)),
    withCode('HEAD_TOO_LARGE'),
  );
  assert.throws(() => parseHead(latin1('x'.repeat(65_536))), withCode('HEAD_TOO_LARGE'));
  assert.throws(
    () => head(connect('h:1', ...Array.from({ length: 2001 }, () => 'a:'))),
    withCode('HEAD_TOO_LARGE'),
  );
  const longest = connect('h:1', '');
  const filled = longest
    .replace('\r\n\r\n', `\r\nA: ${'x'.repeat(MAX_HEAD_BYTES - longest.length - 3)}\r\n\r\n`)
    .replace('\r\n\r\n\r\n', '\r\n\r\n');
  assert.ok(parseHead(latin1(filled)));
});

test('E20–E23: what two parsers could read in two ways is refused', () => {
  const bad = [
    'CONNECT h:1 HTTP/1.1\nHost: h:1\n\n',
    'CONNECT h:1 HTTP/1.1\r\nHost: h\r:1\r\n\r\n',
    'CONNECT h:1 HTTP/1.1\r\nHost : h:1\r\n\r\n',
    'CONNECT h:1 HTTP/1.1\r\n Host: h:1\r\n\r\n',
    'CONNECT h:1 HTTP/1.1\r\n: h:1\r\n\r\n',
    'CONNECT h:1 HTTP/1.1\r\nA\0: b\r\n\r\n',
    'CONNECT h:1 HTTP/1.1\r\nA: b\0\r\n\r\n',
    'CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r X\r\n\r\n',
    'CONNECT  h:1 HTTP/1.1\r\n\r\n',
    'CONNECT h:1  HTTP/1.1\r\n\r\n',
    '\r\nCONNECT h:1 HTTP/1.1\r\n\r\n',
  ];
  for (const text of bad) assert.throws(() => head(text), withCode('BAD_REQUEST'), JSON.stringify(text));
});

test('E24: header names that are words of the language are plain data', () => {
  const { headers } = head(connect('h:1', '__proto__: a', 'constructor: b', 'hasOwnProperty: c'));
  assert.deepEqual(headers.slice(1), [
    ['__proto__', 'a'],
    ['constructor', 'b'],
    ['hasownproperty', 'c'],
  ]);
});

test('only CONNECT asks for a tunnel', () => {
  assert.throws(
    () => connectTarget(head('GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n')),
    withCode('BAD_REQUEST'),
  );
});

test('E21: a CR that no LF follows is seen before the line has an end', () => {
  const text = 'GET http://h/ HTTP/1.1\r\nHost: h\r\n\r';
  assert.equal(parseHead(latin1(text)), undefined);
  assert.throws(() => parseHead(latin1(`${text}X`)), withCode('BAD_REQUEST'));
});

test('E18: Basic credentials split at the first colon, and garbage is none', () => {
  const basic = (text: string) => `Proxy-Authorization: Basic ${Buffer.from(text).toString('base64')}`;
  const read = (...lines: string[]) => basicCredentials(head(connect('h:1', ...lines)));
  assert.deepEqual(read(basic('bob:a:b:c')), { name: 'bob', password: 'a:b:c' });
  assert.deepEqual(read(basic('ö:ü').replace('Basic', 'bAsIc')), { name: 'ö', password: 'ü' });
  for (const line of [
    'Proxy-Authorization: Bearer x',
    'Proxy-Authorization: Basic',
    'Proxy-Authorization: Basic %%%',
    basic('nocolon'),
  ]) {
    assert.equal(read(line), undefined, line);
  }
  assert.equal(read(basic('a:b'), basic('c:d')), undefined, 'two of them contradict each other');
});

test('any bytes at all are a head, too short, or a ProxyError', () => {
  const soup = fc.array(
    fc.constantFrom(
      'CONNECT ',
      'h:1',
      ' HTTP/1.1',
      '\r\n',
      '\n',
      '\r',
      ': ',
      'Host',
      ' ',
      '\0',
      'é',
      '\x7f',
      '@',
    ),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(soup, fc.uint8Array({ maxLength: 40 }), (parts, bytes) => {
      try {
        const parsed = parseHead(Buffer.concat([latin1(parts.join('')), bytes]));
        if (parsed !== undefined) connectTarget(parsed.value);
      } catch (error) {
        assert.equal((error as Error).name, 'ProxyError');
      }
    }),
    { numRuns: 5000 },
  );
});

test('a success names the egress and nothing follows its head', () => {
  assert.equal(
    granted({ address: '192.0.2.10', port: 4000 }).toString(),
    'HTTP/1.1 200 Connection established\r\nProxy-Status: gyre; egress="192.0.2.10"\r\n\r\n',
  );
});

test('every failure is a well-formed answer with its reason in the reason phrase', () => {
  for (const code of Object.keys(FAILURES) as FailureCode[]) {
    const error = new ProxyError(code);
    const text = refused(error).toString('latin1');
    const [top = '', body = ''] = text.split('\r\n\r\n');
    const [status, ...lines] = top.split('\r\n');
    assert.equal(status, `HTTP/1.1 ${error.failure.http} ${error.message}`);
    assert.ok(lines.includes(`Content-Length: ${body.length}`));
    assert.ok(
      lines.some((line) => line.startsWith(`Proxy-Status: gyre; error=${error.failure.proxyStatus}; `)),
    );
    assert.equal(
      lines.some((line) => line.startsWith('Proxy-Authenticate: Basic realm=')),
      error.failure.http === 407,
    );
    assert.ok(text.length < 1024);
  }
  assert.match(refused(new ProxyError('AUTH_REQUIRED'), true).toString(), /\r\nConnection: keep-alive\r\n/);
});

test('a refusal of HEAD has no body, one with 405 says what is allowed, and the status may be another', () => {
  const head = refused(new ProxyError('BAD_TARGET'), false, undefined, 'HEAD').toString();
  assert.ok(head.endsWith('\r\n\r\n') && /\r\nContent-Length: [1-9]/.test(head));
  assert.match(refused(new ProxyError('METHOD_NOT_ALLOWED')).toString(), /\r\nAllow: GET, /);
  assert.match(
    refused(new ProxyError('BAD_REQUEST'), false, 417).toString(),
    /^HTTP\/1\.1 417 malformed request\r\n/,
  );
});
