/**
 * Addresses and host names: from bytes and texts to one canonical form, and back.
 *
 * Everything a client can write as a target passes through here before any policy or resolver sees it, so that a
 * target has exactly one spelling. Texts that libc would quietly read as an address (`127.1`, `0x7f.1`,
 * `2130706433`) are refused, and so is every byte that has no place in a host name.
 */
import { ProxyError } from '../errors.ts';
import type { Target } from '../connection.ts';

/** The host part of a {@link Target}. */
export type Host = Pick<Target, 'host' | 'family'>;

const DOT = 0x2e;
const ZERO = 0x30;

/** Longest text of an IPv6 address: six full groups and a dotted quad. */
const MAX_IPV6_TEXT = 45;

// One label: 1 to 63 letters, digits, `_` and `-`, no `-` at its ends. RFC 1123 §2.1, and `_` because it is in use.
// The flag `i` without `u` folds ASCII only: U+212A KELVIN SIGN must not pass for a `k`.
const NAME = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/i;

// The same test as in URLs: a name whose last label is a number is meant as an IPv4 address.
const ENDS_IN_A_NUMBER = /(?:^|\.)(?:\d+|0x[\da-f]*)$/i;

const PORT = /^\d{1,5}$/;

/**
 * Reads a host: an IPv4 dotted quad, an IPv6 address with or without brackets, or a name.
 *
 * The answer is canonical: names in lower case without trailing dot, IPv6 as in RFC 5952, an IPv4-mapped address as
 * the IPv4 address it stands for. Zone ids are refused, non-ASCII names as well: they have to arrive as punycode.
 *
 * @throws ProxyError `TARGET_DENIED` for an odd spelling of an IPv4 address, `BAD_TARGET` for anything else that is
 * malformed. Neither repeats what the client sent.
 */
export function parseHost(text: string): Host {
  if (parseIpv4(text) !== -1) return { host: text, family: 4 };
  if (text.startsWith('[')) {
    if (!text.endsWith(']')) throw bad('the host has an opening bracket and no closing one');
    return parseIpv6Host(text.slice(1, -1));
  }
  return text.includes(':') ? parseIpv6Host(text) : { host: parseName(text), family: 0 };
}

/**
 * Reads the target of a CONNECT request: `name:port`, `192.0.2.1:port`, `[2001:db8::1]:port`. An IPv6 address without
 * brackets is taken too: its last colon is the one before the port.
 *
 * @throws ProxyError as {@link parseHost}; also `BAD_TARGET` for a missing port, one outside 1–65535, and user info.
 */
export function parseAuthority(text: string): Target {
  if (text.includes('@')) throw bad('the target must not contain a user name or password');
  const colon = text.lastIndexOf(':');
  if (colon === -1 || text.endsWith(']')) throw bad('the target has no port: write host:port');
  const port = text.slice(colon + 1);
  if (!PORT.test(port) || Number(port) < 1 || Number(port) > 65_535) {
    throw bad('the port of the target must be a number from 1 to 65535');
  }
  const { host, family } = parseHost(text.slice(0, colon));
  return { host, port: Number(port), family };
}

/** A host from 16 bytes of the wire (SOCKS5 ATYP 04). An IPv4-mapped address is the IPv4 address. */
export function ipv6Host(bytes: Uint8Array, offset: number): Host {
  return isMapped(bytes, offset)
    ? { host: formatIpv4(bytes, offset + 12), family: 4 }
    : { host: formatIpv6(bytes, offset), family: 6 };
}

/** Four bytes as a dotted quad. */
export function formatIpv4(bytes: Uint8Array, offset: number): string {
  return `${bytes[offset]}.${bytes[offset + 1]}.${bytes[offset + 2]}.${bytes[offset + 3]}`;
}

/** Sixteen bytes as RFC 5952 wants them: lower case, the longest run of zero groups (two or more) as `::`. */
export function formatIpv6(bytes: Uint8Array, offset: number): string {
  if (isMapped(bytes, offset)) return `::ffff:${formatIpv4(bytes, offset + 12)}`;
  const [gap, length] = longestZeros(bytes, offset);
  let text = '';
  for (let i = 0; i < 8; i++) {
    if (i === gap && length > 1) {
      text += '::';
      i += length - 1;
    } else {
      if (text !== '' && !text.endsWith(':')) text += ':';
      text += group(bytes, offset, i).toString(16);
    }
  }
  return text;
}

/**
 * The 4 or 16 bytes of an address text, as SOCKS5 BND.ADDR wants them; undefined when it is none. An IPv4-mapped
 * address keeps its 16.
 */
