/**
 * What kind of address it is, by its bytes alone.
 *
 * The tables follow the IANA special-purpose registries for IPv4 and IPv6 (RFC 6890 and its updates), the multicast and
 * reserved blocks, and the addresses at which clouds hand out credentials. Addresses that carry an IPv4 address inside
 * are judged by that one. IPv6 is special unless known better: only 2000::/3 has ever been given to networks.
 */
import { ipBytes, parseIpv4 } from '../protocol/address.ts';
import type { Cidr } from './clients.ts';

/** How each kind is called when a target is denied for it. */
export const PHRASE = {
  global: 'a public address',
  unspecified: 'an unspecified address',
  loopback: 'a loopback address',
  private: 'a private address',
  'link-local': 'a link-local address',
  cgnat: 'a carrier-grade NAT address',
  metadata: 'a cloud metadata address',
  documentation: 'a documentation address',
  benchmark: 'a benchmarking address',
  multicast: 'a multicast address',
  broadcast: 'the broadcast address',
  reserved: 'a reserved address',
  discard: 'a discard-only address',
  compatible: 'an IPv4-compatible IPv6 address',
  nat64: 'a local NAT64 address',
  '6to4': 'a 6to4 address',
  teredo: 'a Teredo address',
  isatap: 'an ISATAP address',
  invalid: 'not an IP address',
} as const;

/** What kind of address it is; `invalid` for what is no address at all. */
export type AddressKind = keyof typeof PHRASE;

/** The first block that contains an address decides, so the narrow ones stand first. What none contains is global. */
const IPV4: readonly (readonly [block: string, kind: AddressKind])[] = [
  ['169.254.169.254/32', 'metadata'], // AWS, Azure, Google, DigitalOcean, OpenStack and most others
  ['169.254.170.2/32', 'metadata'], // AWS container credentials
  ['169.254.170.23/32', 'metadata'], // AWS EKS Pod Identity
  ['169.254.42.42/32', 'metadata'], // Scaleway
  ['169.254.0.23/32', 'metadata'], // Tencent
  ['168.63.129.16/32', 'metadata'], // Azure, a public address used inside
  ['100.100.100.200/32', 'metadata'], // Alibaba
  ['192.0.0.192/32', 'metadata'], // Oracle
  ['0.0.0.0/8', 'unspecified'], // RFC 791: Linux connects 0.0.0.0 to itself
  ['10.0.0.0/8', 'private'], // RFC 1918
  ['100.64.0.0/10', 'cgnat'], // RFC 6598
  ['127.0.0.0/8', 'loopback'], // RFC 1122
  ['169.254.0.0/16', 'link-local'], // RFC 3927
  ['172.16.0.0/12', 'private'], // RFC 1918
  ['192.0.0.0/24', 'reserved'], // RFC 6890: IETF protocol assignments
  ['192.0.2.0/24', 'documentation'], // RFC 5737
  ['192.88.99.0/24', '6to4'], // RFC 7526: the withdrawn relay anycast
  ['192.168.0.0/16', 'private'], // RFC 1918
  ['198.18.0.0/15', 'benchmark'], // RFC 2544
  ['198.51.100.0/24', 'documentation'], // RFC 5737
  ['203.0.113.0/24', 'documentation'], // RFC 5737
  ['224.0.0.0/4', 'multicast'], // RFC 5771
  ['255.255.255.255/32', 'broadcast'], // RFC 919
  ['240.0.0.0/4', 'reserved'], // RFC 1112
];

/** `embedded` is the offset of an IPv4 address inside: its kind counts, and `kind` only when that one is global. */
const IPV6: readonly (readonly [block: string, kind: AddressKind, embedded?: number])[] = [
  ['::/128', 'unspecified'],
  ['::1/128', 'loopback'],
  ['::ffff:0:0/96', 'global', 12], // RFC 4291: IPv4-mapped
  ['::/96', 'compatible', 12], // RFC 4291: IPv4-compatible, deprecated
  ['64:ff9b::/96', 'global', 12], // RFC 6052: how an IPv6-only host reaches IPv4
  ['64:ff9b:1::/48', 'nat64'], // RFC 8215: where the IPv4 address stands is known to the operator alone
  ['100::/64', 'discard'], // RFC 6666
  ['2001::/32', 'teredo'], // RFC 4380
  ['2001:2::/48', 'benchmark'], // RFC 5180
  ['2001::/23', 'reserved'], // RFC 2928: IETF protocol assignments
  ['2001:db8::/32', 'documentation'], // RFC 3849
  ['2002::/16', '6to4', 2], // RFC 3056
  ['3fff::/20', 'documentation'], // RFC 9637
  ['2000::/3', 'global'], // RFC 4291: global unicast
  ['fd00:ec2::254/128', 'metadata'], // AWS
  ['fd00:ec2::23/128', 'metadata'], // AWS EKS Pod Identity
  ['fd20:ce::254/128', 'metadata'], // Google
  ['fd00:c1::a9fe:a9fe/128', 'metadata'], // Oracle
  ['fd00:100::100:200/128', 'metadata'], // Alibaba
  ['fd00:42::42/128', 'metadata'], // Scaleway
  ['fd00:a9fe:a9fe::1/128', 'metadata'], // Akamai
  ['fe80::a9fe:a9fe/128', 'metadata'], // OpenStack
  ['fc00::/7', 'private'], // RFC 4193
  ['fe80::/10', 'link-local'], // RFC 4291
  ['fec0::/10', 'private'], // RFC 3879: site-local, deprecated
  ['ff00::/8', 'multicast'], // RFC 4291
  ['::/0', 'reserved'], // never delegated; 5f00::/16 (RFC 9602) and 100:0:0:1::/64 (RFC 9780) among it
];

