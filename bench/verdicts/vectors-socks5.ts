/** SOCKS5: greeting, login, request. */
import {
  bytes,
  CLOSED_PORT,
  latin1,
  PASSWORD,
  port16,
  USER,
  vector,
  type Extra,
  type Vector,
} from './vector.ts';

const GREETING = bytes(5, 1, 0);
const LOGIN_GREETING = bytes(5, 1, 2);
const LOOPBACK = bytes(127, 0, 0, 1);

const login = (name: string, password: string, version = 1): Buffer =>
  Buffer.concat([bytes(version, name.length), latin1(name), bytes(password.length), latin1(password)]);
const request = (address: Buffer, port: number, command = 1, reserved = 0): Buffer =>
  Buffer.concat([bytes(5, command, reserved), address, port16(port)]);
const ipv4 = (address: Buffer = LOOPBACK): Buffer => Buffer.concat([bytes(1), address]);
const named = (name: string): Buffer => Buffer.concat([bytes(3, name.length), latin1(name)]);
const ipv6 = (hex: string): Buffer => Buffer.concat([bytes(4), Buffer.from(hex, 'hex')]);

const raw = (
  id: string,
  title: string,
  steps: readonly Buffer[],
  explained?: string,
  extra?: Extra,
): Vector => vector('socks5', id, title, () => steps, explained, extra);
const asks = (
  id: string,
  title: string,
  build: (port: number) => Buffer,
  explained?: string,
  extra?: Extra,
): Vector => vector('socks5', id, title, (port) => [GREETING, build(port)], explained, extra);
const asksName = (
  id: string,
  name: string,
  explained: string,
  title: string = JSON.stringify(name),
): Vector => asks(id, `name ${title}`, (port) => request(named(name), port), explained);
const logsIn = (id: string, title: string, message: Buffer, explained?: string): Vector =>
  vector('socks5', id, title, (port) => [LOGIN_GREETING, message, request(ipv4(), port)], explained, {
    users: true,
  });

const FIRST_BYTE =
  'The first byte is of no protocol spoken here: closed without an answer, so that a scan learns nothing.';
const NO_SUCH_NAME =
  'This can be no host name (RFC 1123 §2.1): refused as malformed, before any resolver sees it.';
const ODD_IPV4 =
  'libc would read this as an IPv4 address, past every rule about addresses: denied as such (02), never resolved.';
const EARLY =
  'Clients may send ahead (RFC 1928 does not forbid it): bytes are parsed by their content, not by how they were split.';
const AT_ONCE = 'What cannot become a request any more is refused at the first byte that says so.';
const PASSWORD_WINS =
  'Password wins where it is offered: only with a user name can a client ask for a session; without users any pair is accepted.';

const GREETINGS: readonly Vector[] = [
  raw('A2', 'greeting, no authentication', [GREETING]),
  raw(
    'A4',
    'greeting without methods',
    [bytes(5, 0)],
    'No method of the list can be accepted: `05 FF`, as RFC 1928 §3 has it.',
  ),
  raw('A5', '255 methods, no authentication last', [
    Buffer.concat([bytes(5, 255), Buffer.alloc(254, 0x80), bytes(0)]),
  ]),
  raw(
    'A5.2',
    '255 methods, password last',
    [Buffer.concat([bytes(5, 255), Buffer.alloc(254, 0x80), bytes(2)])],
    'Every method of the list is read (RFC 1928 §3).',
    { users: true },
  ),
  raw(
    'A6',
    '255 methods announced, 254 sent',
    [Buffer.concat([bytes(5, 255), Buffer.alloc(254, 0x80)])],
    'An incomplete greeting is not answered: the rest may come until the handshake deadline.',
    { alone: true },
  ),
  raw(
    'A7',
    'unknown methods only',
    [bytes(5, 3, 0x99, 0x21, 0x10)],
    'No acceptable method: `05 FF`, then closed (RFC 1928 §3).',
  ),
  raw(
    'A8',
    'no authentication and password offered, nobody has to log in',
    [bytes(5, 2, 0, 2)],
    PASSWORD_WINS,
  ),
  raw('A8.2', 'password alone offered, nobody has to log in', [LOGIN_GREETING], PASSWORD_WINS),
  raw(
    'A9',
    'no authentication alone offered, login required',
    [GREETING],
    'A method that was not offered is never chosen.',
    { users: true },
  ),
  raw('A10', 'password offered three times', [bytes(5, 3, 2, 2, 2)], undefined, { users: true }),
  raw('A11', 'GSSAPI alone offered', [bytes(5, 1, 1)], 'GSSAPI is not spoken: `05 FF`.'),
  ...[0x00, 0x01, 0x03, 0x06, 0x80, 0xff].map((first) =>
    raw(
      `A12.${first.toString(16).padStart(2, '0')}`,
      `first byte ${first.toString(16).padStart(2, '0').toUpperCase()}`,
      [bytes(first, 1, 0)],
      FIRST_BYTE,
    ),
  ),
  raw('A13', 'TLS ClientHello to a plain listener', [bytes(0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3)], FIRST_BYTE),
  raw('A14', 'login before the greeting', [login('me', 'me')], FIRST_BYTE),
  vector(
    'socks5',
    'A15',
    'request behind a greeting without an acceptable method',
    (port) => [Buffer.concat([bytes(5, 1, 0x99), request(ipv4(), port)])],
    'After `05 FF` nothing more is read (RFC 1928 §3).',
  ),
];

