/** Listen addresses as people write them. */
import { isIP } from 'node:net';
import { posix } from 'node:path';
import { Address6 } from 'ip-address';
import type { ListenAddress, ListenerConfig, UnixAddress } from '../config.ts';
import { Refusal, quote } from './problem.ts';

/** One address of a listener, as far as its text tells. */
export interface WrittenAddress {
  readonly at: ListenAddress | UnixAddress;
  /** It was written with `tls://`. */
  readonly tls: boolean;
}

type Scheme = '' | 'tls://';

/** Who may connect to a socket file unless `mode` says otherwise: its owner and its group. */
export const UNIX_MODE = 0o660;

/** The kernel has 108 bytes for the path of a socket and its final zero (unix(7)). */
const LONGEST_PATH = 107;

/** The most ports one range may have: each is a listening socket on every thread. */
const MOST_PORTS = 4096;

const forms = (scheme: Scheme): string =>
  `write ${scheme}127.0.0.1:1080, ${scheme}[::1]:1080, or ${scheme}:1080 for every address of this host`;

/**
 * Reads `127.0.0.1:1080`, `[::1]:1080`, `localhost:1080`, `:1080` (every address of this host: `::`, which takes IPv4 too),
 * or `1080` (127.0.0.1). Port 0 lets the kernel choose. Names are not resolved, `localhost` is 127.0.0.1.
 * @param scheme What stood before it, for the errors.
 * @throws {Refusal}
 */
export function parseListen(text: string, scheme: Scheme = ''): ListenAddress {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]:|([^:[\]/]*):)?(\d{1,5})$/.exec(text) ?? [];
  if (digits === undefined) throw malformed(text, scheme);
  const port = Number(digits);
  if (port > 65_535)
    throw new Refusal(`${quote(scheme + text)} has no valid port`, 'ports go from 0 to 65535');
  if (bracketed !== undefined) return { host: ipv6(bracketed, text, scheme), port };
  if (plain === undefined) return { host: '127.0.0.1', port };
  return { host: plain === '' ? '::' : ipv4(plain, text, scheme), port };
}

/**
 * Everything a listener may be written as: as {@link parseListen}; a range of ports, `127.0.0.1:10001-10100`, which is a
 * hundred listeners; either of them after `tls://`; and `unix:/run/gyre.sock`.
 * @throws {Refusal}
 */
