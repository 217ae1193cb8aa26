/** Addresses as people type them → the one spelling that everything inside has. */
import { formatIpv4, formatIpv6, ipBytes, isMapped } from '../../protocol/address.ts';

/** The canonical text of an IP address, with or without brackets; any other text as it is. */
export function canonicalAddress(text: string): string {
  const bytes = ipBytes(text.replace(/^\[(.*)\]$/, '$1'));
  if (bytes === undefined) return text;
  if (bytes.length === 4) return formatIpv4(bytes, 0);
  return isMapped(bytes, 0) ? formatIpv4(bytes, 12) : formatIpv6(bytes, 0);
}
