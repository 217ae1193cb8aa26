import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { FailureCode } from '../../../src/errors.ts';
import { parseHost } from '../../../src/protocol/address.ts';
import { parseRequest, reply } from '../../../src/protocol/socks4.ts';
import {
  beginningWith,
  damaged,
  hex,
  neverChangesItsMind,
  parses,
  refusesAt,
  withCode,
} from '../../support/parsing.ts';

const NUL = Buffer.of(0);
const portBytes = (port: number): Buffer => Buffer.of(port >> 8, port & 255);

/** A request by address. */
const byAddress = (address: string, port = 80, userId = ''): Buffer =>
  Buffer.concat([
    hex('04 01'),
    portBytes(port),
    Buffer.from(address.split('.').map(Number)),
    Buffer.from(userId),
    NUL,
  ]);

/** A request by name, 4a. */
const byName = (host: string | Buffer, port = 80, userId: string | Buffer = ''): Buffer =>
  Buffer.concat([
    hex('04 01'),
    portBytes(port),
    hex('00000001'),
    Buffer.from(userId),
    NUL,
    Buffer.from(host),
    NUL,
  ]);

/** Where the host of a 4a request without user id begins. */
const HOST_AT = 9;

test('requests by address', () => {
  parses(parseRequest, hex('04 01 01bb c0000207 00'), {
    target: { host: '192.0.2.7', port: 443, family: 4 },
    userId: '',
  });
  parses(parseRequest, byAddress('255.255.255.255', 65_535, 'fred'), {
    target: { host: '255.255.255.255', port: 65_535, family: 4 },
    userId: 'fred',
  });
});

test('requests by name have the one spelling of all protocols', () => {
  const cases: readonly (readonly [sent: string, host: string, family: 0 | 4 | 6])[] = [
    ['example.com', 'example.com', 0],
    ['Example.COM.', 'example.com', 0],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example', 0],
    ['8.8.8.8', '8.8.8.8', 4],
    ['127.0.0.1', '127.0.0.1', 4],
    ['2001:DB8::1', '2001:db8::1', 6],
    ['[2001:db8::1]', '2001:db8::1', 6],
    ['::ffff:127.0.0.1', '127.0.0.1', 4],
  ];
  for (const [sent, host, family] of cases) {
    parses(parseRequest, byName(sent, 8080, 'me'), { target: { host, port: 8080, family }, userId: 'me' });
  }
});

test('a user id is UTF-8, and may be anything else that has no zero byte', () => {
  assert.equal(parseRequest(byAddress('192.0.2.1', 80, 'jürgen'))?.value.userId, 'jürgen');
  assert.equal(parseRequest(byName('a.example', 80, hex('ff 0d 0a')))?.value.userId, '\ufffd\r\n');
});

test('D2: a user id has at most 255 bytes, terminated or not', () => {
  parses(parseRequest, byAddress('192.0.2.1', 80, 'u'.repeat(255)), {
    target: { host: '192.0.2.1', port: 80, family: 4 },
    userId: 'u'.repeat(255),
  });
  const long = 'u'.repeat(2000);
  for (const message of [byAddress('192.0.2.1', 80, long), byName('a.example', 80, long)]) {
    refusesAt(parseRequest, message, 8 + 255, 'BAD_REQUEST');
    refusesAt(parseRequest, message.subarray(0, 8 + 2000), 8 + 255, 'BAD_REQUEST');
  }
  refusesAt(parseRequest, byAddress('192.0.2.1', 80, 'u'.repeat(256)), 8 + 255, 'BAD_REQUEST');
});

test('D3: a host has at most 253 characters and a dot, terminated or not', () => {
  const longest = `${'a.'.repeat(126)}b`;
  for (const sent of [longest, `${longest}.`]) {
    parses(parseRequest, byName(sent), { target: { host: longest, port: 80, family: 0 }, userId: '' });
  }
  refusesAt(parseRequest, byName(`${longest}c`), HOST_AT + 254, 'BAD_TARGET');
  refusesAt(parseRequest, byName(`${longest}cd`), HOST_AT + 254, 'BAD_TARGET');
  const long = byName('a.'.repeat(1000));
  refusesAt(parseRequest, long, HOST_AT + 254, 'BAD_TARGET');
  refusesAt(parseRequest, long.subarray(0, -1), HOST_AT + 254, 'BAD_TARGET');
});

test('D3: the longest request of all', () => {
  const message = byName(`${'a.'.repeat(126)}b.`, 80, 'u'.repeat(255));
  assert.equal(message.length, 519);
  assert.equal(parseRequest(message)?.length, 519);
});

test('D4: port 0 is refused when it is read', () => {
  refusesAt(parseRequest, hex('04 01 0000 01020304 00'), 3, 'BAD_TARGET');
  refusesAt(parseRequest, byName('a.example', 0), 3, 'BAD_TARGET');
});

test('D5: 0.0.0.0 is no address, and does not announce a name', () => {
  refusesAt(parseRequest, hex('04 01 0050 00000000 00'), 7, 'BAD_TARGET');
  refusesAt(
    parseRequest,
    Buffer.concat([hex('04 01 0050 00000000 00'), Buffer.from('a.example\0')]),
    7,
    'BAD_TARGET',
  );
});