export function parseListens(text: string): WrittenAddress[] {
  if (/^unix:/i.test(text)) return [{ at: parseUnix(text), tls: false }];
  const bare = text.replace(/^tls:\/\//i, '');
  const tls = bare !== text;
  if (tls && /^(?:unix:|\/)/i.test(bare)) {
    throw new Refusal(
      `${quote(text)} puts TLS on a Unix socket, which is not supported`,
      'the mode of the socket says who may connect: write unix:/run/gyre.sock',
    );
  }
  return parsePorts(bare, tls ? 'tls://' : '').map((at) => ({ at, tls }));
}

function parsePorts(text: string, scheme: Scheme): ListenAddress[] {
  const [, base, from, to] = /^(.*?)(\d{1,5})-(\d{1,5})$/.exec(text) ?? [];
  if (base === undefined || (base !== '' && !base.endsWith(':'))) return [parseListen(text, scheme)];
  const [first, last] = [Number(from), Number(to)];
  const { host } = parseListen(`${base}${to}`, scheme);
  if (first < 1 || first > last)
    throw new Refusal(
      `${quote(scheme + text)} has no valid range of ports`,
      `write for example ${scheme}127.0.0.1:10001-10100`,
    );
  if (last - first >= MOST_PORTS)
    throw new Refusal(`${quote(scheme + text)} has too many ports`, `a range may have ${MOST_PORTS}`);
  return Array.from({ length: last - first + 1 }, (_, i) => ({ host, port: first + i }));
}

function parseUnix(text: string): UnixAddress {
  // unix:///run/x is how URLs say it.
  const written = text.slice('unix:'.length).replace(/^\/\/\//, '/');
  if (!/^\/(?!\/)/.test(written)) {
    throw new Refusal(`${quote(text)} is not a whole path`, 'write unix:/run/gyre.sock');
  }
  if (written.endsWith('/') || written.includes('\0'))
    throw new Refusal(`${quote(text)} is not the path of a file`, 'write unix:/run/gyre.sock');
  const path = posix.normalize(written);
  const length = Buffer.byteLength(path);
  if (length > LONGEST_PATH) {
    throw new Refusal(
      `${quote(text)} is too long: the path has ${length} bytes`,
      `the path of a socket may have ${LONGEST_PATH}`,
    );
  }
  return { path, mode: UNIX_MODE };
}

/**
 * Permission bits: `660`, `0660` or `0o660`.
 * @throws {Refusal}
 */
export function parseMode(text: string): number {
  const [, digits] = /^(?:0o?)?([0-7]{3})$/.exec(text) ?? [];
  if (digits !== undefined) return Number.parseInt(digits, 8);
  throw new Refusal(
    `${quote(text)} is not a mode in octal digits`,
    "write '660' for owner and group, '666' for everyone",
  );
}

/** Whether only programs on this host can reach the address. */
export function isLoopback(host: string): boolean {
  return host.startsWith('127.') || host === '::1' || host === 'localhost';
}

/** Whether other hosts can reach a listener: never a socket file, and never loopback. */
export function isPublic({ at }: Pick<ListenerConfig, 'at'>): boolean {
  return 'host' in at && !isLoopback(at.host);
}

/** The text of an address and a port: `127.0.0.1:1080`, `[::1]:1080`. */
export function formatListen({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The text of where a listener is, without what makes it more than that: `[::1]:1080`, `unix:/run/gyre.sock`. */
export function formatAt(at: ListenAddress | UnixAddress): string {
  return 'path' in at ? `unix:${at.path}` : formatListen(at);
}

/** What has an address, and may have TLS: listeners as written, and as they run. */
interface Formattable {
  readonly at: ListenAddress | UnixAddress;
  readonly tls: unknown;
}

/** Listeners as they may be written: `tls://[::]:1443`, and neighbouring ports of one host as a range. */
export function formatListeners(listeners: readonly Formattable[]): string[] {
  const runs: { readonly first: string; readonly base: string; end: number; length: number }[] = [];
  for (const { at, tls } of listeners) {
    const text = `${tls === undefined ? '' : 'tls://'}${formatAt(at)}`;
    const port = 'port' in at ? at.port : 0;
    const base = port === 0 ? '' : text.slice(0, -String(port).length);
    const run = runs.at(-1);
    if (run !== undefined && base !== '' && run.base === base && run.end + 1 === port) {
      run.end = port;
      run.length++;
    } else runs.push({ first: text, base, end: port, length: 1 });
  }
  return runs.map(({ first, end, length }) => (length === 1 ? first : `${first}-${end}`));
}

function ipv4(host: string, text: string, scheme: Scheme): string {
  if (host === 'localhost') return '127.0.0.1';
  if (isIP(host) === 4) return host;
  const what = `${quote(scheme + text)} is not a listen address`;
  if (host === '*') throw new Refusal(what, `write ${scheme}${text.slice(1)}`);
  if (/^tls$/i.test(host)) throw new Refusal(what, `write tls://${text.slice(3)}`);
  if (/^[\d.]+$/.test(host)) throw new Refusal(`${quote(host)} is not an IPv4 address`, forms(scheme));
  throw new Refusal(`${quote(scheme + text)} names a host, and names are not resolved here`, forms(scheme));
}

function ipv6(host: string, text: string, scheme: Scheme): string {
  if (isIP(host) !== 6)
    throw new Refusal(`${quote(scheme + text)} has no IPv6 address in its brackets`, forms(scheme));
  // A zone id belongs to this host's interfaces: leave it as it was written.
  return host.includes('%') ? host : new Address6(host).correctForm();
}

function malformed(text: string, scheme: Scheme): Refusal {
  const what = `${quote(scheme + text)} is not a listen address`;
  const [, other, rest] = /^([a-z][a-z0-9+.-]*):\/\/(.+)$/i.exec(text) ?? [];
  if (other !== undefined) {
    const secure = /^(?:https|ssl|socks5?s)$/i.test(other);
    const hint = secure
      ? `for TLS around SOCKS5 and HTTP alike write tls://${rest}`
      : `leave the scheme out: one port speaks SOCKS5 and HTTP; write ${rest}`;
    return new Refusal(what, hint);
  }
  if (isIP(text) === 4 || /^\[.*\]$/.test(text))
    return new Refusal(`${quote(scheme + text)} has no port`, `write ${scheme}${text}:1080`);
  if (isIP(text) === 6) {
    return new Refusal(
      `${quote(scheme + text)} needs brackets around its address`,
      `write for example ${scheme}[::1]:1080`,
    );
  }
  if (text.startsWith('/')) return new Refusal(what, `for a Unix socket write unix:${text}`);
  return new Refusal(what, forms(scheme));
}
