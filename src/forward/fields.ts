/**
 * The header fields of a forwarded message: what is for this connection only stays behind (RFC 9110 §7.6.1), everything
 * else goes on in the order, case and number it came in.
 *
 * Lists are flat, names and values in turn, as Node's `rawHeaders` are.
 */
import { ProxyError } from '../errors.ts';
import type { ForwardRequest } from '../protocol/http-request.ts';
import { FieldList, isWritable } from './field-list.ts';

/** For one connection whether `Connection` names them or not; those that are made anew are not among them. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'te',
]);

/** What must not come behind a body, where it would change what came before it: RFC 9110 §6.5.1. */
const NO_TRAILERS: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'authorization',
  'connection',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'expect',
  'host',
  'max-forwards',
  'proxy-connection',
  'set-cookie',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What the origin is sent. One connection a request: it is told to close. */
export function requestFields(raw: readonly string[], request: ForwardRequest): string[] {
  const named = connectionOptions(raw);
  const fields = new FieldList();
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!;
    const value = raw[i + 1]!;
    const lower = name.toLowerCase();
    switch (lower) {
      case 'host':
        fields.once('host', name, request.authority);
        break;
      case 'connection':
      case 'proxy-connection':
        fields.once('connection', 'Connection', request.upgrade ? 'Upgrade' : 'close');
        break;
      case 'content-length':
        fields.addLength(name, value);
        break;
      case 'transfer-encoding':
        fields.add(name, 'chunked');
        break;
      case 'upgrade':
        if (request.upgrade) fields.add(name, value);
        break;
      case 'trailer':
        if (request.body === 'chunked' && !named.has(lower)) fields.add(name, value);
        break;
      case 'expect':
        // RFC 9110 §10.1.1: to be ignored in HTTP/1.0, which knows no interim responses.
        if (request.version === '1.1') fields.add(name, value);
        break;
      case 'max-forwards':
        fields.add(name, request.method === 'OPTIONS' ? oneLess(value) : value);
        break;
      default:
        if (!HOP_BY_HOP.has(lower) && !named.has(lower)) fields.add(name, value);
    }
  }
  fields.once('connection', 'Connection', 'close');
  return fields.has('host') ? fields.list : ['Host', request.authority, ...fields.list];
}

/** How a response is to reach the client. */
export interface ResponseFrame {
  readonly status: number;
  /** It has a body, which goes in chunks unless it has a length. */
  readonly chunks: boolean;
  /** Undefined in an interim response, which says nothing of the kind. */
  readonly connection: 'keep-alive' | 'close' | 'Upgrade' | undefined;
  /** What is added as `Proxy-Status`, if anything. */
  readonly proxyStatus: string | undefined;
}

/** What the client is sent. @throws ProxyError `BAD_RESPONSE` for what cannot be written. */
export function responseFields(raw: readonly string[], frame: ResponseFrame): string[] {
  const named = connectionOptions(raw);
  const chunks = frame.chunks && !hasField(raw, 'content-length');
  const fields = new FieldList();
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!;
    const value = raw[i + 1]!;
    if (!isWritable(name, value)) throw new ProxyError('BAD_RESPONSE');
    const lower = name.toLowerCase();
    switch (lower) {
      case 'connection':
      case 'proxy-connection':
        if (frame.connection !== undefined) fields.once('connection', 'Connection', frame.connection);
        break;
      case 'content-length':
        // RFC 9110 §8.6: a 204 has none, nor has an interim response.
        if (frame.status !== 204 && frame.status >= 200) fields.addLength(name, value);
        break;
      case 'transfer-encoding':
        if (chunks) fields.once('transfer-encoding', name, 'chunked');
        break;
      case 'upgrade':
        if (frame.status === 101) fields.add(name, value);
        break;
      case 'trailer':
        if (chunks && !named.has(lower)) fields.add(name, value);
        break;
      default:
        if (!HOP_BY_HOP.has(lower) && !named.has(lower)) fields.add(name, value);
    }
  }
  if (chunks) fields.once('transfer-encoding', 'Transfer-Encoding', 'chunked');
  if (frame.connection !== undefined) fields.once('connection', 'Connection', frame.connection);
  if (frame.proxyStatus !== undefined) fields.add('Proxy-Status', frame.proxyStatus);
  return fields.list;
}

/** What is left of the trailers, in pairs as Node wants them. */
export function trailerFields(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!;
    const value = raw[i + 1]!;
    if (!NO_TRAILERS.has(name.toLowerCase()) && isWritable(name, value)) pairs.push([name, value]);
  }
  return pairs;
}

/** The fields that `Connection` names, in lower case. */
function connectionOptions(raw: readonly string[]): ReadonlySet<string> {
  const options = new Set<string>();
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i]!.length !== 10 || raw[i]!.toLowerCase() !== 'connection') continue;
    for (const option of raw[i + 1]!.split(',')) options.add(option.trim().toLowerCase());
  }
  return options;
}

function hasField(raw: readonly string[], lower: string): boolean {
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i]!.length === lower.length && raw[i]!.toLowerCase() === lower) return true;
  }
  return false;
}

const oneLess = (value: string): string => (/^\d{1,9}$/.test(value) ? String(Number(value) - 1) : value);
