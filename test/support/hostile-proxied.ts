/** PROXY header vectors: every protocol behind a header of either version, and headers that are none. */
import { hex, vector, type Draft, type Vector } from './hostile-vectors.ts';

const SIGNATURE = hex('0d0a0d0a000d0a515549540a');
const line = (text: string): Buffer => Buffer.from(`PROXY ${text}\r\n`, 'latin1');
const binary = (command: string, family: string, body: string): Buffer => {
  const bytes = hex(body);
  const length = Buffer.of(bytes.length >> 8, bytes.length & 255);
  return Buffer.concat([SIGNATURE, hex(command), hex(family), length, bytes]);
};

const FOUR = 'c6336407 c0000201 1092 01bb';
const SIX = '20010db8000000000000000000000001 20010db8000000000000000000000002 1092 01bb';
/** PP2_TYPE_AUTHORITY, and PP2_TYPE_NOOP without a value. */
const TLVS = '02 0003 612e62 04 0000';

const FOUR_LINE = 'PROXY TCP4 198.51.100.7 192.0.2.1 4242 443\r\n';

const HEADERS: readonly (readonly [name: string, header: Buffer])[] = [
  ['a TCP4 line', Buffer.from(FOUR_LINE)],
  ['a TCP6 line', line('TCP6 2001:db8::1 2001:db8::2 4242 443')],
  ['an UNKNOWN line', line('UNKNOWN')],
  ['a TCP4 header', binary('21', '11', FOUR)],
  ['a TCP6 header with TLVs', binary('21', '21', SIX + TLVS)],
  ['a LOCAL header', binary('20', '00', '')],
];

/** What is no header: closed without a word, since nobody can tell who it was. */
const INVALID: readonly (readonly [name: string, header: Buffer])[] = [
  ['a TCP4 line with names', line('TCP4 localhost localhost 1 2')],
  ['a TCP4 line with IPv6', line('TCP4 ::1 ::1 1 2')],
  ['a port of 65536', line('TCP4 198.51.100.7 192.0.2.1 65536 443')],
  ['a port with a zero before it', line('TCP4 198.51.100.7 192.0.2.1 042 443')],
  ['five fields', line('TCP4 198.51.100.7 192.0.2.1 42 443 1')],
  ['two spaces', line('TCP4  198.51.100.7 192.0.2.1 42 443')],
  ['another family', line('UDP4 198.51.100.7 192.0.2.1 42 443')],
  ['bare LF', Buffer.from('PROXY TCP4 198.51.100.7 192.0.2.1 42 443\n')],
  ['a line too long', line(`UNKNOWN ${'x'.repeat(100)}`)],
  ['version 3', binary('31', '11', FOUR)],
  ['command 2', binary('22', '11', FOUR)],
  ['UDP', binary('21', '12', FOUR)],
  ['too short for its addresses', binary('21', '11', FOUR.slice(0, 20))],
  ['TLVs beyond the end', binary('21', '11', `${FOUR} 02 0009 61`)],
  ['too long', Buffer.concat([SIGNATURE, hex('21 11 ff ff'), Buffer.alloc(2100)])],
];

/** @param inner Vectors to put behind headers; those of several stages go behind each of them. */
export function proxiedVectors(inner: readonly Vector[]): Vector[] {
  const behind = inner.flatMap((one, i) => {
    // Each header meets each protocol; a few vectors of each are enough for that.
    const headers = i < 2 ? HEADERS : [HEADERS[i % HEADERS.length]!];
    return headers.map(([name, header]) => wrap(one, name, header));
  });
  const first = inner[0]!;
  const drafts: Draft[] = [
    ...INVALID.map(([name, header]) => ({ name, stages: [header, ...first.stages], verdict: 'silence' })),
    { name: 'none', stages: first.stages, verdict: 'silence' },
    { name: 'two', stages: [Buffer.from(`${FOUR_LINE}${FOUR_LINE}\r\n`)], verdict: 'http 400' },
  ];
  const refused = drafts.map((draft) =>
    vector({ ...draft, name: `PROXY, ${draft.name}`, listener: 'proxied' }, first.next),
  );
  return [...behind, ...refused];
}

function wrap(inner: Vector, name: string, header: Buffer): Vector {
  const [stage = Buffer.alloc(0), ...more] = inner.stages;
  return {
    ...inner,
    name: `${name}, ${inner.name}`,
    listener: 'proxied',
    stages: [Buffer.concat([header, stage]), ...more],
    dialsFrom: inner.dialsFrom + header.length,
    spots: Math.min(inner.spots, 200),
  };
}