const LOGINS: readonly Vector[] = [
  logsIn('B1', 'right user and password', login(USER, PASSWORD)),
  logsIn(
    'B2',
    'wrong password',
    login(USER, 'wrong'),
    'A refused login is told as such (`01 01`, RFC 1929 §2), then closed.',
  ),
  logsIn(
    'B3',
    'login of version 02',
    login(USER, PASSWORD, 2),
    'The version of a login is 01 (RFC 1929 §2): anything else is a wrong login, and told.',
  ),
  logsIn(
    'B3.2',
    'login of version 05',
    login(USER, PASSWORD, 5),
    'The version of a login is 01 (RFC 1929 §2): anything else is a wrong login, and told.',
  ),
  logsIn(
    'B4',
    'empty name, empty password',
    bytes(1, 0, 0),
    'Complete, and wrong: told by `01 01` (RFC 1929 §2).',
  ),
  logsIn(
    'B5',
    'empty name, right password',
    login('', PASSWORD),
    'Complete, and wrong: told by `01 01` (RFC 1929 §2).',
  ),
  logsIn(
    'B5.2',
    'right name, empty password',
    login(USER, ''),
    'Complete, and wrong: told by `01 01` (RFC 1929 §2).',
  ),
  logsIn(
    'B6',
    'wrong name and password of 255 bytes',
    login('n'.repeat(255), 'p'.repeat(255)),
    'The longest login has 513 bytes; it is read whole and refused as any other.',
  ),
  logsIn(
    'B7',
    'NUL behind the right password',
    login(USER, `${PASSWORD}\0`),
    'Lengths count, not zero bytes: this is another password.',
  ),
  vector(
    'socks5',
    'B8',
    'greeting, login and request in one write',
    (port) => [Buffer.concat([LOGIN_GREETING, login(USER, PASSWORD), request(ipv4(), port)])],
    EARLY,
    { users: true },
  ),
  vector(
    'socks5',
    'B9',
    'login that announces more than it sends',
    () => [LOGIN_GREETING, Buffer.concat([bytes(1, 4), latin1(USER), bytes(255), latin1('abc')])],
    'An incomplete login is waited for, until the handshake deadline and no longer.',
    { users: true, alone: true },
  ),
  vector(
    'socks5',
    'B10',
    'second login instead of a request',
    () => [LOGIN_GREETING, login(USER, PASSWORD), login(USER, PASSWORD)],
    'It is read as a request of version 01: refused with an answer (RFC 1928 §6).',
    { users: true },
  ),
];

