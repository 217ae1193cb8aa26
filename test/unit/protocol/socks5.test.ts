import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  authReply,
  chooseMethod,
  METHOD,
  methodReply,
  parseCredentials,
  parseGreeting,
  parseRequest,
  reply,
} from '../../../src/protocol/socks5.ts';
import type { Parser } from '../../../src/protocol/parsed.ts';
import {
  beginningWith,
  damaged,
  hex,
  neverChangesItsMind,
  parses,
  refusesAt,
  withCode,
} from '../../support/parsing.ts';

const domain = (name: string | Buffer, port = 80): Buffer => {
  const bytes = Buffer.from(name);
  return Buffer.concat([hex('05010003'), Buffer.of(bytes.length), bytes, Buffer.of(port >> 8, port & 255)]);
};

test('a greeting lists what the client offers', () => {
  parses(parseGreeting, hex('05 01 00'), { noAuth: true, password: false });
  parses(parseGreeting, hex('05 02 00 02'), { noAuth: true, password: true });
  parses(parseGreeting, hex('05 03 02 02 02'), { noAuth: false, password: true });
  parses(parseGreeting, hex('05 03 99 21 10'), { noAuth: false, password: false });
});

test('A4, A5: no methods at all, and 255 of them with password last', () => {
  assert.deepEqual(parseGreeting(hex('05 00')), { value: { noAuth: false, password: false }, length: 2 });
  const all = Buffer.concat([hex('05 ff'), Buffer.alloc(254, 0x77), hex('02')]);
  parses(parseGreeting, all, { noAuth: false, password: true });
  assert.equal(all.length, 257);
});

test('password is chosen whenever it is offered, and never a method that was not', () => {
  fc.assert(
    fc.property(fc.boolean(), fc.boolean(), fc.boolean(), (noAuth, password, required) => {
      const method = chooseMethod({ noAuth, password }, required);
      const expected = password ? METHOD.password : noAuth && !required ? METHOD.noAuth : METHOD.none;
      assert.equal(method, expected);
    }),
  );
});

test('B: credentials of every length from 0 to 255 bytes each', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'Z', '0', ':', '@', ' ', 'é'), maxLength: 120 });
  fc.assert(
    fc.property(text, text, (name, password) => {
      const [n, p] = [Buffer.from(name), Buffer.from(password)];
      parses(parseCredentials, Buffer.concat([Buffer.of(1, n.length), n, Buffer.of(p.length), p]), {
        name,
        password,
      });
    }),
    { numRuns: 50 },
  );
  const longest = Buffer.concat([hex('01 ff'), Buffer.alloc(255, 'u'), hex('ff'), Buffer.alloc(255, 'p')]);
  assert.equal(longest.length, 513);
  parses(parseCredentials, longest, { name: 'u'.repeat(255), password: 'p'.repeat(255) });
});

test('B3: another version byte is refused at once', () => {
  assert.throws(() => parseCredentials(hex('02')), withCode('BAD_REQUEST'));
  assert.throws(() => parseCredentials(hex('05 01 00')), withCode('BAD_REQUEST'));
});

test('C: requests by address and by name', () => {
  parses(parseRequest, hex('05 01 00 01 c0000207 01bb'), { host: '192.0.2.7', port: 443, family: 4 });
  parses(parseRequest, hex('05 01 00 04 20010db8000000000000000000000001 0050'), {
    host: '2001:db8::1',
    port: 80,
    family: 6,
  });
  parses(parseRequest, hex('05 01 00 04 00000000000000000000ffffc0000207 0050'), {
    host: '192.0.2.7',
    port: 80,
    family: 4,
  });
  parses(parseRequest, domain('Example.COM.', 8080), { host: 'example.com', port: 8080, family: 0 });
});

test('C7: an address sent as a name is an address', () => {
  parses(parseRequest, domain('8.8.8.8'), { host: '8.8.8.8', port: 80, family: 4 });
  parses(parseRequest, domain('2001:db8::1'), { host: '2001:db8::1', port: 80, family: 6 });
  parses(parseRequest, domain('[2001:DB8::1]'), { host: '2001:db8::1', port: 80, family: 6 });
});

test('C3, C5, C6, C10: what is no host name is refused', () => {
  const names = [
    '',
    '127.0.0.1\0.a.com',
    '"""""',
    '---',
    'a b',
    'a\r\nb',
    'a/b',
    'a@b',
    'a..b',
    '.a',
    'ä.de',
    '127。0。0。1',
    '１２７.0.0.1',
  ];
  for (const name of names)
    assert.throws(() => parseRequest(domain(name)), withCode('BAD_TARGET'), JSON.stringify(name));
});

