/** What one entry of a rule stands for: `*.example.com`, `192.0.2.0/24:443`, `:25`, `all`. */
import { domainToASCII } from 'node:url';
import { ProxyError } from '../../errors.ts';
import { parseHost } from '../../protocol/address.ts';
import { parseCidr, type Cidr } from '../clients.ts';
import { parsePorts, type PortSpan } from './ports.ts';

export interface Pattern {
  readonly host: HostPattern;
  /** Undefined: every port. */
  readonly ports: readonly PortSpan[] | undefined;
}

export type HostPattern =
  | { readonly kind: 'any' }
  /** `name` is canonical; `itself`: that name, `below`: all names below it. */
  | { readonly kind: 'name'; readonly name: string; readonly itself: boolean; readonly below: boolean }
  | { readonly kind: 'network'; readonly network: Cidr };

/** As in URLs, what ends in a number is meant as an IPv4 address. */
const ENDS_IN_A_NUMBER = /(?:^|\.)(?:\d+|0x[\da-f]*)\.?$/i;

/**
 * Reads a pattern: a host, `:PORTS`, or both.
 *
 * | written | stands for |
 * |---|---|
 * | `example.com`, `bücher.example` | that name |
 * | `*.example.com` | every name below it |
 * | `.example.com` | the name and every name below it |
 * | `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/32` | an address, a network |
 * | `all` | everything |
 * | `:25`, `:80,443`, `:8000-8999` | these ports, alone or behind any of the above; IPv6: `[2001:db8::1]:443` |
 *
 * @throws RangeError with one sentence: what is wrong and what to write.
 */
export function parsePattern(text: string): Pattern {
  const [host, ports] = split(text);
  if (ports === undefined) return { host: parseHostPattern(host, text), ports: undefined };
  const spans = parsePorts(ports);
  if (spans === undefined) {
    throw new RangeError(
      `${quote(text)} has no valid ports behind its colon: write :443, :80,443 or :8000-8999, from 1 to 65535`,
    );
  }
  return { host: host === '' ? { kind: 'any' } : parseHostPattern(host, text), ports: spans };
}

function split(text: string): [host: string, ports: string | undefined] {
  const [, bracketed, length = '', behind] = /^\[([^\]]*)\](\/\d+)?(?::(.*))?$/.exec(text) ?? [];
  // `[2001:db8::/32]:443` as well as `[2001:db8::]/32:443`. Names have no brackets.
  if (bracketed?.includes(':') === true) return [bracketed + length, behind];
  // Without brackets the colons of an IPv6 address are its own, unless a prefix length stands between.
  const slash = text.indexOf('/');
  const colon = text.indexOf(':', Math.max(0, slash));
  if (colon === -1 || (slash === -1 && text.includes(':', colon + 1))) return [text, undefined];
  return [text.slice(0, colon), text.slice(colon + 1)];
}

function parseHostPattern(host: string, text: string): HostPattern {
  if (host.toLowerCase() === 'all') return { kind: 'any' };
  if (text.includes('://')) {
    throw new RangeError(
      `${quote(text)} is a URL: write the name alone, such as example.com or example.com:443`,
    );
  }
  if (host.includes('/') || host.includes(':') || ENDS_IN_A_NUMBER.test(host)) {
    return { kind: 'network', network: parseCidr(host) };
  }
  const [, lead, rest = ''] = /^(\*\.|\.)?(.*)$/s.exec(host) ?? [];
  if (rest.includes('*')) {
    throw new RangeError(
      `${quote(text)} has a star in a wrong place: write *.example.com for what is below a name, or all for everything`,
    );
  }
  return { kind: 'name', name: canonical(rest, text), itself: lead !== '*.', below: lead !== undefined };
}

/** In lower case, without trailing dot, as punycode: the form that clients' names have once they are read. */
function canonical(name: string, text: string): string {
  // What is ASCII must not pass through the rules of URLs, which decode %2e and read 127.1 as an address.
  const ascii = /^[\0-\x7f]*$/.test(name) ? name : domainToASCII(name);
  try {
    const { host, family } = parseHost(ascii);
    if (family === 0) return host;
  } catch (error) {
    if (!(error instanceof ProxyError)) throw error;
  }
  throw new RangeError(
    `${quote(text)} is neither a name nor a network: write example.com, *.example.com, .example.com, 192.0.2.0/24, :25 or all`,
  );
}

/** Quoted, and short enough for one line. */
const quote = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 79)}…` : text);
