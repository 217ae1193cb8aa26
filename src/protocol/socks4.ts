/**
 * SOCKS4 on the server's side, as in Ying-Da Lee's memo "SOCKS: A protocol for TCP proxy across firewalls", and its
 * extension 4a, by which the proxy resolves the name.
 *
 * The texts have no length before them, they end at a zero byte. How far that byte is looked for is what bounds a
 * request: 8 + 256 + 255 bytes at most.
 */
import type { Endpoint, Target } from '../connection.ts';
import { ProxyError } from '../errors.ts';
import { formatIpv4, ipBytes, parseHost, type Host } from './address.ts';
import type { Parsed } from './parsed.ts';

const VERSION = 0x04;
const CONNECT = 0x01;
const GRANTED = 0x5a;
const REJECTED = 0x5b;

/** VN, CD, DSTPORT and DSTIP; bytes. */
const FIXED = 8;
/** The memo sets no bound. Credentials of SOCKS5 have this one; bytes. */
const MAX_USER_ID = 255;
/** 253 characters and the trailing dot; bytes. */
const MAX_HOST = 254;

/** What a client asks for. */
export interface Socks4Request {
  readonly target: Target;
  /** At most 255 bytes, read as UTF-8, often empty. A claim: SOCKS4 has no password to prove it with. */
  readonly userId: string;
}

/**
 * ```text
 * +----+----+---------+-------+--------+----+         +------+----+
 * | VN | CD | DSTPORT | DSTIP | USERID | 00 |   4a:   | HOST | 00 |   at most 519 bytes
 * +----+----+---------+-------+--------+----+         +------+----+
 * ```
 * A DSTIP of 0.0.0.1–0.0.0.255 is none, and says that HOST follows. An address written as HOST is that address.
 */
export function parseRequest(bytes: Buffer): Parsed<Socks4Request> | undefined {
  if (bytes.length > 0 && bytes[0] !== VERSION) throw new ProxyError('BAD_REQUEST', 'not a SOCKS4 request');
  if (bytes.length > 1 && bytes[1] !== CONNECT) throw new ProxyError('COMMAND_NOT_SUPPORTED');
  if (bytes.length < 4) return undefined;
  const port = bytes.readUInt16BE(2);
  if (port === 0) throw new ProxyError('BAD_TARGET', 'port 0 is not a port');
  if (bytes.length < FIXED) return undefined;
  const named = hasHost(bytes);

  const idEnd = textEnd(bytes, FIXED, MAX_USER_ID);
  if (idEnd === 'too long') throw new ProxyError('BAD_REQUEST', 'a user id has at most 255 bytes');
  if (idEnd === undefined) return undefined;
  const end = named ? textEnd(bytes, idEnd + 1, MAX_HOST) : idEnd;
  if (end === 'too long') throw new ProxyError('BAD_TARGET', 'a host name has 1 to 253 characters');
  if (end === undefined) return undefined;

  const { host, family } = named ? readHost(bytes, idEnd + 1, end) : ipv4Host(bytes);
  const userId = bytes.toString('utf8', FIXED, idEnd);
  return { value: { target: { host, port, family }, userId }, length: end + 1 };
}

function hasHost(bytes: Buffer): boolean {
  const address = bytes.readUInt32BE(4);
  if (address === 0) throw new ProxyError('BAD_TARGET', '0.0.0.0 is not an address to connect to');
  return address <= 0xff;
}

/** Where the zero byte behind a text stands; undefined while it has not come. */
function textEnd(bytes: Buffer, start: number, longest: number): number | 'too long' | undefined {
  const end = bytes.indexOf(0, start);
  if ((end === -1 ? bytes.length : end) - start > longest) return 'too long';
  return end === -1 ? undefined : end;
}

const ipv4Host = (bytes: Buffer): Host => ({ host: formatIpv4(bytes, 4), family: 4 });

// latin1 keeps every byte distinguishable, so that what is no host name is refused as such.
const readHost = (bytes: Buffer, start: number, end: number): Host =>
  parseHost(bytes.toString('latin1', start, end));

const NONE: Endpoint = { address: '0.0.0.0', port: 0 };

/**
 * ```text
 * +----+----+---------+-------+
 * | 00 | CD | DSTPORT | DSTIP |   always 8 bytes
 * +----+----+---------+-------+
 * ```
 * @param bound On success the address and port the connection really leaves from. There is no room for an IPv6 address:
 * zeros stand for it.
 */
export function reply(granted: boolean, bound: Endpoint = NONE): Buffer {
  const bytes = Buffer.alloc(FIXED);
  bytes[1] = granted ? GRANTED : REJECTED;
  const address = ipBytes(bound.address);
  if (address?.length === 4) {
    bytes.writeUInt16BE(bound.port, 2);
    bytes.set(address, 4);
  }
  return bytes;
}
