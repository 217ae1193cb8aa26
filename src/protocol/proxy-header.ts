/**
 * The PROXY protocol on the receiver's side, versions 1 (a line of text) and 2 (binary), as in HAProxy's
 * `proxy-protocol.txt`: before anything else the sender says on whose behalf it connects.
 *
 * Whoever may write a header can name any client, so that nothing in it is guessed: what the specification does not
 * allow is refused, also where other receivers pass over it.
 */
import type { Endpoint } from '../connection.ts';
import { ProxyError } from '../errors.ts';
import { formatIpv4, ipBytes, ipv6Host, parseIpv4 } from './address.ts';
import { crc32c } from './crc32c.ts';
import type { Parsed } from './parsed.ts';

/** Whom a sender speaks for. */
export interface ProxiedClient {
  /**
   * The client's address in canonical form and its port, 0–65535. Undefined when the sender speaks for itself (a health
   * check) or for somebody without an IP address: then its own address is to be used.
   */
  readonly client: Endpoint | undefined;
}

/** Reads a header of either version; nothing behind it is consumed. @throws ProxyError `PROXY_HEADER_INVALID` */
export function parseProxyHeader(bytes: Buffer): Parsed<ProxiedClient> | undefined {
  if (bytes.length === 0) return undefined;
  return bytes[0] === SIGNATURE[0] ? parseBinary(bytes) : parseLine(bytes);
}

const invalid = (detail?: string): ProxyError => new ProxyError('PROXY_HEADER_INVALID', detail);

// Version 1

/** The longest line with its CRLF; bytes. */
const MAX_LINE = 107;
const FOR_TCP4 = 'PROXY TCP4 ';
const BEGINNINGS = [FOR_TCP4, 'PROXY TCP6 ', 'PROXY UNKNOWN\r', 'PROXY UNKNOWN '];
const PORT = /^(?:0|[1-9]\d{0,4})$/;
/** What an address or a port may look like before its last character has come. */
const UNFINISHED = /^[\da-f:.]*$/i;

/**
 * ```text
 * PROXY TCP4 192.0.2.1 198.51.100.1 56324 443<CR><LF>
 * PROXY TCP6 2001:db8::1 2001:db8::2 56324 443<CR><LF>
 * PROXY UNKNOWN[ anything]<CR><LF>                       at most 107 bytes
 * ```
 */
function parseLine(bytes: Buffer): Parsed<ProxiedClient> | undefined {
  const text = bytes.toString('latin1', 0, MAX_LINE);
  const beginning = BEGINNINGS.find((words) => text.startsWith(words));
  if (beginning === undefined) {
    if (BEGINNINGS.some((words) => words.startsWith(text))) return undefined;
    throw invalid();
  }
  const lineEnd = text.search(/[\r\n]/);
  const line = lineEnd === -1 ? text : text.slice(0, lineEnd);
  const ending = text.slice(line.length, line.length + 2);
  const fields = line.slice(beginning.length).split(' ');
  const client = beginning.startsWith('PROXY TCP')
    ? readFields(fields, beginning === FOR_TCP4 ? isIpv4 : isIpv6, ending !== '')
    : undefined;
  if (ending === '\r\n') return { value: { client }, length: line.length + 2 };
  if (ending !== '' && ending !== '\r') throw invalid('the PROXY line does not end in CRLF');
  if (text.length === MAX_LINE) throw invalid('the PROXY line is longer than 107 bytes');
  return undefined;
}

/** @param ended Whether the line is all there: if not, its last field may still grow. */
function readFields(
  fields: string[],
  isAddress: (text: string) => boolean,
  ended: boolean,
): Endpoint | undefined {
  const unfinished = ended ? '' : fields.pop()!;
  const rules = [isAddress, isAddress, isPort, isPort];
  const countFits = ended ? fields.length === rules.length : fields.length < rules.length;
  if (!countFits || !UNFINISHED.test(unfinished) || !fields.every((field, index) => rules[index]!(field))) {
    throw invalid('the PROXY line does not hold two addresses and two ports');
  }
  return ended ? { address: canonical(fields[0]!), port: Number(fields[2]) } : undefined;
}

