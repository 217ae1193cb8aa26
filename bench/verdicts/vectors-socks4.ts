/** SOCKS4 and 4a. */
import { bytes, CLOSED_PORT, latin1, port16, vector, type Extra, type Vector } from './vector.ts';

const LOOPBACK = bytes(127, 0, 0, 1);
/** Says that a name follows. */
const NAMED = bytes(0, 0, 0, 1);

const request = (port: number, address: Buffer, rest: string, command = 1): Buffer =>
  Buffer.concat([bytes(4, command), port16(port), address, latin1(rest)]);
const asks = (
  id: string,
  title: string,
  build: (port: number) => Buffer,
  explained?: string,
  extra?: Extra,
): Vector => vector('socks4', id, title, (port) => [build(port)], explained, extra);
const asksName = (id: string, title: string, host: string, explained?: string): Vector =>
  asks(id, title, (port) => request(port, NAMED, `\0${host}\0`), explained);

const TOLD =
  'Refused with an answer, 5B; the memo knows no other word, and a close alone looks like a network fault.';
const BOUNDED =
  'User ids end at 255 bytes and names at 254: refused with 5B at the first byte beyond, nothing more is kept.';
const WAITED = 'An incomplete request within the bounds is waited for, until the handshake deadline.';
const ODD_IPV4 =
  'libc would read this as an IPv4 address, past every rule about addresses: refused, never resolved.';

export const SOCKS4: readonly Vector[] = [
  asks('D1', 'CONNECT', (port) => request(port, LOOPBACK, '\0')),
  asks(
    'D1.2',
    'CONNECT with a user id',
    (port) => request(port, LOOPBACK, 'me\0'),
    'Without users a user id is a label only.',
  ),
  asks('D2', 'user id of 2000 bytes', (port) => request(port, LOOPBACK, `${'u'.repeat(2000)}\0`), BOUNDED),
  asks(
    'D2.2',
    'user id of 255 bytes',
    (port) => request(port, LOOPBACK, `${'u'.repeat(255)}\0`),
    'As long as a user name of SOCKS5 may be.',
  ),
  asksName('D3', '4a: name of 2000 bytes', 'h'.repeat(2000), BOUNDED),
  asks(
    'D3.2',
    '4a: 2000 bytes of a name without its end',
    (port) => request(port, NAMED, `\0${'h'.repeat(2000)}`),
    BOUNDED,
    { alone: true },
  ),
  asks('D3.3', '4a: name without its end', (port) => request(port, NAMED, '\0local'), WAITED, {
    alone: true,
  }),
  asks(
    'D4',
    'port 0',
    () => request(0, LOOPBACK, '\0'),
    'Port 0 can be no destination: refused without a dial.',
  ),
  asks(
    'D5',
    'address 0.0.0.0',
    (port) => request(port, bytes(0, 0, 0, 0), '\0'),
    'Neither an address nor the sign of 4a; Linux would connect to this very host.',
  ),
  asksName(
    'D6',
    '4a: localhost',
    'localhost',
    '4a leaves the name to the proxy, and `localhost` is the loopback without DNS (RFC 6761 §6.3).',
  ),
  asksName('D6.2', '4a: 127.0.0.1', '127.0.0.1', 'An address written as a name is that address.'),
  asksName('D6.3', '4a: 127.1', '127.1', ODD_IPV4),
  asksName('D6.4', '4a: 2130706433', '2130706433', ODD_IPV4),
  asksName('D7', '4a: empty name', '', TOLD),
  asks(
    'D8',
    '4a by 0.0.0.255',
    (port) => request(port, bytes(0, 0, 0, 255), '\0localhost\0'),
    'All of 0.0.0.1 to 0.0.0.255 say that a name follows.',
  ),
  asks(
    'D8.2',
    'address 0.0.1.0',
    (port) => request(port, bytes(0, 0, 1, 0), '\0'),
    'An address again, of "this network" (RFC 6890): denied without a dial.',
  ),
  asks('D9', 'BIND', (port) => request(port, LOOPBACK, '\0', 2), 'Not offered: 5B.'),
  asks('D9.2', 'command 00', (port) => request(port, LOOPBACK, '\0', 0), TOLD),
  asks('D9.3', 'command FF', (port) => request(port, LOOPBACK, '\0', 0xff), TOLD),
  asks(
    'D10',
    'data right behind the request',
    (port) => request(port, LOOPBACK, '\0early\n'),
    'Bytes behind the last NUL are the first of the tunnel.',
    { sight: { pattern: /early/, yes: 'early data arrives', no: 'early data lost' } },
  ),
  asks('D11', 'user id without its end', (port) => request(port, LOOPBACK, 'me'), WAITED, { alone: true }),
  asksName('D12', '4a: name ---', '---', TOLD),
  asksName('D12.2', '4a: CRLF in the name', 'a\r\nb', TOLD),
  asks('D13', 'target that refuses', () => request(CLOSED_PORT, LOOPBACK, '\0'), TOLD),
];
