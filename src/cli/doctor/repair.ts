/** Commands that give this host addresses it does not have. */
import type { Family } from '../../connection.ts';
import { formatAddress } from '../../egress/pool/format.ts';
import type { Range, Span } from '../../egress/pool/ranges.ts';
import type { BindResult } from '../bind.ts';
import { addressValue, deviceFor, type Hosted } from './interfaces.ts';
import type { LocalRoutes } from './local-routes.ts';

/** From here on a prefix is routed to this host as a whole, instead of adding its addresses to an interface. */
const ROUTED_FROM = 4n;
/** Some addresses that are missing among others are added, up to so many. */
const MOST_ADDED = 64;
/** Of addresses that are added one by one, as many as fit into a line that can be read. */
const MOST_IN_A_LINE = 8;

export const bitsOf = (family: Family): number => (family === 4 ? 32 : 128);

/** `ip route add local …`, the AnyIP route of a whole prefix. */
export function localRoute(family: Family, prefix: string): string {
  return `ip ${family === 6 ? '-6 ' : ''}route add local ${prefix} dev lo`;
}

/**
 * What makes the addresses of a range deliverable here and so, for IPv4, bindable.
 * @returns Whole lines for a shell.
 */
export function giveAddresses(
  { range, tried, failed }: BindResult,
  interfaces: readonly Hosted[],
  routes: LocalRoutes,
): string[] {
  const { family } = range;
  const single = failed.length <= MOST_ADDED && failed.length * 2 <= tried;
  if (!single && range.last - range.first + 1n >= ROUTED_FROM)
    return unrouted(range, routes).map((prefix) => localRoute(family, prefix));
  const lacking = failed
    .filter(({ address }) => {
      const value = addressValue(address)!;
      return routes.missing(family, { first: value, last: value }).length > 0;
    })
    .map(({ address }) => address);
  const lines: string[] = [];
  for (let at = 0; at < lacking.length; at += MOST_IN_A_LINE) {
    const some = lacking.slice(at, at + MOST_IN_A_LINE);
    lines.push(addLine(some, family, deviceFor(interfaces, family, addressValue(some[0]!)!)));
  }
  return lines;
}

function addLine(addresses: readonly string[], family: Family, device: string): string {
  const add = (address: string): string => `ip addr add ${address}/${bitsOf(family)} dev ${device}`;
  if (addresses.length === 1) return add(addresses[0]!);
  return `for a in ${addresses.join(' ')}; do ${add('$a')}; done`;
}

/** What of a range has no local route, as the prefixes it consists of. */
export function unrouted(range: Range, routes: LocalRoutes): string[] {
  const missing = routes.missing(range.family, range);
  const whole = prefixesOf(range.family, range);
  // A prefix is routed as a whole, though some of its addresses are here already: that does not hurt them.
  if (missing.length === 0 || whole.length === 1) return missing.length === 0 ? [] : whole;
  return missing.flatMap((span) => prefixesOf(range.family, span));
}

/** A span as the fewest prefixes, `ADDRESS/LENGTH`. */
export function prefixesOf(family: Family, { first, last }: Span): string[] {
  const prefixes: string[] = [];
  let at = first;
  while (at <= last) {
    let hostBits = at === 0n ? bitsOf(family) : trailingZeros(at);
    while (at + (1n << BigInt(hostBits)) - 1n > last) hostBits--;
    prefixes.push(`${formatAddress(family, at)}/${bitsOf(family) - hostBits}`);
    at += 1n << BigInt(hostBits);
  }
  return prefixes;
}

function trailingZeros(value: bigint): number {
  return (value & -value).toString(2).length - 1;
}
