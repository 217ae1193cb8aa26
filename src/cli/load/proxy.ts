/** The proxy a load test goes through, and what is said to it for each connection. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Credentials, Endpoint } from '../../connection.ts';
import { ipBytes } from '../../protocol/address.ts';
import type { Destination } from '../connect.ts';
import { EXIT, Failure } from '../exit.ts';
import { formatProxy, parseProxyUrl, type ProxyAddress } from '../proxy-url.ts';
import { ProxyRefusal, REPLIES } from '../socks-client.ts';
import type { Channel } from './channel.ts';

export type Speech = 'socks5' | 'socks4' | 'socks4a' | 'http' | 'direct';

export interface LoadProxy extends Destination {
  readonly speech: Speech;
  readonly credentials: Credentials | undefined;
  /** Without credentials: fit to be shown. */
  readonly text: string;
}

/** Asks for a tunnel. @throws {Failure} With the proxy's own reason. */
export type Opening = (channel: Channel) => Promise<void>;

/** Bytes; an answer to CONNECT is short. */
const LARGEST_HEAD = 16_384;
const CRLF2 = '\r\n\r\n';

/**
 * As `--proxy` of `gyre prove` takes it, and `socks4://`, `socks4a://` (with a user id at most), and `direct`.
 * @param read How the URL of any other proxy is read.
 * @throws {Failure}
 */
export function readLoadProxy(url: string, read: (url: string) => ProxyAddress = parseProxyUrl): LoadProxy {
  if (url === 'direct')
    return { speech: 'direct', address: '', port: 0, credentials: undefined, text: 'no proxy' };
  const [, speech, id, rest] = /^(socks4a?):\/\/(?:([^@/]*)@)?(.*)$/i.exec(url) ?? [];
  if (speech === undefined) {
    const proxy = read(url);
    return { ...proxy, speech: proxy.protocol, credentials: proxy.credentials, text: formatProxy(proxy) };
  }
  if (id?.includes(':') === true)
    throw new Failure('SOCKS4 has no passwords', 'give a user id alone, or use socks5h://', EXIT.usage);
  const { address, port } = read(`socks5h://${rest}`);
  const credentials = id === undefined ? undefined : { name: id, password: '' };
  const text = formatProxy({ protocol: 'socks5', address, port }).replace('socks5h', speech.toLowerCase());
  return { speech: speech.toLowerCase() as Speech, address, port, credentials, text };
}

/**
 * With the name looked up, so that this does not happen again for each connection. With TLS the name stays: the certificate
 * is for it.
 * @throws {Failure}
 */
export async function located(proxy: LoadProxy): Promise<LoadProxy> {
  if (proxy.tls !== undefined || proxy.speech === 'direct' || proxy.address.startsWith('unix:')) return proxy;
  return { ...proxy, address: await addressOf(proxy.address, 'the proxy') };
}

/** @param family 4: SOCKS4 knows no other. @throws {Failure} */
export async function addressOf(name: string, what: string, family: 0 | 4 = 0): Promise<string> {
  if (isIP(name) !== 0 && (family === 0 || isIP(name) === family)) return name;
  try {
    return (await lookup(name, { family })).address;
  } catch {
    throw new Failure(`the name of ${what} cannot be resolved${family === 4 ? ' to an IPv4 address' : ''}`);
  }
}

/** The words are made once for all connections. @throws {Failure} */
export async function openingTo(proxy: LoadProxy, target: Endpoint): Promise<Opening> {
  switch (proxy.speech) {
    case 'socks5':
      return socks5(proxy.credentials, target);
    case 'socks4': {
      const address = await addressOf(target.address, 'the target', 4);
      return socks4(proxy.credentials, { address, port: target.port });
    }
    case 'socks4a':
      return socks4(proxy.credentials, target);
    case 'direct':
      return async () => {};
    default:
      return connect(proxy.credentials, target);
  }
}

