/** Which client addresses may connect at all. */
import { formatIpv4, formatIpv6, ipBytes, isMapped } from '../protocol/address.ts';
import { Networks } from './networks.ts';

/** A network: its first address and how many leading bits are fixed. */
export interface Cidr {
  readonly address: string;
  readonly prefix: number;
  readonly family: 4 | 6;
}

/** Networks as {@link parseCidr} reads them. */
export interface ClientLists {
  /** Empty or left out: everybody. */
  readonly allow?: readonly string[] | undefined;
  /** Wins over `allow`. */
  readonly deny?: readonly string[] | undefined;
}

/**
 * Compiles the lists of clients; a list alone is one of those allowed. An IPv4-mapped client, as a dual-stack listener
 * sees it, counts as the IPv4 address it is. What is no address is refused as soon as there is any list.
 *
 * @throws RangeError as {@link parseCidr}.
 */
export function buildClientFilter(lists: ClientLists | readonly string[]): (address: string) => boolean {
  const { allow = [], deny = [] } = isList(lists) ? { allow: lists } : lists;
  if (allow.length === 0 && deny.length === 0) return () => true;
  const denied = compile(deny);
  const allowed = allow.length === 0 ? () => true : compile(allow);

  return (address) => {
    const bytes = ipBytes(withoutZone(address));
    if (bytes === undefined) return false;
    const client = isMapped16(bytes) ? bytes.subarray(12) : bytes;
    return allowed(client) && !denied(client);
  };
}

function isList(lists: ClientLists | readonly string[]): lists is readonly string[] {
  return Array.isArray(lists);
}

function compile(list: readonly string[]): (client: Uint8Array) => boolean {
  const networks = { ipv4: new Networks<true>(), ipv6: new Networks<true>() };
  for (const { address, prefix, family } of list.map(parseCidr)) {
    networks[family === 4 ? 'ipv4' : 'ipv6'].at(ipBytes(address)!, prefix, () => true);
  }
  return (client) => networks[client.length === 4 ? 'ipv4' : 'ipv6'].has(client);
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