const IPV4_BLOCKS: readonly Ipv4Block[] = IPV4.map(([block, kind]) => ipv4Block(block, kind));
const IPV6_BLOCKS: readonly Ipv6Block[] = IPV6.map(([block, kind, embedded]) =>
  ipv6Block(block, kind, embedded),
);

/** The kind of an address, given as text or as its 4 or 16 bytes. Never throws: what is no address is `invalid`. */
export function classify(address: string | Uint8Array): AddressKind {
  if (typeof address !== 'string') return classifyBytes(address);
  const value = parseIpv4(address);
  return value === -1 ? classifyBytes(ipBytes(address)) : classifyIpv4(value | 0);
}

/** Whether every address of a network is special and by one and the same block: `10.1.0.0/16` is, `0.0.0.0/0` is not. */
export function isSpecialNetwork({ address, prefix, family }: Cidr): boolean {
  const bytes = ipBytes(address)!;
  if (family === 4) {
    const base = readInt32(bytes, 0);
    return IPV4_BLOCKS.some((block) => block.length <= prefix && (base & block.mask) === block.base);
  }
  // The last block is everything there is.
  return IPV6_BLOCKS.slice(0, -1).some(
    (block) => block.kind !== 'global' && block.length <= prefix && contains(block, bytes),
  );
}

/** The 4 or 16 bytes of the host that answers at an address: of IPv4-mapped and NAT64 addresses, the IPv4 address inside. */
export function reachedBytes(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 4) return bytes;
  const { kind, embedded } = blockOf(bytes);
  return kind === 'global' && embedded !== undefined ? bytes.subarray(embedded, embedded + 4) : bytes;
}

function classifyBytes(bytes: Uint8Array | undefined): AddressKind {
  if (bytes?.length === 4) return classifyIpv4(readInt32(bytes, 0));
  return bytes?.length === 16 ? classifyIpv6(bytes) : 'invalid';
}

function classifyIpv4(value: number): AddressKind {
  for (const { base, mask, kind } of IPV4_BLOCKS) if ((value & mask) === base) return kind;
  return 'global';
}

function classifyIpv6(bytes: Uint8Array): AddressKind {
  const { kind, embedded } = blockOf(bytes);
  if (embedded !== undefined) return carrier(bytes, embedded, kind);
  return kind === 'global' && isIsatap(bytes) ? carrier(bytes, 12, 'isatap') : kind;
}

function carrier(bytes: Uint8Array, embedded: number, kind: AddressKind): AddressKind {
  const inner = classifyIpv4(readInt32(bytes, embedded));
  return inner === 'global' ? kind : inner;
}

/** An interface identifier of RFC 5214 §6.1, which may stand behind any prefix: 0:5efe or 200:5efe and an IPv4 address. */
function isIsatap(bytes: Uint8Array): boolean {
  return (bytes[8]! & 0xfd) === 0 && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe;
}

/** The last block contains everything. */
function blockOf(bytes: Uint8Array): Ipv6Block {
  return IPV6_BLOCKS.find((block) => contains(block, bytes)) as Ipv6Block;
}

interface Ipv4Block {
  readonly base: number;
  readonly length: number;
  readonly mask: number;
  readonly kind: AddressKind;
}

interface Ipv6Block {
  readonly base: Uint8Array;
  readonly length: number;
  /** How many leading bytes must be equal, and which bits of the byte after them. */
  readonly whole: number;
  readonly mask: number;
  readonly kind: AddressKind;
  readonly embedded: number | undefined;
}

/** Masks and bases are signed: that is what JavaScript's bit operators answer. */
function ipv4Block(block: string, kind: AddressKind): Ipv4Block {
  const [base, length] = splitBlock(block);
  return { base: readInt32(base, 0), length, mask: -1 << (32 - length), kind };
}

function ipv6Block(block: string, kind: AddressKind, embedded: number | undefined): Ipv6Block {
  const [base, length] = splitBlock(block);
  return { base, length, whole: length >> 3, mask: (0xff00 >> (length & 7)) & 0xff, kind, embedded };
}

function splitBlock(block: string): [base: Uint8Array, length: number] {
  const [address = '', length] = block.split('/');
  return [ipBytes(address) as Uint8Array, Number(length)];
}

function contains({ base, whole, mask }: Ipv6Block, bytes: Uint8Array): boolean {
  for (let i = 0; i < whole; i++) if (bytes[i] !== base[i]) return false;
  return mask === 0 || ((bytes[whole] ?? 0) & mask) === base[whole];
}

function readInt32(bytes: Uint8Array, offset: number): number {
  // A byte that is not there counts as 0.
  return (bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!;
}
