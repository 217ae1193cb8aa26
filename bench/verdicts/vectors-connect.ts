/** HTTP CONNECT. */
import { CLOSED_PORT, latin1, PASSWORD, USER, vector, type Extra, type Vector } from './vector.ts';

const sent = (
  id: string,
  title: string,
  build: (to: string, port: number) => string,
  explained?: string,
  extra?: Extra,
): Vector =>
  vector('http', id, title, (port) => [latin1(build(`127.0.0.1:${port}`, port))], explained, extra);
const target = (
  id: string,
  write: (port: number) => string,
  explained?: string,
  title = write(1080),
): Vector =>
  sent(id, `CONNECT ${title}`, (_, port) => `CONNECT ${write(port)} HTTP/1.1\r\nHost: x\r\n\r\n`, explained);
const withLines = (id: string, title: string, lines: string, explained?: string, extra?: Extra): Vector =>
  sent(id, title, (to) => `CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\n${lines}\r\n`, explained, extra);
const basic = (name: string, password: string): string =>
  `Proxy-Authorization: Basic ${Buffer.from(`${name}:${password}`).toString('base64')}\r\n`;

const AUTHORITY = 'The target of CONNECT is host:port, with a port (RFC 9110 §9.3.6): 400 without a look-up.';
const ODD_IPV4 =
  'libc would read this as an IPv4 address, past every rule about addresses: 403, never resolved.';
const NO_BODY =
  "CONNECT has no body: bytes behind the head are the tunnel's, and two readers could disagree (RFC 9110 §9.3.6).";
const LINES =
  'What two parsers could read in two ways is refused, since the bytes behind the head are not ours to interpret (RFC 9112 §2.2, §5.1).';
const IPV6_TARGET =
  'The target is understood; no address of the pool (IPv4 only here) can have it: 502, and it never leaves by another one.';
const BOUNDED = 'A head has at most 16 KiB and 128 lines: 431 (RFC 6585 §5), and nothing beyond is kept.';
const FIRST_BYTE =
  'The first byte begins no HTTP method: closed without an answer, as every protocol that is not spoken here.';

const TARGETS: readonly Vector[] = [
  target('E1', (port) => `127.0.0.1:${port}`),
  target('E1.2', (port) => `localhost:${port}`),
  sent(
    'E2',
    'connect in lower case',
    (to) => `connect ${to} HTTP/1.1\r\nHost: ${to}\r\n\r\n`,
    'Methods are case-sensitive (RFC 9110 §9.1): this is an unknown one, 501.',
  ),
  target('E3', (port) => `[::1]:${port}`, IPV6_TARGET),
  target('E3.2', (port) => `::1:${port}`, `The last colon is the one before the port. ${IPV6_TARGET}`),
  target('E3.3', () => '[::1]', AUTHORITY),
  target(
    'E3.4',
    (port) => `[::1%25lo]:${port}`,
    "Zone ids name interfaces of this host, which are not a client's to choose: 400.",
  ),
  target(
    'E3.5',
    (port) => `[localhost]:${port}`,
    'Brackets hold IPv6 addresses only (RFC 3986 §3.2.2): 400.',
  ),
  target('E3.6', (port) => `127.1:${port}`, ODD_IPV4),
  target('E3.7', (port) => `2130706433:${port}`, ODD_IPV4),
  target('E3.8', (port) => `0x7f.1:${port}`, ODD_IPV4),
  target(
    'E3.9',
    (port) => `0.0.0.0:${port}`,
    'Linux would connect to this very host: 0.0.0.0/8 is denied whatever is allowed (RFC 6890).',
  ),
  target('E4', () => '127.0.0.1', AUTHORITY),
  target('E4.2', () => '127.0.0.1:', AUTHORITY),
  target('E4.3', () => '127.0.0.1:0', AUTHORITY),
  target('E4.4', () => '127.0.0.1:65536', AUTHORITY),
  target(
    'E4.5',
    (port) => `127.0.0.1:${port + 65_536}`,
    `A port that is cut to 16 bits would be another one. ${AUTHORITY}`,
    '127.0.0.1:(port + 65536)',
  ),
  target('E4.6', (port) => `127.0.0.1:+${port}`, AUTHORITY),
  target('E4.7', (port) => `127.0.0.1:0x${port.toString(16)}`, AUTHORITY),
  target(
    'E4.8',
    (port) => `127.0.0.1:${port}:80`,
    'Two colons without brackets are an IPv6 address or nothing: 400.',
  ),
  target('E5', () => '/', AUTHORITY),
  target('E5.2', (port) => `http://127.0.0.1:${port}/`, AUTHORITY),
  target('E5.3', () => '*', AUTHORITY),
  target(
    'E6',
    (port) => `u:p@127.0.0.1:${port}`,
    'User information has no place in it (RFC 9112 §3.2.3), and would end up in logs: 400.',
  ),
  target('E7', (port) => `a..b:${port}`, 'This can be no host name: 400, no query.'),
  target(
    'E7.2',
    () => `127.0.0.1:${CLOSED_PORT}`,
    'A target that refuses is a bad gateway: 502, with the RFC 9209 type connection_refused.',
    '127.0.0.1:(closed port)',
  ),
];