test('C8: odd spellings of IPv4 addresses are denied', () => {
  for (const name of ['2130706433', '0x7f.1', '0177.0.0.1', '127.1', '0', '0x7f000001', '127.0.0.1.']) {
    assert.throws(() => parseRequest(domain(name)), withCode('TARGET_DENIED'), name);
  }
});

test('C11, C12: port 0 and a reserved byte that is not zero', () => {
  assert.throws(() => parseRequest(hex('05 01 00 01 c0000207 0000')), withCode('BAD_TARGET'));
  assert.throws(() => parseRequest(hex('05 01 01')), withCode('BAD_REQUEST'));
});

test('C15–C18: of all commands and address types only CONNECT with 1, 3 and 4 is a request', () => {
  const tail = Buffer.concat([Buffer.of(3), Buffer.from('abc'), Buffer.alloc(300, 1)]);
  for (let command = 0; command < 256; command++) {
    for (let type = 0; type < 256; type++) {
      const bytes = Buffer.concat([Buffer.of(5, command, 0, type), tail]);
      if (command !== 1) assert.throws(() => parseRequest(bytes), withCode('COMMAND_NOT_SUPPORTED'));
      else if (![1, 3, 4].includes(type))
        assert.throws(() => parseRequest(bytes), withCode('ADDRESS_TYPE_NOT_SUPPORTED'));
      else assert.ok(parseRequest(bytes));
    }
  }
});

test('C13: a bad address type is told without waiting for more bytes', () => {
  assert.throws(() => parseRequest(hex('05 01 00 02')), withCode('ADDRESS_TYPE_NOT_SUPPORTED'));
  assert.throws(() => parseRequest(hex('05 02')), withCode('COMMAND_NOT_SUPPORTED'));
});

test('C: what is refused is refused at the byte that says so', () => {
  refusesAt(parseCredentials, hex('05 01 00'), 0, 'BAD_REQUEST');
  refusesAt(parseRequest, hex('01 04 75736572'), 0, 'BAD_REQUEST');
  refusesAt(parseRequest, hex('05 03 00 01 02020201 0101'), 1, 'COMMAND_NOT_SUPPORTED');
  refusesAt(parseRequest, hex('05 01 ff 01 02020201 0101'), 2, 'BAD_REQUEST');
  refusesAt(parseRequest, hex('05 01 00 23 02020201 0101'), 3, 'ADDRESS_TYPE_NOT_SUPPORTED');
  refusesAt(parseRequest, hex('05 01 00 01 c0000207 0000'), 9, 'BAD_TARGET');
  refusesAt(parseRequest, domain('a b', 443), 9, 'BAD_TARGET');
});

test('any bytes at all are a message, too short, or a ProxyError, and stay so', () => {
  const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
    fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes));
  const text = bytes(40);
  const greeting = text.map((methods) => Buffer.concat([Buffer.of(5, methods.length), methods]));
  const credentials = fc
    .tuple(text, text)
    .map(([n, p]) => Buffer.concat([Buffer.of(1, n.length), n, Buffer.of(p.length), p]));
  const request = fc.tuple(fc.domain(), fc.nat(65_535)).map(([name, port]) => domain(name, port));
  const beginnings = ['05', '01', '05 01 00 01', '05 01 00 04', '05 01 00 03 07'].map(hex);
  for (const parse of [parseGreeting, parseCredentials, parseRequest] as Parser<unknown>[]) {
    const input = fc.oneof(
      damaged(greeting),
      damaged(credentials),
      damaged(request),
      beginningWith(...beginnings),
      bytes(600),
    );
    fc.assert(
      fc.property(input, (bytes) => neverChangesItsMind(parse, bytes)),
      { numRuns: 500 },
    );
  }
});

test('replies are whole, and a success names the address and port bound', () => {
  assert.deepEqual(methodReply(METHOD.none), hex('05 ff'));
  assert.deepEqual(authReply(true), hex('01 00'));
  assert.deepEqual(authReply(false), hex('01 01'));
  assert.deepEqual(reply(0x05), hex('05 05 00 01 00000000 0000'));
  assert.deepEqual(reply(0, { address: '127.0.0.3', port: 40000 }), hex('05 00 00 01 7f000003 9c40'));
  assert.deepEqual(
    reply(0, { address: '2001:db8::5', port: 443 }),
    hex('05 00 00 04 20010db8000000000000000000000005 01bb'),
  );
});
