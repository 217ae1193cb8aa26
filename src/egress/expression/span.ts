/** An address, a range or a prefix as text → its first and last address. */
import type { Family } from '../../connection.ts';
import { formatAddress } from '../pool/format.ts';
import { notAnAddress, parseLiteral } from './literal.ts';
import { bad } from './pool-error.ts';
import type { Span } from '../pool/ranges.ts';

export type FamilySpan = Span & { readonly family: Family };

/** @throws {PoolError} */
export function parseSpan(body: string): FamilySpan & { readonly prefix?: number } {
  const isName = /^[g-z_]/i.test(body) || (/^[a-f]/i.test(body) && !body.includes(':'));
  if (isName) throw notAnAddress(body);
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
function parsePrefix(body: string): FamilySpan & { readonly prefix: number } {
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
  return { family, first, last: first | hostBits, prefix: length };
}

function prefixLength(text: string, family: Family, term: string): number {
  const most = family === 4 ? 32 : 128;
  const length = /^(0|[1-9]\d{0,2})$/.test(text) ? Number(text) : Infinity;
  if (length <= most) return length;
  throw bad(term, `has a bad prefix length: IPv${family} takes a number from 0 to ${most}`);
}
