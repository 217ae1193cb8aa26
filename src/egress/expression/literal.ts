/** One address as text → its number, with no spelling but the plain one let through. */
import { isIP } from 'node:net';
import { Address4, Address6 } from 'ip-address';
import type { Family } from '../../connection.ts';
import { bad, SUPPORTED, type PoolError } from './pool-error.ts';

interface Literal {
  readonly family: Family;
  readonly value: bigint;
}

/**
 * @param term What to blame: the whole term the address stands in.
 * @throws {PoolError}
 */
export function parseLiteral(text: string, term: string): Literal {
  const family = isIP(text);
  if (family === 4) return { family, value: new Address4(text).bigInt() };
  if (family !== 6 || /[.%]/.test(text)) throw misspelt(text, term);
  const address = new Address6(text);
  const value = address.bigInt();
  if (value >> 32n === 0xffffn) throw mapped(term, address.to4().correctForm());
  return { family, value };
}

/** The error for a term that is nothing we know. */
export function notAnAddress(term: string): PoolError {
  // Something like user:password@host may have got into the wrong field: do not show it around.
  const shown = term.slice(term.lastIndexOf('@') + 1);
  if (/\s/.test(shown)) return bad(shown, 'has a space in it', 'separate terms with commas');
  const complaint = 'is not an IP address, range or prefix';
  if (!/^[a-z][\w.]*$/i.test(shown)) return bad(shown, complaint, SUPPORTED);
  return bad(shown, complaint, `for the addresses of an interface write interface:${shown}`);
}

function misspelt(text: string, term: string): PoolError {
  if (/^::ffff:[\d.]+$/i.test(text)) return mapped(term, text.slice(7));
  if (text.includes('%')) return bad(term, 'has a zone id, which is not supported');
  if (text.includes('[')) return bad(term, 'has brackets', 'write IPv6 addresses without brackets');
  if (/^[\d.]+:\d*$/.test(text)) return bad(term, 'has a port; an egress is an address alone');
  if (/^[\d.]+$/.test(text) && /(^|\.)0\d/.test(text)) {
    return bad(term, 'has leading zeros, which some programs read as octal', 'write it without them');
  }
  if (text.includes(':') && text.includes('.')) {
    return bad(term, 'mixes dotted and hexadecimal notation', 'write IPv6 addresses in hexadecimal groups');
  }
  return notAnAddress(term);
}

function mapped(term: string, plain: string): PoolError {
  return bad(term, 'is an IPv4-mapped IPv6 address', `write IPv4 addresses in dotted notation: ${plain}`);
}
