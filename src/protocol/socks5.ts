/**
 * SOCKS5 on the server's side: RFC 1928 (negotiation, request, reply) and RFC 1929 (user and password).
 *
 * Parsers take what has arrived so far and return undefined while the message is incomplete; what can never become
 * valid throws at the first byte that says so, so that nobody is kept waiting for bytes that would not help.
 */
import type { Credentials, Endpoint, Target } from '../connection.ts';
import { ProxyError } from '../errors.ts';
import { formatIpv4, ipBytes, ipv6Host, parseHost, type Host } from './address.ts';
import type { Parsed } from './parsed.ts';

export const VERSION = 0x05;
const AUTH_VERSION = 0x01;
const CONNECT = 0x01;
const IPV4 = 0x01;
const NAME = 0x03;
const IPV6 = 0x04;

/** What a greeting offers. */
export interface Greeting {
  readonly noAuth: boolean;
  readonly password: boolean;
}

export const METHOD = { noAuth: 0x00, password: 0x02, none: 0xff } as const;

/**
 * ```text
 * +----+----------+----------+
 * |VER | NMETHODS | METHODS  |   1 + 1 + 0…255 bytes
 * +----+----------+----------+
 * ```
 */
export function parseGreeting(bytes: Buffer): Parsed<Greeting> | undefined {
  if (bytes.length < 2) return undefined;
  const length = 2 + bytes[1]!;
  if (bytes.length < length) return undefined;
  const methods = bytes.subarray(2, length);
  return {
    value: { noAuth: methods.includes(METHOD.noAuth), password: methods.includes(METHOD.password) },
    length,
  };
}

/**
 * The method to speak. Password wins whenever it is offered, even when nobody has to log in: many clients offer both,
 * and only with a name can they say more than "hello".
 */
export function chooseMethod(greeting: Greeting, authRequired: boolean): number {
  if (greeting.password) return METHOD.password;
  return greeting.noAuth && !authRequired ? METHOD.noAuth : METHOD.none;
}

/**
 * ```text
 * +----+------+----------+------+----------+
 * |VER | ULEN |  UNAME   | PLEN |  PASSWD  |   at most 513 bytes
 * +----+------+----------+------+----------+
 * ```
 */
export function parseCredentials(bytes: Buffer): Parsed<Credentials> | undefined {
  if (bytes.length > 0 && bytes[0] !== AUTH_VERSION) {
    throw new ProxyError('BAD_REQUEST', 'not a user and password message (RFC 1929)');
  }
  if (bytes.length < 2) return undefined;
  const nameEnd = 2 + bytes[1]!;
  if (bytes.length <= nameEnd) return undefined;
  const length = nameEnd + 1 + bytes[nameEnd]!;
  if (bytes.length < length) return undefined;
  return {
    value: {
      name: bytes.toString('utf8', 2, nameEnd),
      password: bytes.toString('utf8', nameEnd + 1, length),
    },
    length,
  };
}

/**
 * ```text
 * +----+-----+-------+------+----------+----------+
 * |VER | CMD |  RSV  | ATYP | DST.ADDR | DST.PORT |   at most 262 bytes
 * +----+-----+-------+------+----------+----------+
 * ```
 */
export function parseRequest(bytes: Buffer): Parsed<Target> | undefined {
  if (bytes.length > 0 && bytes[0] !== VERSION) throw new ProxyError('BAD_REQUEST', 'not a SOCKS5 request');
  if (bytes.length > 1 && bytes[1] !== CONNECT) throw new ProxyError('COMMAND_NOT_SUPPORTED');
  if (bytes.length > 2 && bytes[2] !== 0)
    throw new ProxyError('BAD_REQUEST', 'the reserved byte is not zero');
  if (bytes.length < 5) {
    if (bytes.length === 4) addressEnd(bytes[3]!, 0);
    return undefined;
  }
  const portAt = addressEnd(bytes[3]!, bytes[4]!);
  const length = portAt + 2;
  if (bytes.length < length) return undefined;
  const { host, family } = readHost(bytes, portAt);
  const port = bytes.readUInt16BE(portAt);
  if (port === 0) throw new ProxyError('BAD_TARGET', 'port 0 is not a port');
  return { value: { host, port, family }, length };
}

/** Where DST.ADDR ends. A name begins with its length byte. */
function addressEnd(type: number, nameLength: number): number {
  if (type === IPV4) return 4 + 4;
  if (type === IPV6) return 4 + 16;
  if (type === NAME) return 5 + nameLength;
  throw new ProxyError('ADDRESS_TYPE_NOT_SUPPORTED');
}

function readHost(bytes: Buffer, end: number): Host {
  if (bytes[3] === IPV4) return { host: formatIpv4(bytes, 4), family: 4 };
  if (bytes[3] === IPV6) return ipv6Host(bytes, 4);
  // latin1 keeps every byte distinguishable, so that what is no host name is refused as such.
  return parseHost(bytes.toString('latin1', 5, end));
}

/** The answer to a greeting. Made once: a buffer of two bytes costs as much to make as a big one. */
export const methodReply = (method: number): Buffer => METHOD_REPLIES[method]!;

const METHOD_REPLIES: Readonly<Record<number, Buffer>> = Object.fromEntries(
  Object.values(METHOD).map((method) => [method, Buffer.of(VERSION, method)]),
);

/** The answer to credentials (RFC 1929 §2: its own version byte, zero is success). */
export const authReply = (accepted: boolean): Buffer => (accepted ? WELCOME : UNWELCOME);

const WELCOME = Buffer.of(AUTH_VERSION, 0x00);
const UNWELCOME = Buffer.of(AUTH_VERSION, 0x01);

const ANY: Endpoint = { address: '0.0.0.0', port: 0 };

/**
 * A reply is always whole, 10 or 22 bytes: clients wait for that length even on failure.
 * @param rep REP, RFC 1928 §6.
 * @param bound On success the address and port the connection really leaves from.
 */
export function reply(rep: number, bound: Endpoint = ANY): Buffer {
  const address = ipBytes(bound.address) ?? new Uint8Array(4);
  const bytes = Buffer.allocUnsafe(6 + address.length);
  bytes[0] = VERSION;
  bytes[1] = rep;
  bytes[2] = 0;
  bytes[3] = address.length === 4 ? IPV4 : IPV6;
  bytes.set(address, 4);
  bytes.writeUInt16BE(bound.port, 4 + address.length);
  return bytes;
}
