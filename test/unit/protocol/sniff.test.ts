import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inboundOf, wantsTunnel } from '../../../src/protocol/sniff.ts';

const TOKEN_PUNCTUATION = "!#$%&'*+-.^_`|~";

test('A2, A12, A13: one byte tells the protocol, or that there is none', () => {
  for (let byte = 0; byte < 256; byte++) {
    const character = String.fromCodePoint(byte);
    const http = TOKEN_PUNCTUATION.includes(character) || /^[0-9a-z]$/i.test(character);
    const expected = byte === 4 ? 'socks4' : byte === 5 ? 'socks5' : http ? 'http-connect' : undefined;
    assert.equal(inboundOf(byte), expected, `byte ${byte}`);
  }
  // A TLS ClientHello, SOCKS5 credentials before the greeting, the binary PROXY header, nothing but a line break.
  for (const byte of [0x16, 0x01, 0x0d, 0x0a]) assert.equal(inboundOf(byte), undefined);
});

test('CONNECT is told as soon as it can be, and nothing is consumed', () => {
  const method = Buffer.from('CONNECT ');
  for (let end = 0; end < method.length; end++) {
    const begun = method.subarray(0, end);
    assert.equal(wantsTunnel(begun), undefined);
    for (let byte = 0; byte < 256; byte++) {
      const verdict = wantsTunnel(Buffer.concat([begun, Buffer.of(byte)]));
      if (byte !== method[end]) assert.deepEqual(verdict, { value: false, length: 0 });
    }
  }
  assert.deepEqual(wantsTunnel(method), { value: true, length: 0 });
  assert.deepEqual(wantsTunnel(Buffer.from('CONNECT h:1 HTTP/1.1\r\n')), { value: true, length: 0 });
});

test('every other method is no tunnel', () => {
  for (const head of [
    'GET http://h/ HTTP/1.1',
    'C http://h/',
    'CONNECTED h:1',
    'connect h:1',
    'CONNECT\th:1',
    'CONNECT\r\n',
  ]) {
    assert.deepEqual(wantsTunnel(Buffer.from(head)), { value: false, length: 0 }, head);
  }
});