const HEADS: readonly Vector[] = [
  withLines('E8', 'two Host lines', 'Host: other\r\n', 'More than one Host is 400 (RFC 9112 §3.2).'),
  sent(
    'E8.2',
    'Host that names something else',
    (to) => `CONNECT ${to} HTTP/1.1\r\nHost: other.invalid\r\n\r\n`,
    'The request target counts; Host of a CONNECT is not used (RFC 9112 §3.2).',
  ),
  sent(
    'E9',
    'HTTP/1.1 without Host',
    (to) => `CONNECT ${to} HTTP/1.1\r\n\r\n`,
    'A request of HTTP/1.1 without Host is 400 (RFC 9112 §3.2).',
  ),
  sent('E10', 'HTTP/1.0 without Host', (to) => `CONNECT ${to} HTTP/1.0\r\n\r\n`),
  sent(
    'E11',
    'no version',
    (to) => `CONNECT ${to}\r\n\r\n`,
    'HTTP/0.9 knows no CONNECT: a malformed request line, 400.',
  ),
  sent(
    'E11.2',
    'HTTP/2.0',
    (to) => `CONNECT ${to} HTTP/2.0\r\nHost: ${to}\r\n\r\n`,
    'Versions 1.0 and 1.1 are spoken; others are 505 (RFC 9110 §15.6.6).',
  ),
  sent(
    'E11.3',
    'preface of HTTP/2',
    () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'Versions 1.0 and 1.1 are spoken; others are 505 (RFC 9110 §15.6.6).',
  ),
  sent(
    'E11.4',
    'HTTP/1.2',
    (to) => `CONNECT ${to} HTTP/1.2\r\nHost: ${to}\r\n\r\n`,
    'There is no such version. RFC 9110 §2.5 suggests to read it as 1.1; nobody honest sends it, so it is 505.',
  ),
  sent(
    'E11.5',
    'two spaces in the request line',
    (to) => `CONNECT  ${to} HTTP/1.1\r\nHost: ${to}\r\n\r\n`,
    LINES,
  ),
  sent(
    'E11.6',
    'empty line before the request',
    (to) => `\r\nCONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\n\r\n`,
    'RFC 9112 §2.2 suggests to pass over it. Here the first byte tells the protocol, and CR begins none; before a further request it is passed over.',
  ),
  withLines('E12', 'Content-Length: 5', 'Content-Length: 5\r\n', NO_BODY),
  withLines('E12.2', 'Content-Length: 0', 'Content-Length: 0\r\n'),
  withLines('E13', 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked\r\n', NO_BODY),
  sent(
    'E14',
    'data right behind the head',
    (to) => `CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\n\r\nearly\n`,
    'Bytes behind the head are the first of the tunnel; they wait for the 200.',
    { sight: { pattern: /early/, yes: 'early data arrives', no: 'early data lost' } },
  ),
  sent(
    'E15',
    'CONNECT that fails, and a GET behind it',
    (to) =>
      `CONNECT 127.0.0.1:${CLOSED_PORT} HTTP/1.1\r\nHost: x\r\n\r\nGET http://${to}/ HTTP/1.1\r\nHost: ${to}\r\n\r\n`,
    'One 502 and a close; what came behind was meant for a tunnel, and is never parsed.',
  ),
  withLines('E16', 'no credentials, login required', '', 'Asked for by 407 (RFC 9110 §11.7.1).', {
    users: true,
  }),
  withLines('E17', 'right credentials', basic(USER, PASSWORD), undefined, { users: true }),
  withLines(
    'E17.2',
    'wrong password',
    basic(USER, 'wrong'),
    'Wrong credentials are 407, as missing ones (RFC 9110 §15.5.8).',
    { users: true },
  ),
  withLines(
    'E17.3',
    'right and wrong credentials',
    basic(USER, PASSWORD) + basic(USER, 'wrong'),
    'Two answers to one question are none: 407.',
    { users: true },
  ),
  withLines('E19', 'head of 20 KiB', `X: ${'x'.repeat(20_480)}\r\n`, BOUNDED),
  withLines('E19.2', '129 header lines', 'X: y\r\n'.repeat(128), BOUNDED),
  withLines('E19.3', '2001 header lines', 'X: y\r\n'.repeat(2000), BOUNDED),
  sent('E19.4', '64 KiB without a line end', () => `CONNECT ${'a'.repeat(65_536)}`, BOUNDED, { alone: true }),
  sent('E20', 'lines that end in LF', (to) => `CONNECT ${to} HTTP/1.1\nHost: ${to}\n\n`, LINES),
  withLines('E21', 'CR in a value', 'X: a\rb\r\n', LINES),
  sent(
    'E21.2',
    'head that ends in CR CR LF',
    (to) => `CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\n\r\r\n`,
    LINES,
  ),
  withLines('E23', 'space before the colon', 'X : y\r\n', LINES),
  sent(
    'E23.2',
    'space before the first field',
    (to) => `CONNECT ${to} HTTP/1.1\r\n Host: ${to}\r\n\r\n`,
    LINES,
  ),
  withLines('E23.3', 'folded line', 'X: y\r\n z\r\n', LINES),
  withLines('E23.4', 'empty field name', ': y\r\n', LINES),
  withLines('E23.5', 'NUL in a value', 'X: a\0b\r\n', LINES),
  withLines('E23.6', 'NUL in a name', 'X\0Y: z\r\n', LINES),
  withLines('E23.7', 'line without a colon', 'nothing\r\n', LINES),
  withLines('E24', 'fields __proto__ and constructor', '__proto__: x\r\nconstructor: y\r\n'),
  ...[0x00, 0x16, 0x80, 0xff].map((first) =>
    vector(
      'http',
      `A12.${first.toString(16).padStart(2, '0')}`,
      `first byte ${first.toString(16).padStart(2, '0').toUpperCase()}`,
      () => [Buffer.of(first, 3, 1, 0, 5, 1, 0, 0, 1, 3)],
      FIRST_BYTE,
    ),
  ),
];

export const CONNECT: readonly Vector[] = [...TARGETS, ...HEADS];
