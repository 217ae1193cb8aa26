/** HTTP as bytes: what a test writes, and what it reads exactly as it came. */
import type { Gateway } from '../../src/runtime/gateway.ts';
import { Peer } from './peer.ts';

/** A message, taken apart but not interpreted. */
export interface Message {
  /** The request line or the status line. */
  readonly first: string;
  /** 0 for a request. */
  readonly status: number;
  /** Everything up to the empty line, with it. */
  readonly head: string;
  /** Each header line. */
  readonly lines: readonly string[];
  readonly body: Buffer;
  /** Each trailer line. */
  readonly trailers: readonly string[];
}

export const basic = (text: string): string =>
  `Proxy-Authorization: Basic ${Buffer.from(text).toString('base64')}`;

/** A head with `Host` taken from the URL. */
export function ask(method: string, url: string, ...lines: string[]): string {
  const { host } = new URL(url);
  return [`${method} ${url} HTTP/1.1`, `Host: ${host}`, ...lines, '', ''].join('\r\n');
}

/** A response with a body of known length. */
export function answer(body: string, ...lines: string[]): string {
  return ['HTTP/1.1 200 OK', ...lines, `Content-Length: ${body.length}`, '', body].join('\r\n');
}

/** Connected to a gateway, with nothing said yet. */
export const clientOf = (proxy: Gateway): Promise<Peer> => Peer.connect(proxy.endpoints[0]!.port);

export async function readHead(peer: Peer): Promise<string> {
  let head = '';
  while (!head.endsWith('\r\n\r\n')) head += (await peer.read(1)).toString('latin1');
  return head;
}

/**
 * The next message, with its body.
 * @param method Of the request that is answered: `HEAD` has no body.
 */
export async function readMessage(peer: Peer, method = ''): Promise<Message> {
  const head = await readHead(peer);
  const [first = '', ...lines] = head.slice(0, -4).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1] ?? 0);
  const message = { first, status, head, lines };
  if (method === 'HEAD' || status === 204 || status === 304 || (status > 0 && status < 200))
    return { ...message, body: Buffer.alloc(0), trailers: [] };
  if (/\r\ntransfer-encoding: chunked\r\n/i.test(head)) return { ...message, ...(await readChunks(peer)) };
  const length = /\r\ncontent-length: (\d+)\r\n/i.exec(head)?.[1];
  const body =
    length === undefined
      ? status === 0
        ? Buffer.alloc(0)
        : await peer.rest()
      : await peer.read(Number(length));
  return { ...message, body, trailers: [] };
}

async function readChunks(peer: Peer): Promise<{ body: Buffer; trailers: string[] }> {
  const chunks: Buffer[] = [];
  for (;;) {
    const size = Number.parseInt(await readLine(peer), 16);
    if (size === 0) break;
    chunks.push(await peer.read(size));
    await peer.read(2);
  }
  const trailers: string[] = [];
  for (let line = await readLine(peer); line !== ''; line = await readLine(peer)) trailers.push(line);
  return { body: Buffer.concat(chunks), trailers };
}

async function readLine(peer: Peer): Promise<string> {
  let line = '';
  while (!line.endsWith('\r\n')) line += (await peer.read(1)).toString('latin1');
  return line.slice(0, -2);
}
