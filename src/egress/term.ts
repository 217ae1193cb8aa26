/** One term of a pool expression: text → value. No look at this host. */
import type { Family } from '../connection.ts';
import { formatAddress } from './format.ts';
import { notAnAddress, parseLiteral } from './literal.ts';
import { bad, PoolError, SUPPORTED } from './pool-error.ts';
import { overlapping, type Span } from './ranges.ts';

interface Written {
  /** As written, with its `!`. */
  readonly text: string;
  /** `!`: the addresses are taken out of the pool instead of put in. */
  readonly excluded: boolean;
}

type FamilySpan = Span & { readonly family: Family };

/** An address, a range or a prefix. */
interface SpanTerm extends Written, FamilySpan {
  readonly kind: 'span';
}

/** Whatever addresses an interface of this host carries at the moment. */
export interface InterfaceTerm extends Written {
  readonly kind: 'interface';
  readonly name: string;
}

export type PoolTerm = SpanTerm | InterfaceTerm;

/** No connection can be bound to these, or not by the address alone. Sorted. */
const UNUSABLE: Readonly<Record<Family, readonly (Span & { readonly what: string })[]>> = {
  4: [
    { first: 0n, last: 0n, what: 'the unspecified address 0.0.0.0' },
    { first: 0xe000_0000n, last: 0xefff_ffffn, what: 'multicast addresses (224.0.0.0/4)' },
    { first: 0xffff_ffffn, last: 0xffff_ffffn, what: 'the broadcast address 255.255.255.255' },
  ],
  6: [
    { first: 0n, last: 0n, what: 'the unspecified address ::' },
    { first: 0xffff_0000_0000n, last: 0xffff_ffff_ffffn, what: 'IPv4-mapped addresses (::ffff:0:0/96)' },
    { first: 0xfe80n << 112n, last: (0xfec0n << 112n) - 1n, what: 'link-local addresses (fe80::/10)' },
    { first: 0xff00n << 112n, last: (1n << 128n) - 1n, what: 'multicast addresses (ff00::/8)' },
  ],
};

/**
 * @param text One term, without surrounding space.
 * @throws {PoolError}
 */
export function parseTerm(text: string): PoolTerm {
  const excluded = text.startsWith('!');
  const body = excluded ? text.slice(1).trimStart() : text;
  if (body === '')
    throw new PoolError('the pool expression has an empty term', text, 'remove the extra comma or !');
  if (body.startsWith('!')) throw bad(text, 'excludes twice', `write !${body.slice(1)}`);

  const name = interfaceName(body);
  if (name !== undefined) return { kind: 'interface', text, excluded, name };

  const { family, first, last } = parseSpan(body);
  const unusable = excluded ? undefined : overlapping(UNUSABLE[family], { first, last })[0];
  if (unusable !== undefined)
    throw bad(text, `cannot be in the pool: no connection leaves from ${unusable.what}`);
  return { kind: 'span', text, excluded, family, first, last };
}

/** NAME of `interface:NAME`; undefined when the term is made of addresses. Every other scheme is refused here. */
function interfaceName(body: string): string | undefined {
  // A colon also parts the groups of an IPv6 address: only what is not hexadecimal before it makes a scheme.
  const scheme = /^([^:[]*[g-z_][^:[]*):/i.exec(body)?.[1];
  if (scheme === undefined) return undefined;
  // Never more than the scheme: what follows may be a URL with a password in it.
  if (scheme !== 'interface') throw bad(`${scheme}:`, 'is not supported as a source of addresses', SUPPORTED);
  const name = body.slice('interface:'.length);
  if (name === '') throw bad(body, 'names no interface', 'write for example interface:eth0');
  return name;
}

function parseSpan(body: string): FamilySpan {
  const isName = /^[g-z_]/i.test(body) || (/^[a-f]/i.test(body) && !body.includes(':'));
  if (isName || body.includes('@')) throw notAnAddress(body);
  if (body.includes('*'))
    throw bad(body, 'carries a weight, which is not supported', 'leave out the * and its number');
  if (body.includes('-')) return parseRange(body);
  if (body.includes('/')) return parsePrefix(body);
  const { family, value } = parseLiteral(body, body);
  return { family, first: value, last: value };
}

function parseRange(body: string): FamilySpan {
  const [from = '', to = '', ...more] = body.split('-');
  if (from === '' || to === '' || more.length > 0 || body.includes('/')) {
    throw bad(body, 'is not a range', 'write FIRST-LAST, for example 192.0.2.1-192.0.2.9');
  }
  const first = parseLiteral(from, body);
  if (first.family === 4 && /^\d{1,3}$/.test(to)) {
    const whole = from.slice(0, from.lastIndexOf('.') + 1) + to;
    throw bad(body, 'has only a part of its last address', `did you mean ${from}-${whole}?`);
  }
  const last = parseLiteral(to, body);
  if (first.family !== last.family) throw bad(body, 'mixes IPv4 and IPv6 in one range');
  if (first.value > last.value)
    throw bad(body, 'is reversed: it begins above its end', `did you mean ${to}-${from}?`);
  return { family: first.family, first: first.value, last: last.value };
}

/** Every address of a prefix belongs to it: as a source, its first and its last one are as good as any. */
function parsePrefix(body: string): FamilySpan {
  const slash = body.indexOf('/');
  const address = body.slice(0, slash);
  const { family, value } = parseLiteral(address, body);
  const length = prefixLength(body.slice(slash + 1), family, body);
  const hostBits = (1n << BigInt((family === 4 ? 32 : 128) - length)) - 1n;
  const first = value & ~hostBits;
  if (first !== value) {
    const network = `${formatAddress(family, first)}/${length}`;
    throw bad(body, 'has host bits set', `did you mean ${network} or the single address ${address}?`);
  }
  return { family, first, last: first | hostBits };
}

function prefixLength(text: string, family: Family, term: string): number {
  const most = family === 4 ? 32 : 128;
  const length = /^(0|[1-9]\d{0,2})$/.test(text) ? Number(text) : Infinity;
  if (length <= most) return length;
  throw bad(term, `has a bad prefix length: IPv${family} takes a number from 0 to ${most}`);
}
