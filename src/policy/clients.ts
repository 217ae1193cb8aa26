/** Which client addresses may connect at all. */
import { BlockList } from 'node:net';
import { formatIpv4, formatIpv6, ipBytes, isMapped } from '../protocol/address.ts';

/** A network: its first address and how many leading bits are fixed. */
export interface Cidr {
  readonly address: string;
  readonly prefix: number;
  readonly family: 4 | 6;
}

/**
 * Compiles the list of allowed networks; an empty one allows everybody. An IPv4-mapped client, as a dual-stack listener
 * sees it, counts as the IPv4 address it is. What is no address is refused.
 *
 * @throws RangeError as {@link parseCidr}.
 */
export function buildClientFilter(allow: readonly string[]): (address: string) => boolean {
  if (allow.length === 0) return () => true;
  // One list a family: in a common one, `::/0` would let IPv4 in as well.
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const { address, prefix, family } of allow.map(parseCidr)) {
    const type = family === 4 ? 'ipv4' : 'ipv6';
    lists[type].addSubnet(address, prefix, type);
  }

  return (address) => {
    const text = withoutZone(address);
    const bytes = ipBytes(text);
    if (bytes === undefined) return false;
    if (bytes.length === 4) return lists.ipv4.check(text, 'ipv4');
    return isMapped(bytes, 0)
      ? lists.ipv4.check(formatIpv4(bytes, 12), 'ipv4')
      : lists.ipv6.check(text, 'ipv6');
  };
}

/**
 * Reads `192.0.2.0/24`, `2001:db8::/32`, or one address, which is a network of its own.
 *
 * @throws RangeError with one sentence: what is wrong and what to write. Leading zeros, host bits and prefixes out of
 * range are refused rather than guessed at.
 */
export function parseCidr(text: string): Cidr {
  const [host = '', length, ...rest] = text.split('/');
  const bytes = ipBytes(host);
  if (bytes === undefined || rest.length > 0) {
    throw new RangeError(
      `"${text}" is not an IP network: write it like 192.0.2.0/24 or 2001:db8::/32, without leading zeros`,
    );
  }
  if (isMapped16(bytes)) {
    throw new RangeError(
      `"${text}" is an IPv4-mapped network: write it as IPv4, those clients are matched by it`,
    );
  }
  const bits = bytes.length * 8;
  const prefix = length === undefined ? bits : /^(?:0|[1-9]\d{0,2})$/.test(length) ? Number(length) : -1;
  if (prefix < 0 || prefix > bits) {
    throw new RangeError(
      `"${text}" has no valid prefix length: for IPv${bits === 32 ? 4 : 6} it is a number from 0 to ${bits}`,
    );
  }
  const network = bytes.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, prefix - 8 * i))));
  const address = bits === 32 ? formatIpv4(network, 0) : formatIpv6(network, 0);
  if (network.some((byte, i) => byte !== bytes[i])) {
    throw new RangeError(`"${text}" has bits set beyond its prefix: write ${address}/${prefix}`);
  }
  return { address, prefix, family: bits === 32 ? 4 : 6 };
}

function isMapped16(bytes: Uint8Array): boolean {
  return bytes.length === 16 && isMapped(bytes, 0);
}

/** Node appends the interface to link-local clients: `fe80::1%eth0`. */
function withoutZone(address: string): string {
  const zone = address.indexOf('%');
  return zone === -1 ? address : address.slice(0, zone);
}