const isIpv4 = (text: string): boolean => parseIpv4(text) !== -1;
const isIpv6 = (text: string): boolean => ipBytes(text)?.length === 16;
const isPort = (text: string): boolean => PORT.test(text) && Number(text) <= 65_535;

/** @param text A valid address. */
const canonical = (text: string): string => (isIpv4(text) ? text : ipv6Host(ipBytes(text)!, 0).host);

// Version 2

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** Signature, command, family and length; bytes. */
const FIXED = 16;
/** The most a header may announce behind its fixed part: addresses and some certificate names fit; bytes. */
const MAX_LENGTH = 2048;
/** Version 2 stands in the upper half of the byte. */
const LOCAL = 0x20;
const PROXY = 0x21;
const UNSPECIFIED = 0x00;
const TCP4 = 0x11;
const TCP6 = 0x21;
/** Bytes of addresses and ports for each family and transport that can be the origin of a TCP connection. */
const ADDRESS_BYTES: Readonly<Record<number, number>> = {
  [UNSPECIFIED]: 0,
  [TCP4]: 2 * 4 + 4,
  [TCP6]: 2 * 16 + 4,
  // A stream socket of AF_UNIX.
  0x31: 2 * 108,
};

/**
 * ```text
 * +-----------+---------+-----+-----+-----+-----+-------+-------+------+
 * | SIGNATURE | VER CMD | FAM | LEN | SRC | DST | SPORT | DPORT | TLVs |   16 + LEN bytes, LEN at most 2048
 * +-----------+---------+-----+-----+-----+-----+-------+-------+------+
 * ```
 */
function parseBinary(bytes: Buffer): Parsed<ProxiedClient> | undefined {
  const begun = Math.min(bytes.length, SIGNATURE.length);
  if (SIGNATURE.compare(bytes, 0, begun, 0, begun) !== 0) throw invalid();
  // A byte that has not come counts as the least it can be.
  const [command = LOCAL, family = UNSPECIFIED, high = 0, low = 0] = bytes.subarray(SIGNATURE.length, FIXED);
  if (command !== LOCAL && command !== PROXY)
    throw invalid('the PROXY header is of an unknown version or command');
  // The family of LOCAL has no meaning; and as with UNSPECIFIED, nobody can tell where TLVs would begin.
  const addressBytes = command === LOCAL ? 0 : ADDRESS_BYTES[family];
  if (addressBytes === undefined) throw invalid('the PROXY header is not about a TCP connection');
  const length = FIXED + high * 256 + low;
  if (length > FIXED + MAX_LENGTH) throw invalid('the PROXY header is longer than 2064 bytes');
  if (bytes.length < FIXED) return undefined;
  if (length < FIXED + addressBytes) throw invalid('the PROXY header is too short for its addresses');
  if (bytes.length < length) return undefined;
  if (addressBytes > 0) checkTlvs(bytes.subarray(0, length), FIXED + addressBytes);
  return { value: { client: command === LOCAL ? undefined : readClient(bytes, family) }, length };
}

function readClient(bytes: Buffer, family: number): Endpoint | undefined {
  if (family === TCP4) return { address: formatIpv4(bytes, FIXED), port: bytes.readUInt16BE(FIXED + 8) };
  if (family === TCP6) return { address: ipv6Host(bytes, FIXED).host, port: bytes.readUInt16BE(FIXED + 32) };
  return undefined;
}

const CHECKSUM = 0x03;

/** Nothing in them is used, but their lengths have to add up to the header's, and a checksum has to be right. */
function checkTlvs(header: Buffer, start: number): void {
  for (let at = start; at < header.length;) {
    const value = at + 3;
    const end = value <= header.length ? value + header.readUInt16BE(at + 1) : Infinity;
    if (end > header.length) throw invalid('the TLVs of the PROXY header do not add up to its length');
    if (header[at] === CHECKSUM && !(end - value === 4 && isChecksum(header, value)))
      throw invalid('the checksum of the PROXY header is wrong');
    at = end;
  }
}

/** The checksum was taken while zeros stood in its place. */
function isChecksum(header: Buffer, at: number): boolean {
  return crc32c(Buffer.from(header).fill(0, at, at + 4)) === header.readUInt32BE(at);
}
