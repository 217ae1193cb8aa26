/** SOCKS5 vectors: sections A, B and C of the failure catalogue. */
import { TARGET_HOST } from './hostile-targets.ts';
import {
  counted,
  hex,
  port,
  quad,
  vectorsOf,
  type Draft,
  type Ports,
  type Vector,
} from './hostile-vectors.ts';
import { LONG_PASSWORD, LONG_USER, PASSWORD, USER } from './hostile-world.ts';

const HELLO = hex('05 01 00');
const LOGIN = hex('05 01 02');

const byAddress = (address: string, number: number): Buffer =>
  Buffer.concat([hex('05 01 00 01'), quad(address), port(number)]);
const byName = (name: string | Buffer, number: number): Buffer =>
  Buffer.concat([hex('05 01 00 03'), counted(name), port(number)]);
const login = (name: string, password: string): Buffer =>
  Buffer.concat([Buffer.of(1), counted(name), counted(password)]);

export function socks5Vectors({ targets, closedPort }: Ports): Vector[] {
  const wanted = byAddress(TARGET_HOST, targets.echoPort);
  const next = Buffer.concat([HELLO, wanted]);
  const asked = (name: string, request: Buffer, verdict: string, dials = verdict === 'tunnel'): Draft => ({
    name,
    stages: [HELLO, request],
    verdict,
    dials,
  });
  const drafts: Draft[] = [
    asked('an IPv4 address', wanted, 'tunnel'),
    asked('a name', byName('a.echo', targets.echoPort), 'tunnel'),
    asked('an address as a name', byName(TARGET_HOST, targets.echoPort), 'tunnel'),
    asked(
      'a mapped address',
      Buffer.concat([hex('05010004 00000000000000000000ffff'), wanted.subarray(4)]),
      'tunnel',
    ),
    asked('a long name', byName(`${'a.'.repeat(124)}echo`, targets.echoPort), 'tunnel'),
    asked('a closed port', byAddress(TARGET_HOST, closedPort), 'rep 05', true),
    asked('an unknown name', byName('nowhere.test', 80), 'rep 04'),
    asked('multicast', byAddress('224.0.0.1', 80), 'rep 02'),
    asked('an IPv6 address', hex('05010004 20010db8000000000000000000000001 0050'), 'rep 08'),
    asked('an odd spelling', byName('0177.0.0.1', 80), 'rep 02'),
    asked('an empty name', byName('', 80), 'rep 01'),
    asked('a NUL in the name', byName('127.0.0.1\0.a.echo', 80), 'rep 01'),
    asked('a line end in the name', byName('a\r\nb.echo', 80), 'rep 01'),
    asked('UTF-8 in the name', byName(Buffer.from('。.echo'), 80), 'rep 01'),
    asked('port 0', byAddress(TARGET_HOST, 0), 'rep 01'),
    asked('a reserved byte', Buffer.concat([hex('05 01 01'), wanted.subarray(3)]), 'rep 01'),
    asked('BIND', Buffer.concat([hex('05 02'), wanted.subarray(2)]), 'rep 07'),
    asked('UDP ASSOCIATE', Buffer.concat([hex('05 03'), wanted.subarray(2)]), 'rep 07'),
    asked('an unknown address type', Buffer.concat([hex('05 01 00 23'), wanted.subarray(4)]), 'rep 08'),
    asked('a login nobody asked for', login('me', 'you'), 'rep 01'),
    { name: 'no methods', stages: [hex('05 00')], verdict: 'method FF' },
    { name: 'GSSAPI only', stages: [hex('05 01 01')], verdict: 'method FF' },
    { name: 'unknown methods', stages: [hex('05 03 99 21 10')], verdict: 'method FF' },
    {
      name: '255 methods',
      stages: [Buffer.concat([hex('05 ff'), Buffer.alloc(254, 0x99), Buffer.of(0)]), wanted],
      verdict: 'tunnel',
    },
    {
      name: 'a label and a request',
      stages: [hex('05 02 00 02'), login('anyone', 'x'), wanted],
      verdict: 'tunnel',
    },
  ];
  const guarded: Draft[] = [
    { name: 'a login', stages: [LOGIN, login(USER, PASSWORD), wanted], verdict: 'tunnel' },
    { name: 'a session', stages: [LOGIN, login(`${USER}-session-a1`, PASSWORD), wanted], verdict: 'tunnel' },
    {
      name: 'the longest login',
      stages: [LOGIN, login(LONG_USER, LONG_PASSWORD), wanted],
      verdict: 'tunnel',
    },
    { name: 'a wrong password', stages: [LOGIN, login(USER, `x${PASSWORD}`), wanted], verdict: 'login 01' },
    { name: 'an empty login', stages: [LOGIN, hex('01 00 00')], verdict: 'login 01' },
    { name: 'an empty password', stages: [LOGIN, login(USER, '')], verdict: 'login 01' },
    {
      name: 'a login of version 2',
      stages: [LOGIN, hex('02 05 68656c6c6f 05 776f726c64')],
      verdict: 'login 01',
    },
    {
      name: 'malformed parameters',
      stages: [LOGIN, login(`${USER}-session-`, PASSWORD)],
      verdict: 'login 01',
    },
    { name: 'no method that will do', stages: [HELLO, wanted], verdict: 'method FF' },
    { name: 'two logins', stages: [LOGIN, login(USER, PASSWORD), login(USER, PASSWORD)], verdict: 'rep 01' },
  ];
  return vectorsOf('SOCKS5', drafts, guarded, next);
}
