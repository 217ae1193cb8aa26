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
const HEADER_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\u0000-\u0008\u000a-\u001f\u007f]*)$/;

/** Reads a request head up to and including its empty line. */
export function parseHead(bytes: Buffer): Parsed<Head> | undefined {
  return parseWhole(bytes) ?? parseByLine(bytes);
}

const BLANK_LINE = Buffer.from('\r\n\r\n');
/** A CR or LF that is not part of a CRLF. */
const STRAY = /\r(?!\n)|(?<!\r)\n/;

/** A head that is all here and has nothing wrong with its line ends, as nearly all are, is read in one go. */
function parseWhole(bytes: Buffer): Parsed<Head> | undefined {
  const end = bytes.indexOf(BLANK_LINE);
  const length = end + BLANK_LINE.length;
  if (end === -1 || length > MAX_HEAD_BYTES) return undefined;
  const text = bytes.toString('latin1', 0, end);
  if (STRAY.test(text)) return undefined;
  const lines = text.split('\r\n');
  return lines.length > MAX_HEADERS + 1 ? undefined : { value: readHead(lines), length };
}

/** Finds the first thing wrong, however little is here. */
function parseByLine(bytes: Buffer): Parsed<Head> | undefined {
  const lines: string[] = [];
  let start = 0;
  for (;;) {
    const end = lineEnd(bytes, start);
    if (end === -1) return undefined;
    const line = bytes.toString('latin1', start, end);
    start = end + 2;
    if (line === '') return { value: readHead(lines), length: start };
    if (lines.length > MAX_HEADERS) throw new ProxyError('HEAD_TOO_LARGE', 'too many header lines');
    lines.push(line);
  }
}

/**
 * Where the CRLF of a line stands, -1 while it is not there. The first byte that settles the matter decides, so that more
 * bytes never change a verdict: a CR or LF alone cannot be mended by what follows.
 */
function lineEnd(bytes: Buffer, start: number): number {
  const cr = bytes.indexOf(CR, start);
  const lf = bytes.indexOf(LF, start);
  const first = cr === -1 || (lf !== -1 && lf < cr) ? lf : cr;
  const settled = first === -1 ? bytes.length : first === lf ? first : first + 1;
  if (settled >= MAX_HEAD_BYTES) throw new ProxyError('HEAD_TOO_LARGE');
  if (first === -1 || settled >= bytes.length) return -1;
  if (bytes[first] === CR && bytes[first + 1] === LF) return first;
  throw new ProxyError('BAD_REQUEST', 'a line does not end in CRLF');
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
  return [parts[1]!.toLowerCase(), withoutOuterSpace(parts[2]!)];
}

/** Spaces and tabs only: `trim` takes more. An expression that does this as well takes three times as long for the line. */
function withoutOuterSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x09;

/** All values of a field, in the order they came. @param name In lower case. */
export const valuesOf = (head: Head, name: string): string[] =>
  head.headers.filter(([field]) => field === name).map(([, value]) => value);

/** @throws ProxyError for two Host lines, and for none in HTTP/1.1 (RFC 9112 §3.2). */
export function checkHost(head: Head): void {
  const hosts = valuesOf(head, 'host');
  if (hosts.length > 1) throw new ProxyError('BAD_REQUEST', 'more than one Host header');
  if (hosts.length === 0 && head.version === '1.1')
    throw new ProxyError('BAD_REQUEST', 'the Host header is missing');
}

/** What a CONNECT asks for; throws what is wrong with it. */
export function connectTarget(head: Head): Target {
  if (head.method !== 'CONNECT') throw new ProxyError('BAD_REQUEST', 'this is not a CONNECT request');
  checkHost(head);
  if (
    valuesOf(head, 'transfer-encoding').length > 0 ||
    valuesOf(head, 'content-length').some((value) => value !== '0')
  ) {
    throw new ProxyError('BAD_REQUEST', 'CONNECT has no body');
  }
  return parseAuthority(head.target);
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

/** What a client is told in `Proxy-Status` about the way its bytes took. @param moved Its session has a new egress. */
export function proxyStatus(bound: Endpoint, moved: boolean): string {
  return `gyre; egress="${bound.address}"${moved ? '; session=moved' : ''}`;
}

/** The answer to a CONNECT whose tunnel stands. Clients count on status 200, no length, and nothing behind the head. */
export function granted(bound: Endpoint, moved = false): Buffer {
  return Buffer.from(
    `HTTP/1.1 200 Connection established\r\nProxy-Status: ${proxyStatus(bound, moved)}\r\n\r\n`,
    'latin1',
  );
}

/** The answer to a request that failed, in its parts. */
export interface Refusal {
  readonly status: number;
  readonly reason: string;
  /** Names and values in turn. */
  readonly fields: string[];
  readonly body: string;
}

/** What a 405 lists: RFC 9110 §15.5.6 wants it to. */
const ALLOW = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, CONNECT';

/** Where nobody knows better; seconds. */
const RETRY_AFTER_S: Readonly<Record<number, number>> = { 429: 1, 503: 5 };

/**
 * The reason stands in the reason phrase too, since for CONNECT many clients show nothing else.
 * @param keepAlive The next request may come on this connection.
 * @param status In place of the one the failure's table has.
 */
export function refusal(error: ProxyError, keepAlive: boolean, status: number = error.failure.http): Refusal {
  const { proxyStatus: type, blame } = error.failure;
  const body = `${error.message}\n`;
  const fields = [
    'Proxy-Status',
    `gyre; error=${type}; details="${error.message.replaceAll(/["\\]/g, '')}"`,
    'Content-Type',
    'text/plain',
    'Content-Length',
    String(Buffer.byteLength(body)),
    'Cache-Control',
    'no-store',
  ];
  if (status === 405) fields.push('Allow', ALLOW);
  if (status === 407) fields.push('Proxy-Authenticate', 'Basic realm="gyre", charset="UTF-8"');
  const retryAfter = error.retryAfterS ?? RETRY_AFTER_S[status];
  if (retryAfter !== undefined && (blame !== 'client' || status === 429))
    fields.push('Retry-After', String(Math.ceil(retryAfter)));
  fields.push('Connection', keepAlive ? 'keep-alive' : 'close');
  return { status, reason: error.message, fields, body };
}

/** {@link refusal} as bytes. @param method `HEAD` is answered without a body. */
export function refused(error: ProxyError, keepAlive = false, status?: number, method?: string): Buffer {
  const { status: code, reason, fields, body } = refusal(error, keepAlive, status);
  const head = headText(`HTTP/1.1 ${code} ${reason}`, fields);
  return Buffer.from(method === 'HEAD' ? head : head + body, 'latin1');
}

/** A head as text, with its empty line. @param fields Names and values in turn. */
export function headText(firstLine: string, fields: readonly string[]): string {
  let text = `${firstLine}\r\n`;
  for (let i = 0; i + 1 < fields.length; i += 2) text += `${fields[i]}: ${fields[i + 1]}\r\n`;
  return `${text}\r\n`;
}
