/** Listen addresses as people write them. */
import { isIP } from 'node:net';
import { Address6 } from 'ip-address';
import type { ListenAddress } from '../config.ts';
import { Refusal, quote } from './problem.ts';

const FORMS = 'write 127.0.0.1:1080, [::1]:1080, or :1080 for every address of this host';

/**
 * Reads `127.0.0.1:1080`, `[::1]:1080`, `localhost:1080`, `:1080` (every address of this host: `::`, which takes IPv4 too),
 * or `1080` (127.0.0.1). Port 0 lets the kernel choose. Names are not resolved, `localhost` is 127.0.0.1.
 * @throws {Refusal}
 */
export function parseListen(text: string): ListenAddress {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]:|([^:[\]/]*):)?(\d{1,5})$/.exec(text) ?? [];
  if (digits === undefined) throw malformed(text);
  const port = Number(digits);
  if (port > 65_535) throw new Refusal(`${quote(text)} has no valid port`, 'ports go from 0 to 65535');
  if (bracketed !== undefined) return { host: ipv6(bracketed, text), port };
  if (plain === undefined) return { host: '127.0.0.1', port };
  return { host: plain === '' ? '::' : ipv4(plain, text), port };
}

/** The most ports one range may have: each is a listening socket on every thread. */
const MOST_PORTS = 4096;

/**
 * As {@link parseListen}, and a range of ports: `127.0.0.1:10001-10100` is a hundred listeners.
 * @throws {Refusal}
 */
export function parseListens(text: string): ListenAddress[] {
  const [, base, from, to] = /^(.*?)(\d{1,5})-(\d{1,5})$/.exec(text) ?? [];
  if (base === undefined || (base !== '' && !base.endsWith(':'))) return [parseListen(text)];
  const [first, last] = [Number(from), Number(to)];
  const { host } = parseListen(`${base}${to}`);
  if (first < 1 || first > last)
    throw new Refusal(
      `${quote(text)} has no valid range of ports`,
      'write for example 127.0.0.1:10001-10100',
    );
  if (last - first >= MOST_PORTS)
    throw new Refusal(`${quote(text)} has too many ports`, `a range may have ${MOST_PORTS}`);
  return Array.from({ length: last - first + 1 }, (_, i) => ({ host, port: first + i }));
}

/** Whether only programs on this host can reach the address. */
export function isLoopback(host: string): boolean {
  return host.startsWith('127.') || host === '::1' || host === 'localhost';
}

/** The text of an address and a port: `127.0.0.1:1080`, `[::1]:1080`. */
export function formatListen({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function ipv4(host: string, text: string): string {
  if (host === 'localhost') return '127.0.0.1';
  if (isIP(host) === 4) return host;
  if (host === '*') throw new Refusal(`${quote(text)} is not a listen address`, `write ${text.slice(1)}`);
  if (/^[\d.]+$/.test(host)) throw new Refusal(`${quote(host)} is not an IPv4 address`, FORMS);
  throw new Refusal(`${quote(text)} names a host, and names are not resolved here`, FORMS);
}

function ipv6(host: string, text: string): string {
  if (isIP(host) !== 6) throw new Refusal(`${quote(text)} has no IPv6 address in its brackets`, FORMS);
  // A zone id belongs to this host's interfaces: leave it as it was written.
  return host.includes('%') ? host : new Address6(host).correctForm();
}

function malformed(text: string): Refusal {
  const what = `${quote(text)} is not a listen address`;
  const scheme = /^[a-z][a-z0-9+.-]*:\/\/(.+)$/i.exec(text);
  if (scheme)
    return new Refusal(what, `leave the scheme out: one port speaks SOCKS5 and HTTP; write ${scheme[1]}`);
  if (isIP(text) === 4) return new Refusal(`${quote(text)} has no port`, `write ${text}:1080`);
  if (/^\[.*\]$/.test(text)) return new Refusal(`${quote(text)} has no port`, `write ${text}:1080`);
  if (isIP(text) === 6) {
    return new Refusal(`${quote(text)} needs brackets around its address`, 'write for example [::1]:1080');
  }
  return new Refusal(what, FORMS);
}
