import assert from 'node:assert/strict';
import { BlockList, isIP } from 'node:net';
import { ProxyError } from '../../../src/errors.ts';
import { buildGuard } from '../../../src/policy/guard.ts';
import { classify } from '../../../src/policy/special.ts';
import { formatIpv4, formatIpv6, ipBytes } from '../../../src/protocol/address.ts';
import { orRefusal, wordFor } from '../invariants.ts';
import type { Target } from '../target.ts';

const guard = buildGuard({
  allowPrivate: false,
  own: [
    { address: '8.8.4.4', port: 1080 },
    { address: '::', port: 1081 },
  ],
  isLocal: (address) => address === '8.8.8.8',
});

/** Networks nobody may be let into, told by code that is not ours. */
const inside = new BlockList();
for (const [address, length] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['224.0.0.0', 3],
] as const) {
  inside.addSubnet(address, length, 'ipv4');
}
for (const [address, length] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  inside.addSubnet(address, length, 'ipv6');
}

/** Where an IPv4 address stands inside an IPv6 address of these prefixes. */
const CARRIERS: readonly (readonly [prefix: string, at: number])[] = [
  ['00000000000000000000ffff', 12],
  ['0064ff9b0000000000000000', 12],
  ['2002', 2],
];

/** The input as the bytes of an address, and as the text of one. */
function run(input: Buffer): string {
  const kind = address(input);
  return kind === 'invalid' ? text(input.toString('latin1')) : kind;
}

function address(bytes: Buffer): string {
  const kind = classify(bytes);
  const ip = bytes.length === 4 ? formatIpv4(bytes, 0) : bytes.length === 16 ? formatIpv6(bytes, 0) : '';
  assert.equal(kind === 'invalid', ip === '');
  return ip === '' ? kind : text(ip);
}

function text(ip: string): string {
  const kind = classify(ip);
  const bytes = ipBytes(ip);
  assert.equal(kind === 'invalid', bytes === undefined);
  if (bytes !== undefined) assert.equal(classify(bytes), kind);
  const port = 1 + ((bytes?.at(-1) ?? 0) % 2) + 1079;
  const verdict = orRefusal(() => guard.check(ip, port));
  orRefusal(() => guard.checkName(ip));
  const allowed = !(verdict instanceof ProxyError);
  if (allowed) assert.equal(kind, 'global');
  if (allowed && bytes !== undefined) checkAllowed(ip, bytes);
  return `${kind} ${wordFor(verdict)}`;
}

/** Neither the address nor one that it carries is an inner one. */
function checkAllowed(ip: string, bytes: Uint8Array): void {
  assert.ok(!inside.check(ip, isIP(ip) === 4 ? 'ipv4' : 'ipv6'), `${ip} was let through`);
  if (bytes.length === 4) return;
  const hex = Buffer.from(bytes).toString('hex');
  for (const [prefix, at] of CARRIERS) {
    if (!hex.startsWith(prefix)) continue;
    const inner = formatIpv4(bytes, at);
    assert.ok(!inside.check(inner, 'ipv4'), `${ip} carries ${inner} and was let through`);
  }
}

export const target: Target = {
  longest: 64,
  words: [
    '127.0.0.1',
    '169.254.169.254',
    '8.8.8.8',
    '8.8.4.4',
    '::ffff:127.0.0.1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '2001:db8::',
    'fd00:ec2::254',
    '\u0000\u0064\u00ff\u009b',
    '\u0020\u0001',
    '\u0020\u0002',
    'localhost',
  ],
  run,
};
