import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { ProxyError } from '../../../src/errors.ts';
import { parseProxyHeader } from '../../../src/protocol/proxy-header.ts';
import { parseHost } from '../../../src/protocol/address.ts';
import { parsePieces } from '../invariants.ts';
import type { Target } from '../target.ts';

/** A line of version 1, a header of version 2; bytes. */
const LONGEST = { line: 107, binary: 16 + 2048 } as const;

function run(input: Buffer): string {
  const longest = input[0] === 0x0d ? LONGEST.binary : LONGEST.line;
  const { verdict, word } = parsePieces(parseProxyHeader, input);
  if (verdict instanceof ProxyError) return word;
  if (verdict === undefined) {
    assert.ok(input.length < longest, `${input.length} bytes, and still waiting`);
    return word;
  }
  assert.ok(verdict.length <= longest, `${verdict.length} bytes were read`);
  const { client } = verdict.value;
  if (client === undefined) return 'no client';
  const { address, port } = client;
  assert.ok(Number.isInteger(port) && port >= 0 && port <= 65_535, `port ${port}`);
  assert.deepEqual(parseHost(address), { host: address, family: isIP(address) });
  const line = `PROXY TCP${isIP(address)} ${address} ${address} ${port} 1\r\n`;
  assert.deepEqual(parseProxyHeader(Buffer.from(line)), { value: { client }, length: line.length });
  return `family ${isIP(address)}`;
}

export const target: Target = {
  longest: 2200,
  words: [
    'PROXY TCP4 ',
    'PROXY TCP6 ',
    'PROXY UNKNOWN',
    '192.0.2.1 ',
    '2001:db8::1 ',
    '::ffff:192.0.2.1 ',
    ' 65535 443\r\n',
    '\r\n',
    '\r\n\r\n\u0000\r\nQUIT\n',
    '\u0021\u0011\u0000\u000c',
    '\u0021\u0021\u0000\u0024',
    '\u0020\u0000\u0000\u0000',
    '\u0003\u0000\u0004',
    '\u0004\u0000\u0001x',
  ],
  run,
};
