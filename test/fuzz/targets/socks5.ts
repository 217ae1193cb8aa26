import assert from 'node:assert/strict';
import { ProxyError } from '../../../src/errors.ts';
import { ipBytes } from '../../../src/protocol/address.ts';
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
import type { Target as Destination } from '../../../src/connection.ts';
import type { Parser } from '../../../src/protocol/parsed.ts';
import { checkTarget, parsePieces } from '../invariants.ts';
import type { Target } from '../target.ts';

/** Longest message each of RFC 1928 and RFC 1929 allows; bytes. */
const LONGEST = { greeting: 257, credentials: 513, request: 262 } as const;

/** Every message is read at the beginning of the input, and the request also behind a greeting or credentials. */
function run(input: Buffer): string {
  const greeting = read(parseGreeting, input, LONGEST.greeting);
  if (greeting.value !== undefined) {
    const { noAuth, password } = greeting.value;
    const offered = new Set<number>([METHOD.none]);
    if (noAuth) offered.add(METHOD.noAuth);
    if (password) offered.add(METHOD.password);
    for (const required of [true, false]) {
      const method = chooseMethod(greeting.value, required);
      assert.ok(offered.has(method) && !(required && method === METHOD.noAuth), `method ${method}`);
      assert.equal(methodReply(method).length, 2);
    }
  }
  const credentials = read(parseCredentials, input, LONGEST.credentials);
  assert.equal(authReply(credentials.value !== undefined).length, 2);
  const behind = credentials.value === undefined ? greeting.length : credentials.length;
  const [first, later] = [request(input), request(input.subarray(behind))];
  return `${credentials.word} / ${later === 'more' ? first : later}`;
}

function read<T>(
  parse: Parser<T>,
  input: Buffer,
  longest: number,
): { value?: T; length: number; word: string } {
  const { verdict, word } = parsePieces(parse, input);
  if (verdict === undefined || verdict instanceof ProxyError) {
    assert.ok(verdict !== undefined || input.length < longest, `${input.length} bytes, and still waiting`);
    return { length: 0, word };
  }
  return { ...verdict, word };
}

function request(input: Buffer): string {
  const { value, word } = read(parseRequest, input, LONGEST.request);
  if (value === undefined) return word;
  checkTarget(value);
  assert.deepEqual(parseRequest(written(value))?.value, value);
  assert.equal(reply(0, { address: value.host, port: value.port }).length, value.family === 6 ? 22 : 10);
  return `family ${value.family}`;
}

/** The request a careful client writes for a target. */
function written({ host, port, family }: Destination): Buffer {
  const address = ipBytes(host) ?? Buffer.from(`${String.fromCodePoint(host.length)}${host}`, 'latin1');
  const type = { 0: 3, 4: 1, 6: 4 }[family];
  return Buffer.concat([Buffer.of(5, 1, 0, type), address, Buffer.of(port >> 8, port & 0xff)]);
}

export const target: Target = {
  longest: 1100,
  words: [
    '\u0005\u0001\u0000',
    '\u0005\u0001\u0000\u0001',
    '\u0005\u0001\u0000\u0003\u000bexample.com\u0000\u0050',
    '\u0005\u0001\u0000\u0004',
    '\u0001\u0004user\u0004pass',
    '127.0.0.1',
    '::ffff:10.0.0.1',
    '[2001:db8::1]',
    '0x7f.1',
    '.com',
    '\u0000\u0050',
  ],
  run,
};
