import assert from 'node:assert/strict';
import { ProxyError } from '../../../src/errors.ts';
import {
  basicCredentials,
  connectTarget,
  MAX_HEAD_BYTES,
  MAX_HEADERS,
  parseHead,
  type Head,
} from '../../../src/protocol/http.ts';
import { checkTarget, orRefusal, parsePieces, wordFor } from '../invariants.ts';
import type { Target } from '../target.ts';

function run(input: Buffer): string {
  const { verdict, word } = parsePieces(parseHead, input);
  if (verdict instanceof ProxyError) return word;
  if (verdict === undefined) {
    assert.ok(input.length < MAX_HEAD_BYTES, `${input.length} bytes, and still waiting`);
    return word;
  }
  const { value: head, length } = verdict;
  assert.ok(length <= MAX_HEAD_BYTES, `${length} bytes were read`);
  assert.equal(input.toString('latin1', length - 4, length), '\r\n\r\n');
  assert.equal(input.indexOf('\r\n\r\n'), length - 4, 'a head within the head');
  checkHead(head);
  const target = orRefusal(() => connectTarget(head));
  if (!(target instanceof ProxyError)) {
    checkTarget(target);
    assert.equal(head.method, 'CONNECT');
    const hosts = head.headers.filter(([name]) => name === 'host').length;
    assert.ok(hosts === 1 || (hosts === 0 && head.version === '1.0'), `${hosts} Host lines`);
  }
  const credentials = basicCredentials(head);
  assert.ok(credentials === undefined || !credentials.name.includes(':'), 'a colon in a user name');
  return `${wordFor(target)}${credentials === undefined ? '' : ' with credentials'}`;
}

/** Nothing in it can be read in two ways, and written plainly it is the same head. */
function checkHead(head: Head): void {
  assert.match(head.method, /^[^\u0000-\u0020\u007f-\u00ff:/@]+$/);
  assert.match(head.target, /^[\u0021-\u007e]+$/);
  assert.ok(head.headers.length <= MAX_HEADERS, `${head.headers.length} headers`);
  for (const [name, value] of head.headers) {
    assert.match(name, /^[^\u0000-\u0020A-Z\u007f-\u00ff:]+$/);
    assert.doesNotMatch(value, /[\u0000-\u0008\u000a-\u001f\u007f]|^[ \t]|[ \t]$/);
  }
  const lines = [`${head.method} ${head.target} HTTP/${head.version}`];
  for (const [name, value] of head.headers) lines.push(`${name}:${value}`);
  const written = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  assert.deepEqual(parseHead(written), { value: head, length: written.length });
}

export const target: Target = {
  longest: 17_000,
  words: [
    'CONNECT ',
    'GET ',
    'POST ',
    ' HTTP/1.1\r\n',
    ' HTTP/1.0\r\n',
    'HTTP/2.0',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'example.com:443',
    '[::1]:443',
    '\r\n',
    '\r\n\r\n',
    '\n',
    '\r',
    'Host: example.com\r\n',
    'Content-Length: 0\r\n',
    'Content-Length: 5,6\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Proxy-Authorization: Basic dXNlcjpwYXNz\r\n',
    'Proxy-Authorization: Basic ',
    '__proto__: x\r\n',
    ' : ',
    'a:\r\n',
  ],
  run,
};
