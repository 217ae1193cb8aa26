/** Which addresses packets are delivered for on this host: its own, and those of local routes (AnyIP). */
import type { Family } from '../../connection.ts';
import { merge, outside, overlapping, type Span } from '../../egress/pool/ranges.ts';
import { addressValue, networkOf } from './interfaces.ts';
import type { System } from './system.ts';

/** RTF_LOCAL of linux/ipv6_route.h. */
const LOCAL_6 = 0x80000000;
/** RTF_GATEWAY of linux/route.h. */
const GATEWAY = 0x2;

export interface Route6 {
  readonly network: Span;
  /** Bits of the prefix. */
  readonly length: number;
  readonly device: string;
  readonly local: boolean;
  /** It leads to a router, and not to a link. */
  readonly gateway: boolean;
}

export class LocalRoutes {
  readonly #spans: Readonly<Record<Family, readonly Span[]>>;

  constructor(v4: readonly Span[], v6: readonly Span[]) {
    this.#spans = { 4: merge(v4), 6: merge(v6) };
  }

  static read(system: System): LocalRoutes {
    const six = readRoutes6(system).filter(({ local }) => local);
    return new LocalRoutes(
      readLocal4(system),
      six.map(({ network }) => network),
    );
  }

  /** What of a span is not delivered here. */
  missing(family: Family, span: Span): Span[] {
    const inside = overlapping(this.#spans[family], span).map(({ first, last }) => ({
      first: first > span.first ? first : span.first,
      last: last < span.last ? last : span.last,
    }));
    return outside(span, inside);
  }
}

/** The local routes of /proc/net/fib_trie: a leaf is an address, and under it what begins there. */
function readLocal4(system: System): Span[] {
  const spans: Span[] = [];
  let leaf = 0n;
  for (const line of system.read('/proc/net/fib_trie')?.split('\n') ?? []) {
    const address = /\|-- ([\d.]+)$/.exec(line)?.[1];
    if (address !== undefined) leaf = addressValue(address) ?? 0n;
    const length = /^ +\/(\d+) host LOCAL/.exec(line)?.[1];
    if (length !== undefined) spans.push(networkOf(4, leaf, Number(length)));
  }
  return spans;
}

/** All routes of /proc/net/ipv6_route, proc(5) and net/ipv6/route.c: ten columns in hexadecimal. */
export function readRoutes6(system: System): Route6[] {
  const lines = system.read('/proc/net/ipv6_route')?.split('\n') ?? [];
  return lines.flatMap((line) => {
    const [to = '', length = '', , , , , , , flags = '', device = ''] = line.trim().split(/\s+/);
    if (!/^[\da-f]{32}$/i.test(to)) return [];
    const bits = Number.parseInt(length, 16);
    const set = Number.parseInt(flags, 16);
    return [
      {
        network: networkOf(6, BigInt(`0x${to}`), bits),
        length: bits,
        device,
        // Bitwise operators would make a negative number of it.
        local: Math.floor(set / LOCAL_6) === 1,
        gateway: (set & GATEWAY) !== 0,
      },
    ];
  });
}
