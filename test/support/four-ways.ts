/** The four protocols as a client speaks them that may have to log in, and what it is told in each. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { Peer } from './peer.ts';

export type WayIn = 'SOCKS5' | 'SOCKS4' | 'CONNECT' | 'plain HTTP';
export const WAYS_IN: readonly WayIn[] = ['SOCKS5', 'SOCKS4', 'CONNECT', 'plain HTTP'];
/** Those that have passwords. */
export const LOGIN_WAYS: readonly WayIn[] = ['SOCKS5', 'CONNECT', 'plain HTTP'];

/** What a client asks for. */
export interface Wish {
  /** Of the proxy, on loopback. */
  readonly proxy: number;
  /** Port of the target. */
  readonly port: number;
  /** A name or an IPv4 address. @default '127.0.0.1' */
  readonly host?: string;
  /** `NAME:PASSWORD`. */
  readonly login?: string | undefined;
  /** The client's own address. @default '127.0.0.1' */
  readonly from?: string | undefined;
  /** Of a forwarded request. @default '/' */
  readonly path?: string;
}

/** What it was told. */
export interface Told extends Disposable {
  /**
   * `granted`; for SOCKS5 `05 02`, or `01 01` for its login; for SOCKS4 `5b`; for HTTP the status and the reason; `closed`
   * without a word, and `reset`.
   */
  readonly word: string;
  /** Seconds. */
  readonly retryAfter: number | undefined;
  /** The address the target was reached from, where the protocol says it. */
  readonly egress: string | undefined;
  readonly client: Peer;
}

type Word = Pick<Told, 'word'> & Partial<Pick<Told, 'retryAfter' | 'egress'>>;

const portBytes = (port: number): Buffer => Buffer.of(port >> 8, port & 255);
const withLength = (text: string): Buffer =>
  Buffer.concat([Buffer.of(Buffer.byteLength(text)), Buffer.from(text)]);
const isAddress = (host: string): boolean => /^[\d.]+$/.test(host);
const addressBytes = (host: string): Buffer => Buffer.from(host.split('.').map(Number));

/** A client that is connected and has said nothing; it may have been reset by now. */
export async function come({ proxy, from }: Pick<Wish, 'proxy' | 'from'>): Promise<Peer> {
  const where = { host: '127.0.0.1', port: proxy, allowHalfOpen: true, noDelay: true };
  const socket = connect(from === undefined ? where : { ...where, localAddress: from });
  const peer = new Peer(socket);
  await once(socket, 'connect').catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ECONNRESET') throw error;
    await peer.waitClosed();
  });
  return peer;
}

/** Asks, and stays. */
export async function ask(way: WayIn, wish: Wish): Promise<Told> {
  const client = await come(wish);
  const { word, retryAfter, egress } = await SPOKEN[way](client, wish).catch((error: unknown): Word => {
    if (client.closed && client.error?.code === 'ECONNRESET') return { word: 'reset' };
    if (client.ended || client.closed) return { word: 'closed' };
    throw error;
  });
  return { word, retryAfter, egress, client, [Symbol.dispose]: () => client.socket.destroy() };
}

/** Asks, and leaves. */
export async function outcome(way: WayIn, wish: Wish): Promise<string> {
  using told = await ask(way, wish);
  return told.word;
}

/** The greeting of SOCKS5 and the login, if there is one. @returns undefined when both went well. */
export async function logIn(client: Peer, login: string | undefined): Promise<string | undefined> {
  client.write(login === undefined ? '05 01 00' : '05 01 02');
  const [, method] = await client.read(2);
  if (method === 0xff) return '05 ff';
  if (login === undefined) return undefined;
  const colon = login.indexOf(':');
  const parts = [login.slice(0, colon), login.slice(colon + 1)];
  client.write(Buffer.concat([Buffer.of(1), ...parts.map(withLength)]));
  const answer = await client.read(2);
  return answer[1] === 0 ? undefined : '01 01';
}

export function socks5Request(host: string, port: number): Buffer {
  const named = [Buffer.of(3), withLength(host)];
  const target = isAddress(host) ? [Buffer.of(1), addressBytes(host)] : named;
  return Buffer.concat([Buffer.of(5, 1, 0), ...target, portBytes(port)]);
}

async function socks5(client: Peer, { host = '127.0.0.1', port, login }: Wish): Promise<Word> {
  const refused = await logIn(client, login);
  if (refused !== undefined) return { word: refused };
  client.write(socks5Request(host, port));
  const reply = await client.read(10);
  if (reply[1] !== 0) return { word: `05 ${reply.toString('hex', 1, 2)}` };
  return { word: 'granted', egress: reply.subarray(4, 8).join('.') };
}

async function socks4(client: Peer, { host = '127.0.0.1', port, login = '' }: Wish): Promise<Word> {
  const [user = ''] = login.split(':');
  const address = isAddress(host) ? addressBytes(host) : Buffer.of(0, 0, 0, 1);
  const name = isAddress(host) ? '' : `${host}\0`;
  client.write(Buffer.concat([Buffer.of(4, 1), portBytes(port), address, Buffer.from(`${user}\0${name}`)]));
  const reply = await client.read(8);
  if (reply[1] !== 0x5a) return { word: reply.toString('hex', 1, 2) };
  return { word: 'granted', egress: reply.subarray(4, 8).join('.') };
}

/** A request head with the login in it. */
export function httpHead(firstLine: string, login: string | undefined, ...fields: readonly string[]): string {
  const basic = login && `Proxy-Authorization: Basic ${Buffer.from(login).toString('base64')}`;
  return [firstLine, 'Host: x', ...(basic ? [basic] : []), ...fields, '', ''].join('\r\n');
}

async function http(client: Peer, head: string): Promise<Word> {
  client.text(head);
  // A body is read by who wants it.
  let text = '';
  while (!text.endsWith('\r\n\r\n')) text += (await client.read(1)).toString('latin1');
  const [, status, reason] = /^HTTP\/1\.1 (\d{3}) (.*)\r\n/.exec(text) ?? [];
  const retryAfter = /\r\nRetry-After: (\d+)\r\n/i.exec(text)?.[1];
  const egress = /\r\nProxy-Status: .*egress="([^"]+)"/i.exec(text)?.[1];
  return {
    word: status === '200' ? 'granted' : `${status} ${reason}`,
    ...(retryAfter !== undefined && { retryAfter: Number(retryAfter) }),
    ...(egress !== undefined && { egress }),
  };
}

const SPOKEN: Readonly<Record<WayIn, (client: Peer, wish: Wish) => Promise<Word>>> = {
  SOCKS5: socks5,
  SOCKS4: socks4,
  CONNECT: (client, { host = '127.0.0.1', port, login }) =>
    http(client, httpHead(`CONNECT ${host}:${port} HTTP/1.1`, login)),
  'plain HTTP': (client, { host = '127.0.0.1', port, login, path = '/' }) =>
    http(client, httpHead(`GET http://${host}:${port}${path} HTTP/1.1`, login)),
};
