/** SOCKS4 and 4a vectors: section D of the failure catalogue. */
import { TARGET_HOST } from './hostile-targets.ts';
import { hex, port, quad, vector, type Draft, type Ports, type Vector } from './hostile-vectors.ts';

const text = (value: string): Buffer => Buffer.from(`${value}\0`, 'latin1');

export function socks4Vectors({ targets, closedPort }: Ports): Vector[] {
  const head = (number: number, address: string): Buffer =>
    Buffer.concat([hex('04 01'), port(number), quad(address)]);
  const echo = (address = TARGET_HOST): Buffer => head(targets.echoPort, address);
  const asked = (
    name: string,
    stage: readonly Buffer[],
    verdict: string,
    dials = verdict === 'tunnel',
  ): Draft => ({
    name,
    stages: [Buffer.concat(stage)],
    verdict,
    dials,
  });
  const long = (length: number): string => 'u'.repeat(length);
  const drafts: Draft[] = [
    asked('an address', [echo(), text('')], 'tunnel'),
    asked('a user id', [echo(), text('anyone')], 'tunnel'),
    asked('the longest user id', [echo(), text(long(255))], 'tunnel'),
    asked('a name', [echo('0.0.0.1'), text('me'), text('a.echo')], 'tunnel'),
    asked('a name, otherwise marked', [echo('0.0.0.255'), text(''), text('b.echo')], 'tunnel'),
    asked('an address as a name', [echo('0.0.0.7'), text(''), text(TARGET_HOST)], 'tunnel'),
    asked('a closed port', [head(closedPort, TARGET_HOST), text('')], 'code 5B', true),
    asked('an unknown name', [head(80, '0.0.0.1'), text(''), text('nowhere.test')], 'code 5B'),
    asked('an odd spelling', [head(80, '0.0.0.1'), text(''), text('127.1')], 'code 5B'),
    asked('an address that is no name', [echo('0.0.1.0'), text('')], 'code 5B'),
    asked('no address', [echo('0.0.0.0'), text('')], 'code 5B'),
    asked('port 0', [head(0, TARGET_HOST), text('')], 'code 5B'),
    asked('an empty name', [echo('0.0.0.1'), text(''), text('')], 'code 5B'),
    asked('dashes', [echo('0.0.0.1'), text(''), text('---')], 'code 5B'),
    asked('a line end in the name', [echo('0.0.0.1'), text(''), text('a\r\nb.echo')], 'code 5B'),
    { ...asked('too long a user id', [echo(), text(long(2000))], 'code 5B'), spots: 60 },
    { ...asked('too long a name', [echo('0.0.0.1'), text(''), text(long(2000))], 'code 5B'), spots: 60 },
    asked('BIND', [hex('04 02'), echo().subarray(2), text('')], 'code 5B'),
    asked('command 0', [hex('04 00'), echo().subarray(2), text('')], 'code 5B'),
    asked('command FF', [hex('04 ff'), echo().subarray(2), text('')], 'code 5B'),
  ];
  const guarded = { ...asked('users: an address', [echo(), text('alice')], 'code 5B'), users: true };
  return [...drafts, guarded].map((draft) =>
    vector({ ...draft, name: `SOCKS4, ${draft.name}` }, Buffer.concat([echo(), text('')])),
  );
}