/** RFC 1928 and RFC 1929, one message after the other, as clients do. */
function socks5(credentials: Credentials | undefined, { address, port }: Endpoint): Opening {
  const greeting = credentials === undefined ? Uint8Array.of(5, 1, 0) : Uint8Array.of(5, 2, 0, 2);
  const request = Buffer.concat([Uint8Array.of(5, 1, 0), hostOf(address), portOf(port)]);
  const login = credentials === undefined ? undefined : loginOf(credentials);
  return async (channel) => {
    channel.write(greeting);
    const answer = await channel.take(2);
    if (answer[0] !== 5)
      throw new Failure('what answers there does not speak SOCKS5', 'is it the port of the proxy?');
    if (answer[1] === 2 && login !== undefined) {
      channel.write(login);
      if ((await channel.take(2))[1] !== 0) throw wrongLogin();
    } else if (answer[1] !== 0) throw login === undefined ? loginWanted() : wrongLogin();
    channel.write(request);
    const [, reply = 1, , type] = await channel.take(4);
    if (reply !== 0) {
      const words = REPLIES[reply] ?? 'with an unknown code';
      throw new ProxyRefusal(reply, `the proxy answered ${words} (SOCKS reply ${reply})`);
    }
    const length = type === 3 ? (await channel.take(1))[0]! : type === 4 ? 16 : 4;
    await channel.take(length + 2);
  };
}

/** A name goes to the proxy by the address 0.0.0.1, as SOCKS4a has it. */
function socks4(credentials: Credentials | undefined, { address, port }: Endpoint): Opening {
  if (isIP(address) === 6) throw new Failure('SOCKS4 cannot reach an IPv6 address', undefined, EXIT.usage);
  const name = isIP(address) === 0 ? `${address}\0` : '';
  const bytes = isIP(address) === 4 ? ipBytes(address)! : Uint8Array.of(0, 0, 0, 1);
  const words = Buffer.from(`${credentials?.name ?? ''}\0${name}`);
  const request = Buffer.concat([Uint8Array.of(4, 1), portOf(port), bytes, words]);
  return async (channel) => {
    channel.write(request);
    const [zero, code = 0] = await channel.take(8);
    if (zero !== 0)
      throw new Failure('what answers there does not speak SOCKS4', 'is it the port of the proxy?');
    if (code !== 0x5a)
      throw new ProxyRefusal(code, `the proxy rejected the request, or it failed (SOCKS4 reply ${code})`);
  };
}

/** RFC 9110 §9.3.6. */
function connect(credentials: Credentials | undefined, target: Endpoint): Opening {
  const authority = authorityOf(target);
  const request = Buffer.from(
    `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${proxyAuthorization(credentials)}\r\n`,
  );
  return async (channel) => {
    channel.write(request);
    const head = (await channel.takeUntil(CRLF2, LARGEST_HEAD)).toString('latin1');
    const [, digits, reason = ''] = /^HTTP\/1\.[01] (\d{3}) ?([\x20-\x7e]{0,80})/.exec(head) ?? [];
    if (digits === undefined)
      throw new Failure('what answers there does not speak HTTP CONNECT', 'is it the port of the proxy?');
    const status = Number(digits);
    if (status === 407) throw credentials === undefined ? loginWanted() : wrongLogin();
    if (status < 200 || status > 299)
      throw new ProxyRefusal(status, `the proxy answered ${digits} ${reason}`.trim());
  };
}

/** A header line, or nothing. */
export function proxyAuthorization(credentials: Credentials | undefined): string {
  if (credentials === undefined) return '';
  const { name, password } = credentials;
  return `Proxy-Authorization: Basic ${Buffer.from(`${name}:${password}`).toString('base64')}\r\n`;
}

export function authorityOf({ address, port }: Endpoint): string {
  return isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}

function hostOf(host: string): Uint8Array {
  const bytes = isIP(host) === 0 ? undefined : ipBytes(host);
  if (bytes !== undefined) return Uint8Array.of(bytes.length === 4 ? 1 : 4, ...bytes);
  const name = Buffer.from(host);
  return Uint8Array.of(3, name.length, ...name);
}

const portOf = (port: number): Uint8Array => Uint8Array.of(port >> 8, port & 255);

function loginOf(credentials: Credentials): Uint8Array {
  const [name, password] = [Buffer.from(credentials.name), Buffer.from(credentials.password)];
  return Buffer.concat([Uint8Array.of(1, name.length), name, Uint8Array.of(password.length), password]);
}

const loginWanted = (): Failure =>
  new Failure('the proxy wants a user name and a password', 'give them with --user NAME:PASSWORD');
const wrongLogin = (): Failure => new Failure('the proxy does not accept this user name and password');
