import assert from 'node:assert/strict';
import { isIPv4, isIPv6 } from 'node:net';
import { ProxyError } from '../../../src/errors.ts';
import {
  formatIpv4,
  formatIpv6,
  ipBytes,
  ipv6Host,
  parseAuthority,
  parseHost,
  parseIpv4,
} from '../../../src/protocol/address.ts';
import { checkTarget, orRefusal, wordFor } from '../invariants.ts';
import type { Target } from '../target.ts';

/** The input as text, and its first bytes as an address. Node's own parser of addresses is the judge. */
function run(input: Buffer): string {
  const text = input.toString('latin1');
  const value = parseIpv4(text);
  assert.equal(value !== -1, isIPv4(text), 'parseIpv4');
  const bytes = ipBytes(text);
  assert.equal(bytes?.length === 4, value !== -1, 'four bytes');
  // A zone is part of an address to Node; to us it means nothing.
  assert.equal(bytes?.length === 16, isIPv6(text) && !text.includes('%'), 'sixteen bytes');
  if (bytes !== undefined) checkBytes(bytes);
  if (input.length >= 16) checkBytes(input.subarray(0, 16));

  const host = orRefusal(() => parseHost(text));
  if (!(host instanceof ProxyError)) checkTarget({ ...host, port: 443 });
  const authority = orRefusal(() => parseAuthority(text));
  if (!(authority instanceof ProxyError)) checkTarget(authority);
  return `${wordFor(host)} / ${wordFor(authority)} / ${bytes?.length ?? 0}`;
}

function checkBytes(bytes: Uint8Array): void {
  const text = bytes.length === 4 ? formatIpv4(bytes, 0) : formatIpv6(bytes, 0);
  assert.deepEqual(ipBytes(text), Uint8Array.from(bytes));
  if (bytes.length === 16) checkTarget({ ...ipv6Host(bytes, 0), port: 443 });
}

export const target: Target = {
  longest: 300,
  words: [
    '127.0.0.1',
    '0177.0.0.1',
    '2130706433',
    '0x7f.1',
    '::ffff:',
    '::',
    '[::1]:443',
    '64:ff9b::',
    'example.com',
    'xn--bcher-kva',
    ':443',
    ':65536',
    'user:pass@',
    '%25lo',
    '\u0000',
    '.',
  ],
  run,
};
