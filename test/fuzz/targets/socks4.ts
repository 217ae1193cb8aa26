import assert from 'node:assert/strict';
import { ProxyError } from '../../../src/errors.ts';
import { formatIpv4, ipBytes, parseHost } from '../../../src/protocol/address.ts';
import { parseRequest, reply, type Socks4Request } from '../../../src/protocol/socks4.ts';
import { checkTarget, parsePieces } from '../invariants.ts';
import type { Target } from '../target.ts';

/** Eight fixed bytes, a user id and a name with a trailing dot, and the zero behind each. */
const LONGEST = 8 + 256 + 255;

function run(input: Buffer): string {
  const { verdict, word } = parsePieces(parseRequest, input);
  if (verdict instanceof ProxyError) return word;
  if (verdict === undefined) {
    assert.ok(input.length < LONGEST, `${input.length} bytes, and still waiting`);
    return word;
  }
  assert.ok(verdict.length <= LONGEST, `${verdict.length} bytes were read`);
  assert.equal(input[verdict.length - 1], 0);
  const { target, userId } = verdict.value;
  checkTarget(target);
  assert.ok(!userId.includes('\0'), 'the user id reaches beyond its end');
  // 0.0.0.x is no address: a name follows.
  const isNamed = input.readUInt32BE(4) <= 0xff;
  const last = input.toString('latin1', isNamed ? input.indexOf(0, 8) + 1 : 8, verdict.length - 1);
  const { host, family } = isNamed ? parseHost(last) : { host: formatIpv4(input, 4), family: 4 };
  assert.deepEqual(target, { host, port: input.readUInt16BE(2), family });
  const again = parseRequest(written(verdict.value));
  assert.deepEqual(again?.value, { target, userId: '' });
  assert.equal(reply(true, { address: target.host, port: target.port }).length, 8);
  return `family ${target.family}${userId === '' ? '' : ' with user'}`;
}

/** The request a careful client writes for a target, always as 4a where SOCKS4 has no room for it. */
function written({ target: { host, port, family } }: Socks4Request): Buffer {
  const head = Buffer.of(4, 1, port >> 8, port & 0xff);
  // 0.0.0.1 to 0.0.0.255 as addresses can only be written as names.
  if (family === 4 && !host.startsWith('0.0.0.')) return Buffer.concat([head, ipBytes(host)!, Buffer.of(0)]);
  return Buffer.concat([head, Buffer.of(0, 0, 0, 1, 0), Buffer.from(`${host}\0`, 'latin1')]);
}

export const target: Target = {
  longest: 700,
  words: [
    '\u0004\u0001\u0000\u0050',
    '\u0000\u0000\u0000\u0001',
    '\u0000\u0000\u0000\u0000',
    'user\u0000',
    'example.com\u0000',
    '127.0.0.1\u0000',
    '[::1]\u0000',
    '0x7f.1',
  ],
  run,
};
