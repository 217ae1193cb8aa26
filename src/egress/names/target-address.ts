/** An address of a target, as hosts files and name servers give it. */
import type { Family } from '../../connection.ts';
import { ProxyError } from '../../errors.ts';
import { parseHost } from '../../protocol/address.ts';

export interface TargetAddress {
  readonly address: string;
  readonly family: Family;
}

/** What DNS answers is a peer's bytes too: an AAAA of ::ffff:10.0.0.1 is the IPv4 address it stands for. */
export function targetAddress(text: string): TargetAddress {
  const { host, family } = parseHost(text);
  if (family === 0) throw new ProxyError('DNS_FAILED');
  return { address: host, family };
}
