/**
 * What a plain HTTP request asks a proxy for: its target, what the origin is to read, and where its body ends.
 * RFC 9112 §3.2.2 (absolute-form) and §6 (framing), RFC 9110 §7.6.2 (Max-Forwards), §7.8 (Upgrade), §10.1.1 (Expect).
 *
 * Strict where two readers of the same bytes could disagree about where a message ends.
 */
import type { Target } from '../connection.ts';
import { ProxyError } from '../errors.ts';
import { parseAuthority, parseHost } from './address.ts';
import { checkHost, valuesOf, type Head } from './http.ts';

/** What follows a head: so many bytes, or chunks until the last one says so. */
export type Body = number | 'chunked';

/** Where a URL leads, and what is left of it for the origin. */
export interface Destination {
  readonly target: Target;
  /** Host and port as the client wrote them: the origin's Host header. */
  readonly authority: string;
  /** The request target for the origin: a path with its query, or `*`. */
  readonly path: string;
}

export interface ForwardRequest extends Destination {
  readonly method: string;
  readonly version: Head['version'];
  readonly body: Body;
  /** The client would like to send its next request on the same connection. */
  readonly keepAlive: boolean;
  /** It offers to go on in another protocol after the head. */
  readonly upgrade: boolean;
}

/** @throws ProxyError `BAD_REQUEST`, `BAD_TARGET`, `TARGET_DENIED` or `METHOD_NOT_ALLOWED`; none repeats what was sent. */
export function readRequest(head: Head): ForwardRequest {
  checkHost(head);
  const { method, version } = head;
  const body = bodyOf(head);
  const destination = forwardTarget(method, head.target);
  if (method === 'TRACE' || valuesOf(head, 'max-forwards').some((value) => Number(value) === 0)) {
    throw new ProxyError('METHOD_NOT_ALLOWED', 'this proxy does not answer for itself');
  }
  return {
    ...destination,
    method,
    version,
    body,
    keepAlive: keepsAlive(head),
    upgrade: upgrades(head, body),
  };
}

/** Whether there is nothing it expects but `100-continue` (RFC 9110 §10.1.1). */
export const expectsWhatIsKnown = (head: Head): boolean =>
  tokensOf(head, 'expect').every((expectation) => expectation === '100-continue');

/** @throws ProxyError for a framing that could be read in two ways: RFC 9112 §6.1 and §6.3. */
export function bodyOf(head: Head): Body {
  const codings = valuesOf(head, 'transfer-encoding');
  const lengths = valuesOf(head, 'content-length');
  if (codings.length > 0) {
    if (lengths.length > 0) throw bad('Content-Length and Transfer-Encoding contradict each other');
    if (codings.length > 1 || codings[0]!.toLowerCase() !== 'chunked')
      throw bad('the only transfer coding known here is chunked');
    if (head.version === '1.0') throw bad('HTTP/1.0 has no transfer codings');
    return 'chunked';
  }
  if (lengths.length === 0) return 0;
  // 15 digits are counted without loss.
  if (lengths.length > 1 || !/^\d{1,15}$/.test(lengths[0]!))
    throw bad('the Content-Length is not one number');
  return Number(lengths[0]);
}

/** aiohttp, for one, asks for a WebSocket by its own scheme, which RFC 6455 §3 gives the port of http. */
const HTTP_URL = /^(?:http|ws):\/\/([^/?#]*)([^#]*)/i;

/** @throws ProxyError `BAD_REQUEST`, `BAD_TARGET`, `TARGET_DENIED`. */
export function forwardTarget(method: string, url: string): Destination {
  const parts = HTTP_URL.exec(url);
  if (parts === null) throw notForwardable(url);
  const [, authority = '', rest = ''] = parts;
  if (authority.includes('@'))
    throw new ProxyError('BAD_TARGET', 'the URL must not contain a user name or password');
  return { target: originOf(authority), authority, path: pathOf(method, rest) };
}

function notForwardable(url: string): ProxyError {
  const [, scheme = ''] = /^([a-z][a-z0-9+.-]*):[/]/i.exec(url) ?? [];
  if (scheme === '') return bad('this is a proxy, not a web server');
  return new ProxyError(
    'BAD_TARGET',
    scheme.toLowerCase() === 'https'
      ? 'https URLs are not fetched by a proxy: open a tunnel with CONNECT'
      : 'the URL must begin with http://',
  );
}

/** In a URL an IPv6 address has brackets; without a port it is 80. */
function originOf(authority: string): Target {
  const brackets = authority.startsWith('[');
  if (brackets ? authority.endsWith(']') : !authority.includes(':')) {
    const { host, family } = parseHost(authority);
    return { host, port: 80, family };
  }
  if (!brackets && authority.indexOf(':') !== authority.lastIndexOf(':'))
    throw new ProxyError('BAD_TARGET', 'an IPv6 address in a URL needs brackets');
  return parseAuthority(authority);
}

/** RFC 9112 §3.2.4: an `OPTIONS` without a path asks the server as a whole. */
function pathOf(method: string, rest: string): string {
  if (rest === '') return method === 'OPTIONS' ? '*' : '/';
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** `Proxy-Connection` is no standard, but it is all that some HTTP/1.0 clients say. */
function keepsAlive(head: Head): boolean {
  const said = tokensOf(head, 'connection');
  const options = said.length > 0 ? said : tokensOf(head, 'proxy-connection');
  return head.version === '1.1' ? !options.includes('close') : options.includes('keep-alive');
}

/** HTTP/2 in the clear is not offered on: its frames would pass by everything this proxy looks at. */
function upgrades(head: Head, body: Body): boolean {
  if (head.version === '1.0' || body !== 0 || !tokensOf(head, 'connection').includes('upgrade')) return false;
  const protocols = tokensOf(head, 'upgrade');
  return protocols.length > 0 && !protocols.some((protocol) => protocol.startsWith('h2c'));
}

/** The members of a list, in lower case. */
function tokensOf(head: Head, name: string): string[] {
  return valuesOf(head, name)
    .flatMap((value) => value.toLowerCase().split(','))
    .map((member) => member.trim())
    .filter((member) => member !== '');
}

const bad = (detail: string): ProxyError => new ProxyError('BAD_REQUEST', detail);