test('D7: an empty host', () => {
  refusesAt(parseRequest, byName(''), HOST_AT, 'BAD_TARGET');
});

test('D8: 0.0.0.1 to 0.0.0.255 announce a name, 0.0.1.0 and all others are addresses', () => {
  for (let last = 1; last <= 255; last++) {
    const message = byName('a.example');
    message[7] = last;
    parses(parseRequest, message, { target: { host: 'a.example', port: 80, family: 0 }, userId: '' });
  }
  for (const host of ['0.0.1.0', '0.0.1.1', '0.1.0.0', '0.1.0.1', '1.0.0.0', '1.0.0.1', '127.0.0.1']) {
    parses(parseRequest, byAddress(host), { target: { host, port: 80, family: 4 }, userId: '' });
  }
});

test('D9: of all commands only CONNECT is one, told by the second byte', () => {
  for (let command = 0; command < 256; command++) {
    const message = byAddress('192.0.2.1');
    message[1] = command;
    if (command === 1) assert.ok(parseRequest(message));
    else refusesAt(parseRequest, message, 1, 'COMMAND_NOT_SUPPORTED');
  }
});

test('D10: bytes behind the last zero byte are left alone', () => {
  const hello = hex('16 03 01 00 c8 00 00');
  for (const message of [byAddress('192.0.2.1', 443, 'me'), byName('a.example', 443, 'me')]) {
    assert.equal(parseRequest(Buffer.concat([message, hello]))?.length, message.length);
  }
});

test('D12: what is no host name is refused', () => {
  const refused = (names: readonly string[], code: FailureCode): void => {
    for (const name of names) {
      const message = byName(Buffer.from(name));
      refusesAt(parseRequest, message, message.length - 1, code);
    }
  };
  refused(
    [
      '---', 'a\r\nb', 'a b', ' ', 'a/b', 'a@b', 'u:p@h', 'a..b', '.a', '"""""', 'a.example:80', 'ä.de', '127。0。0。1',
      '１２７.0.0.1', '[::1', '[a.example]', 'fe80::1%lo', '*', 'http://a.example', 'a'.repeat(64),
    ],
    'BAD_TARGET',
  ); // prettier-ignore
  refused(['2130706433', '0x7f.1', '0177.0.0.1', '127.1', '0', '127.0.0.1.'], 'TARGET_DENIED');
  for (let byte = 0x80; byte < 256; byte++) {
    assert.throws(() => parseRequest(byName(Buffer.of(0x61, byte))), withCode('BAD_TARGET'));
  }
});

test('D12: a zero byte ends a host, and what follows is not a part of it', () => {
  assert.deepEqual(parseRequest(byName('127.0.0.1\0.a.example')), {
    value: { target: { host: '127.0.0.1', port: 80, family: 4 }, userId: '' },
    length: HOST_AT + '127.0.0.1\0'.length,
  });
});

test('another version is refused at once', () => {
  for (let version = 0; version < 256; version++) {
    if (version !== 4) refusesAt(parseRequest, Buffer.of(version, 1, 0, 80), 0, 'BAD_REQUEST');
  }
});

const port = fc.integer({ min: 1, max: 65_535 });
const userId = fc
  .string({ unit: 'grapheme', maxLength: 60 })
  .filter((text) => !text.includes('\0') && Buffer.byteLength(text) <= 255);
const host = fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6());
const address = fc.ipV4().filter((text) => !text.startsWith('0.0.0.'));

test('every request that is written is read', () => {
  fc.assert(
    fc.property(address, port, userId, (host, port, userId) => {
      parses(parseRequest, byAddress(host, port, userId), { target: { host, port, family: 4 }, userId });
    }),
  );
  fc.assert(
    fc.property(host, port, userId, (host, port, userId) => {
      parses(parseRequest, byName(host, port, userId), { target: { ...parseHost(host), port }, userId });
    }),
  );
});

test('any bytes at all are a request, too short, or a ProxyError, and stay so', () => {
  const nearly = fc.oneof(
    damaged(fc.tuple(address, port, userId).map(([host, port, id]) => byAddress(host, port, id))),
    damaged(fc.tuple(host, port, userId).map(([host, port, id]) => byName(host, port, id))),
    beginningWith(hex('04 01 0050'), hex('04 01 0050 00000001'), hex('04 01 0050 c0000207')),
  );
  fc.assert(
    fc.property(nearly, (bytes) => neverChangesItsMind(parseRequest, bytes)),
    { numRuns: 500 },
  );
});

test('replies are eight bytes, and a success names the address and port bound', () => {
  assert.deepEqual(reply(false), hex('00 5b 0000 00000000'));
  assert.deepEqual(reply(true), hex('00 5a 0000 00000000'));
  assert.deepEqual(reply(true, { address: '127.0.0.3', port: 40_000 }), hex('00 5a 9c40 7f000003'));
  assert.deepEqual(reply(true, { address: '2001:db8::5', port: 443 }), hex('00 5a 0000 00000000'));
  assert.deepEqual(reply(true, { address: 'unix:/run/gyre.sock', port: 0 }), hex('00 5a 0000 00000000'));
});
