/** The addresses of this host, and which interface an address would belong to. */
import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os';
import type { Family } from '../../connection.ts';
import type { Span } from '../../egress/pool/ranges.ts';
import { ipBytes } from '../../protocol/address.ts';

/** An address of an interface, and the network it is in. */
export interface Hosted {
  readonly device: string;
  readonly address: string;
  readonly family: Family;
  readonly network: Span;
  /** Of loopback. */
  readonly internal: boolean;
}

export function hostedAddresses(
  interfaces: NodeJS.Dict<NetworkInterfaceInfo[]> = networkInterfaces(),
): Hosted[] {
  return Object.entries(interfaces).flatMap(([device, infos = []]) =>
    infos.flatMap(({ address, cidr, internal }) => {
      const value = addressValue(address);
      if (value === undefined || cidr === null) return [];
      const family = address.includes(':') ? 6 : 4;
      const network = networkOf(family, value, Number(cidr.split('/')[1]));
      return [{ device, address, family, network, internal }];
    }),
  );
}

/** The device whose network an address is in, or the first that is not loopback. */
export function deviceFor(interfaces: readonly Hosted[], family: Family, value: bigint): string {
  const near = interfaces.find((one) => !one.internal && one.family === family && within(value, one.network));
  return near?.device ?? interfaces.find(({ internal }) => !internal)?.device ?? 'eth0';
}

export function networkOf(family: Family, value: bigint, length: number): Span {
  const hostBits = BigInt((family === 4 ? 32 : 128) - length);
  const first = (value >> hostBits) << hostBits;
  return { first, last: first + (1n << hostBits) - 1n };
}

export const within = (value: bigint, { first, last }: Span): boolean => value >= first && value <= last;

/** An address as a number; undefined for what is none, and for one with a zone. */
export function addressValue(text: string): bigint | undefined {
  const bytes = ipBytes(text);
  return bytes === undefined ? undefined : BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}
