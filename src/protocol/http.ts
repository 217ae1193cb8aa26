/**
 * HTTP/1.x as far as CONNECT needs it: RFC 9112 (head), RFC 9110 §9.3.6 (CONNECT) and §11.7 (proxy authentication),
 * RFC 7617 (Basic), RFC 9209 (Proxy-Status).
 *
 * Deliberately strict: whatever two parsers could read in two ways (bare LF, folded lines, a space before the colon,
 * several Host lines) is refused, because the bytes behind the head are not ours to interpret.
 */
import type { Credentials, Endpoint, Target } from '../connection.ts';
import { ProxyError } from '../errors.ts';
import { parseAuthority } from './address.ts';
import type { Parsed } from './parsed.ts';

/** The longest head that is read; bytes. */
export const MAX_HEAD_BYTES = 16_384;
/** The most header lines a head may have. */
export const MAX_HEADERS = 128;

export interface Head {
  readonly method: string;
  /** The request target as it was sent. */
  readonly target: string;
  readonly version: '1.0' | '1.1';
  /** Names in lower case, values without outer white space, in the order they came. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

const LF = 0x0a;
const CR = 0x0d;
const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\u0021-\u007e]+) (HTTP\/\d\.\d)$/;
const HEADER_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\u0000-\u0008\u000a-\u001f\u007f]*?)[ \t]*$/;

/** Reads a request head up to and including its empty line. */
export function parseHead(bytes: Buffer): Parsed<Head> | undefined {
  const lines: string[] = [];
  let start = 0;
  for (;;) {
    const lf = bytes.indexOf(LF, start);
    const end = lf === -1 ? bytes.length : lf + 1;
    if (end > MAX_HEAD_BYTES || (lf === -1 && end === MAX_HEAD_BYTES)) throw new ProxyError('HEAD_TOO_LARGE');
    if (lf === -1) return undefined;
    if (lf === start || bytes[lf - 1] !== CR)
      throw new ProxyError('BAD_REQUEST', 'a line does not end in CRLF');
    const line = bytes.toString('latin1', start, lf - 1);
    start = end;
    if (line === '') return { value: readHead(lines), length: end };
    if (lines.length > MAX_HEADERS) throw new ProxyError('HEAD_TOO_LARGE', 'too many header lines');
    lines.push(line);
  }
}

function readHead([requestLine = '', ...headerLines]: readonly string[]): Head {
  const parts = REQUEST_LINE.exec(requestLine);
  if (parts === null) throw new ProxyError('BAD_REQUEST', 'malformed request line');
  const [, method = '', target = '', version = ''] = parts;
  if (version !== 'HTTP/1.1' && version !== 'HTTP/1.0') throw new ProxyError('BAD_VERSION');
  return {
    method,
    target,
    version: version === 'HTTP/1.1' ? '1.1' : '1.0',
    headers: headerLines.map(readHeader),
  };
}

function readHeader(line: string): readonly [string, string] {
  const parts = HEADER_LINE.exec(line);
  if (parts === null) throw new ProxyError('BAD_REQUEST', 'malformed header line');
  return [parts[1]!.toLowerCase(), parts[2]!];
}

const valuesOf = (head: Head, name: string): string[] =>
  head.headers.filter(([field]) => field === name).map(([, value]) => value);

/** What a CONNECT asks for; throws what is wrong with it. */
export function connectTarget(head: Head): Target {
  if (head.method !== 'CONNECT') throw notConnect(head);
  const hosts = valuesOf(head, 'host');
  if (hosts.length > 1) throw new ProxyError('BAD_REQUEST', 'more than one Host header');
  if (hosts.length === 0 && head.version === '1.1')
    throw new ProxyError('BAD_REQUEST', 'the Host header is missing');
  if (
    valuesOf(head, 'transfer-encoding').length > 0 ||
    valuesOf(head, 'content-length').some((value) => value !== '0')
  ) {
    throw new ProxyError('BAD_REQUEST', 'CONNECT has no body');
  }
  return parseAuthority(head.target);
}

function notConnect({ target }: Head): ProxyError {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(target)
    ? new ProxyError(
        'METHOD_NOT_SUPPORTED',
        'forwarding of plain HTTP requests is not supported, use CONNECT',
      )
    : new ProxyError('BAD_REQUEST', 'this is a proxy, not a web server');
}

/** Basic credentials of a head; undefined when there are none that can be read. */
export function basicCredentials(head: Head): Credentials | undefined {
  const [value, ...more] = valuesOf(head, 'proxy-authorization');
  const encoded = more.length === 0 ? /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(value ?? '')?.[1] : undefined;
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon === -1 ? undefined : { name: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** The answer to a CONNECT whose tunnel stands. Clients count on status 200, no length, and nothing behind the head. */
export function granted(bound: Endpoint, moved = false): Buffer {
  return Buffer.from(
    `HTTP/1.1 200 Connection established\r\nProxy-Status: gyre; egress="${bound.address}"${moved ? '; session=moved' : ''}\r\n\r\n`,
    'latin1',
  );
}

/**
 * The answer to a request that failed. The reason stands in the reason phrase too, since for CONNECT many clients show
 * nothing else.
 * @param keepAlive Only for a 407 whose retry may come on this connection.
 */
export function refused(error: ProxyError, keepAlive = false): Buffer {
  const { http, proxyStatus, blame } = error.failure;
  const body = `${error.message}\n`;
  const lines = [
    `HTTP/1.1 ${http} ${error.message}`,
    `Proxy-Status: gyre; error=${proxyStatus}; details="${error.message.replaceAll(/["\\]/g, '')}"`,
    'Content-Type: text/plain',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
  ];
  if (http === 407) lines.push('Proxy-Authenticate: Basic realm="gyre", charset="UTF-8"');
  if (http === 503 && blame !== 'client') lines.push('Retry-After: 5');
  lines.push(keepAlive ? 'Connection: keep-alive' : 'Connection: close');
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`, 'latin1');
}
