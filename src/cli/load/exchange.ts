/** What is said to the target through a tunnel, and what counts as an answer. */
import type { Endpoint } from '../../connection.ts';
import { ProxyError } from '../../errors.ts';
import { ChunkedEnd } from '../../protocol/chunked.ts';
import { EXIT, Failure } from '../exit.ts';
import { firstAddress } from '../fetch-address.ts';
import type { Channel } from './channel.ts';
import { authorityOf, proxyAuthorization, type LoadProxy } from './proxy.ts';

/** Where the load goes. */
export interface LoadTarget {
  readonly endpoint: Endpoint;
  /** TLS within the tunnel. */
  readonly secure: boolean;
  /** Undefined: bytes that come back as they were sent, instead of HTTP. */
  readonly url: URL | undefined;
}

export interface Answer {
  /** The caller's address, when that is what the target answered. */
  readonly address: string | undefined;
  /** Another request may follow on this connection. */
  readonly stays: boolean;
}

/** One request and its answer. @throws {Failure} */
export type Exchange = (channel: Channel) => Promise<Answer>;

const LARGEST_HEAD = 65_536;
/** Only a short answer can be an address; bytes. */
const SHORT = 1024;
/** How many bytes go there and back for `tcp://`. */
const ECHO_BYTES = 32;

/** `http://…`, `https://…`, or `tcp://HOST:PORT`. @throws {Failure} */
export function readLoadTarget(text: string): LoadTarget {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const host = url?.hostname.replace(/^\[|\]$/g, '') ?? '';
  const secure = url?.protocol === 'https:';
  const port = Number(url?.port === '' ? (secure ? 443 : url.protocol === 'http:' ? 80 : 0) : url?.port);
  const endpoint = { address: host, port };
  const fits = host !== '' && host.length <= 253 && port > 0;
  if (fits && (secure || url?.protocol === 'http:')) return { endpoint, secure, url };
  if (fits && url?.protocol === 'tcp:') return { endpoint, secure, url: undefined };
  throw new Failure(
    'the target is not an http or https URL, nor tcp://HOST:PORT',
    'write for example http://192.0.2.1/ or tcp://192.0.2.1:7',
    EXIT.usage,
  );
}

/**
 * @param keepAlive Ask the target to leave the connection open.
 * @param forward The proxy that gets the request itself, instead of one for a tunnel.
 */
export function exchangeWith(target: LoadTarget, keepAlive: boolean, forward?: LoadProxy): Exchange {
  const { url } = target;
  return url === undefined ? echo() : get(url, target.endpoint, keepAlive, forward);
}

/** Bytes that no other request has, there and back. */
function echo(): Exchange {
  let serial = 0;
  return async (channel) => {
    const bytes = Buffer.alloc(ECHO_BYTES, 0x67);
    bytes.writeBigUInt64BE(BigInt(serial++), 0);
    channel.write(bytes);
    if (!(await channel.take(ECHO_BYTES)).equals(bytes))
      throw new Failure('the target sends back other bytes than it got', 'is it an echo server?');
    return { address: undefined, stays: true };
  };
}

function get(url: URL, endpoint: Endpoint, keepAlive: boolean, forward: LoadProxy | undefined): Exchange {
  const authority = url.port === '' ? authorityOf(endpoint).replace(/:\d+$/, '') : authorityOf(endpoint);
  const path = `${url.pathname}${url.search}`;
  const request = Buffer.from(
    [
      `GET ${forward === undefined ? path : `http://${authority}${path}`} HTTP/1.1`,
      `Host: ${authority}`,
      'Accept: */*',
      'User-Agent: gyre',
      `Connection: ${keepAlive ? 'keep-alive' : 'close'}`,
      `${proxyAuthorization(forward?.credentials)}\r\n`,
    ].join('\r\n'),
  );
  return async (channel) => {
    channel.write(request);
    let head: Head;
    do head = readHead(await channel.takeUntil('\r\n\r\n', LARGEST_HEAD), forward !== undefined);
    while (head.status < 200);
    const text = await readBody(channel, head);
    if (head.status >= 400) throw new Failure(`${head.who} answered ${head.line}`);
    return { address: text === undefined ? undefined : firstAddress(text), stays: keepAlive && head.stays };
  };
}

interface Head {
  readonly status: number;
  /** Status and reason, fit to be shown. */
  readonly line: string;
  readonly who: string;
  /** Bytes; `chunked`, or `end`: it goes on until the connection ends. */
  readonly body: number | 'chunked' | 'end';
  readonly stays: boolean;
}

function readHead(bytes: Buffer, forwarded: boolean): Head {
  const text = bytes.toString('latin1');
  const [, minor, digits = '', reason = ''] =
    /^HTTP\/1\.([01]) (\d{3}) ?([\x20-\x7e]{0,80})/.exec(text) ?? [];
  // An error of its own and one of the target look alike, except for this field.
  const own = forwarded && /\r\nproxy-status:/i.test(text) && Number(digits) >= 400;
  const who = own ? 'the proxy' : 'the target';
  if (digits === '') throw new Failure('the target does not speak HTTP/1');
  const length = /\r\ncontent-length:[ \t]*(\d{1,15})[ \t]*\r\n/i.exec(text)?.[1];
  const chunked = /\r\ntransfer-encoding:[^\r]*\bchunked[ \t]*\r\n/i.test(text);
  const status = Number(digits);
  const bodiless = status < 200 || status === 204 || status === 304;
  const body = bodiless ? 0 : chunked ? 'chunked' : length === undefined ? 'end' : Number(length);
  const closes = minor === '0' || body === 'end' || /\r\nconnection:[^\r]*\bclose\b/i.test(text);
  return { status, line: `${digits} ${reason}`.trim(), who, body, stays: !closes };
}

/** Reads it to its end. @returns It, when it is short. */
async function readBody(channel: Channel, { body }: Head): Promise<string | undefined> {
  if (typeof body === 'number' && body <= SHORT) return (await channel.take(body)).toString('latin1');
  const chunks = new ChunkedEnd();
  let text: string | undefined = '';
  let left = typeof body === 'number' ? body : Infinity;
  while (left > 0 && !chunks.done) {
    const bytes = await channel.chunk();
    if (bytes === undefined) {
      if (body === 'end') break;
      throw new Failure('the target closed the connection in the middle of its answer');
    }
    const length = body === 'chunked' ? skip(chunks, bytes) : Math.min(left, bytes.length);
    left -= length;
    text =
      text === undefined || text.length + length > SHORT
        ? undefined
        : text + bytes.toString('latin1', 0, length);
    channel.unread(bytes.subarray(length));
  }
  return text;
}

function skip(chunks: ChunkedEnd, bytes: Buffer): number {
  try {
    return chunks.skip(bytes);
  } catch (error) {
    if (!(error instanceof ProxyError)) throw error;
    throw new Failure('the target sends malformed chunks');
  }
}