const REQUESTS: readonly Vector[] = [
  asks('C1', 'CONNECT to an IPv4 address', (port) => request(ipv4(), port)),
  asks(
    'C1.2',
    'CONNECT to localhost',
    (port) => request(named('localhost'), port),
    '`localhost` and what is below it is the loopback, without DNS (RFC 6761 §6.3).',
  ),
  asks(
    'C2',
    'CONNECT to ::1, pool of IPv4 only',
    (port) => request(ipv6(`${'00'.repeat(15)}01`), port),
    'No address of the pool can have that destination: 08. It never leaves by an address outside the pool.',
  ),
  asks(
    'C2.2',
    'CONNECT to ::ffff:127.0.0.1',
    (port) => request(ipv6(`${'00'.repeat(10)}ffff7f000001`), port),
    'An IPv4-mapped address is the IPv4 address it stands for: same rules, same pool.',
  ),
  asksName('C3', '', 'A name has at least one character: refused, no query.', 'of length 0'),
  asksName(
    'C5',
    '127.0.0.1\0.a.com',
    'A NUL ends the name for libc, so that another host would be looked up: refused unseen.',
    '127.0.0.1 NUL .a.com',
  ),
  asksName('C6.1', '---', NO_SUCH_NAME),
  asksName('C6.2', 'a b', NO_SUCH_NAME),
  asksName('C6.3', 'a\r\nb', NO_SUCH_NAME),
  asksName('C6.4', 'a/b', NO_SUCH_NAME),
  asksName('C6.5', 'a@b', NO_SUCH_NAME),
  asksName('C6.6', 'a..b', NO_SUCH_NAME),
  asksName('C6.7', '.localhost', NO_SUCH_NAME),
  asksName('C6.8', `${'a'.repeat(64)}.invalid`, NO_SUCH_NAME, 'with a label of 64'),
  asksName('C6.9', `${'a.'.repeat(127)}a`, NO_SUCH_NAME, 'of 255 characters'),
  asksName('C7', '127.0.0.1', 'An address written as a name is that address.'),
  asksName('C7.2', '[127.0.0.1]', NO_SUCH_NAME),
  asksName(
    'C7.3',
    '::ffff:127.0.0.1',
    'An address written as a name is that address, and a mapped one is IPv4.',
  ),
  asksName('C7.4', '127.0.0.1.', ODD_IPV4),
  ...['2130706433', '0x7f.1', '0177.0.0.1', '127.1', '0', '127.0.0.01'].map((name, index) =>
    asksName(`C8.${index + 1}`, name, ODD_IPV4),
  ),
  asksName('C9', 'LOCALHOST.', 'Case and a trailing dot make no other name.'),
  asksName(
    'C10',
    'b\u00fccher.invalid',
    'Names arrive as punycode or not at all: two readers of other bytes could disagree.',
    'with a byte FC',
  ),
  asksName(
    'C10.2',
    '127\u00e3\u0080\u00820\u00e3\u0080\u00820\u00e3\u0080\u00821',
    'Names arrive as punycode or not at all: U+3002 would become a dot for some.',
    'of 127.0.0.1 with U+3002 for dots',
  ),
  asks('C11', 'port 0', () => request(ipv4(), 0), 'Port 0 can be no destination: refused without a dial.'),
  asks(
    'C12',
    'reserved byte 01',
    (port) => request(ipv4(), port, 1, 1),
    'The byte must be 00 (RFC 1928 §4); who sends something else may mean something else.',
  ),
  ...[0x00, 0x02, 0x23, 0xff].map((type) =>
    asks(
      `C13.${type.toString(16).padStart(2, '0')}`,
      `address type ${type.toString(16).padStart(2, '0').toUpperCase()}`,
      (port) => request(Buffer.concat([bytes(type), LOOPBACK]), port),
      '08, as RFC 1928 §6 names it, without waiting for bytes whose number nobody knows.',
    ),
  ),
  asks(
    'C14',
    'request of version 04',
    (port) => Buffer.concat([bytes(4), request(ipv4(), port).subarray(1)]),
    AT_ONCE,
  ),
  asks(
    'C15',
    'BIND',
    (port) => request(ipv4(), port, 2),
    'Not offered: 07 (RFC 1928 §6). A tunnel has one way out, which is chosen for it.',
  ),
  asks('C16', 'UDP ASSOCIATE', (port) => request(ipv4(), port, 3), 'Not offered: 07 (RFC 1928 §6).'),
  ...[0x00, 0xf0, 0xf1, 0xff].map((command) =>
    asks(
      `C17.${command.toString(16).padStart(2, '0')}`,
      `command ${command.toString(16).padStart(2, '0').toUpperCase()}`,
      (port) => request(ipv4(), port, command),
      'Unknown command: 07 (RFC 1928 §6).',
    ),
  ),
  asks(
    'C19',
    'data right behind the request',
    (port) => Buffer.concat([request(ipv4(), port), latin1('early\n')]),
    EARLY,
    { sight: { pattern: /early/, yes: 'early data arrives', no: 'early data lost' } },
  ),
  vector(
    'socks5',
    'C19.2',
    'greeting, request and data in one write',
    (port) => [Buffer.concat([GREETING, request(ipv4(), port), latin1('early\n')])],
    EARLY,
    { sight: { pattern: /early/, yes: 'early data arrives', no: 'early data lost' } },
  ),
  asks(
    'C22',
    'request that stops before the port',
    (port) => request(ipv4(), port).subarray(0, 8),
    'An incomplete request is waited for, until the handshake deadline.',
    { alone: true },
  ),
  asks(
    'C23',
    'target that refuses',
    () => request(ipv4(), CLOSED_PORT),
    'The kernel says "connection refused", which is 05 (RFC 1928 §6).',
  ),
  asks(
    'C23.2',
    'target 0.0.0.0',
    (port) => request(ipv4(Buffer.alloc(4)), port),
    'Linux would connect to this very host: 0.0.0.0/8 is denied whatever is allowed (RFC 6890).',
  ),
  asks(
    'C23.3',
    'target 255.255.255.255',
    (port) => request(ipv4(Buffer.alloc(4, 255)), port),
    'Broadcast and multicast are no destination of a tunnel: denied (02) without a dial.',
  ),
];

export const SOCKS5: readonly Vector[] = [...GREETINGS, ...LOGINS, ...REQUESTS];