export function ipBytes(text: string): Uint8Array | undefined {
  const value = parseIpv4(text);
  return value === -1 ? parseIpv6(text) : Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** A strict dotted quad as an unsigned 32-bit number, -1 for every other text: no leading zeros, no short forms. */
export function parseIpv4(text: string): number {
  let value = 0;
  let octet = 0;
  let digits = 0;
  let dots = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      if (digits === 0 || ++dots > 3) return -1;
      value = value * 256 + octet;
      octet = digits = 0;
      continue;
    }
    const digit = code - ZERO;
    if (digit < 0 || digit > 9 || (digits > 0 && octet === 0)) return -1;
    octet = octet * 10 + digit;
    digits++;
    if (octet > 255) return -1;
  }
  return dots === 3 && digits > 0 ? value * 256 + octet : -1;
}

/** Whether 16 bytes are an IPv4-mapped address, ::ffff:0:0/96 (RFC 4291 §2.5.5.2). */
export function isMapped(bytes: Uint8Array, offset: number): boolean {
  for (let i = 0; i < 10; i++) if (bytes[offset + i] !== 0) return false;
  return bytes[offset + 10] === 0xff && bytes[offset + 11] === 0xff;
}

function bad(detail: string): ProxyError {
  return new ProxyError('BAD_TARGET', detail);
}

function parseName(text: string): string {
  const name = text.endsWith('.') ? text.slice(0, -1) : text;
  if (name.length === 0 || name.length > 253) throw bad('a host name has 1 to 253 characters');
  if (!NAME.test(name)) throw bad('the target is not a valid host name');
  if (ENDS_IN_A_NUMBER.test(name)) throw new ProxyError('TARGET_DENIED', 'odd spelling of an IPv4 address');
  return name.toLowerCase();
}

function parseIpv6Host(text: string): Host {
  const bytes = parseIpv6(text);
  if (bytes === undefined) throw bad('the target is not a valid IPv6 address');
  return ipv6Host(bytes, 0);
}

function parseIpv6(text: string): Uint8Array | undefined {
  if (text.length > MAX_IPV6_TEXT) return undefined;
  const bytes = new Uint8Array(16);
  const gap = text.indexOf('::');
  if (gap === -1) return writeGroups(text, bytes, 0, true) === 16 ? bytes : undefined;

  // What follows the gap is written behind what precedes it, then moved to the end. The gap is one group or more.
  const left = writeGroups(text.slice(0, gap), bytes, 0, false);
  if (left === -1) return undefined;
  const end = writeGroups(text.slice(gap + 2), bytes, left, true);
  if (end === -1 || end > 14) return undefined;
  const right = 16 - (end - left);
  bytes.copyWithin(right, left, end);
  return bytes.fill(0, left, right);
}

/**
 * Writes `1:2:3` or, where `quad` allows it, `1:2:192.0.2.1`; answers the offset behind it, -1 when it is no such text.
 * What is too long ends behind the array, which ignores it: the caller sees it by the offset.
 */
function writeGroups(text: string, bytes: Uint8Array, offset: number, quad: boolean): number {
  if (text === '') return offset;
  const groups = text.split(':');
  let at = offset;
  for (const [i, digits] of groups.entries()) {
    const value = parseGroup(digits);
    if (value !== -1) {
      bytes[at++] = value >>> 8;
      bytes[at++] = value;
      continue;
    }
    const address = quad && i === groups.length - 1 ? parseIpv4(digits) : -1;
    if (address === -1) return -1;
    for (let shift = 24; shift >= 0; shift -= 8) bytes[at++] = address >>> shift;
  }
  return at;
}

/** One to four hexadecimal digits, -1 for anything else. */
function parseGroup(digits: string): number {
  return /^[\da-f]{1,4}$/i.test(digits) ? Number.parseInt(digits, 16) : -1;
}

/** The first of the longest runs of zero groups: its index and its length. */
function longestZeros(bytes: Uint8Array, offset: number): [index: number, length: number] {
  let best = -1;
  let longest = 0;
  let run = 0;
  for (let i = 0; i < 8; i++) {
    run = group(bytes, offset, i) === 0 ? run + 1 : 0;
    if (run > longest) {
      longest = run;
      best = i - run + 1;
    }
  }
  return [best, longest];
}

function group(bytes: Uint8Array, offset: number, index: number): number {
  return ((bytes[offset + 2 * index] ?? 0) << 8) | (bytes[offset + 2 * index + 1] ?? 0);
}
