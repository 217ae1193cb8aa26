/** PROXY headers of version 1 and 2. */
import { crc32c } from '../../src/protocol/crc32c.ts';
import { bytes, latin1, port16, vector, type Extra, type Vector } from './vector.ts';

const SIGNATURE = latin1('\r\n\r\n\0\r\nQUIT\n');
const TCP4 = Buffer.concat([bytes(127, 0, 0, 9, 127, 0, 0, 1), port16(50_000), port16(1080)]);

const sent = (id: string, title: string, header: Buffer, explained?: string, extra?: Extra): Vector =>
  vector('proxy', id, title, () => [header], explained, extra);
const line = (id: string, text: string, explained?: string, extra?: Extra): Vector =>
  sent(id, `v1 ${JSON.stringify(text)}`, latin1(text), explained, extra);
const binary = (command: number, family: number, rest: Buffer, length: number = rest.length): Buffer =>
  Buffer.concat([SIGNATURE, bytes(command, family), port16(length), rest]);

function withChecksum(wrong: boolean): Buffer {
  const header = binary(0x21, 0x11, Buffer.concat([TCP4, bytes(3, 0, 4, 0, 0, 0, 0)]));
  header.writeUInt32BE((crc32c(header) ^ (wrong ? 1 : 0)) >>> 0, header.length - 4);
  return header;
}

const STRICT =
  'Who may send a header may name any client, so nothing in it is guessed: what the specification does not allow is closed.';

export const PROXY: readonly Vector[] = [
  line('P1', 'PROXY TCP4 127.0.0.9 127.0.0.1 50000 1080\r\n'),
  line('P1.2', 'PROXY TCP6 ::1 ::1 50000 1080\r\n'),
  line('P1.3', 'PROXY UNKNOWN\r\n'),
  line(
    'P1.4',
    'PROXY UNKNOWN whatever this is\r\n',
    'Behind UNKNOWN everything up to CRLF is to be ignored (specification §2.1).',
  ),
  line('P2', 'PROXY TCP4 127.0.0.9 127.0.0.1 50000 1080\n', STRICT, { alone: true }),
  line('P2.2', 'PROXY TCP4 127.0.0.09 127.0.0.1 50000 1080\r\n', STRICT),
  line('P2.3', 'PROXY TCP4 ::1 127.0.0.1 50000 1080\r\n', STRICT),
  line('P2.4', 'PROXY TCP4 127.0.0.9 127.0.0.1 65536 1080\r\n', STRICT),
  line('P2.5', 'PROXY TCP4 127.0.0.9 127.0.0.1 050000 1080\r\n', STRICT),
  line('P2.6', 'PROXY TCP4  127.0.0.9 127.0.0.1 50000 1080\r\n', STRICT),
  line('P2.7', 'PROXY UDP4 127.0.0.9 127.0.0.1 50000 1080\r\n', STRICT),
  line('P2.8', 'proxy TCP4 127.0.0.9 127.0.0.1 50000 1080\r\n', STRICT),
  line('P2.9', 'PROXY TCP4 127.0.0.9 127.0.0.1 50000 1080 1\r\n', STRICT),
  line('P3', 'PROXY TCP4 127.0.0.9', 'An incomplete line is waited for, until the deadline of the header.', {
    alone: true,
  }),
  sent('P3.2', 'v1 line of 108 bytes', latin1(`PROXY UNKNOWN ${'x'.repeat(92)}\r\n`), STRICT),
  sent('P4', 'no header', latin1('GET / HTTP/1.1\r\n\r\n'), STRICT, { alone: true }),
  sent('P5', 'v2 TCP4', binary(0x21, 0x11, TCP4)),
  sent('P5.2', 'v2 LOCAL', binary(0x20, 0, Buffer.alloc(0))),
  sent(
    'P5.3',
    'v2 PROXY, family unspecified',
    binary(0x21, 0, Buffer.alloc(0)),
    'UNSPEC is to be accepted, with the address of the sender itself.',
  ),
  sent(
    'P5.4',
    'v2 AF_UNIX stream',
    binary(0x21, 0x31, Buffer.alloc(216)),
    'A stream of AF_UNIX is a connection whose client has no IP address: the address of the sender itself counts.',
  ),
  sent('P6', 'v2 UDP4', binary(0x21, 0x12, TCP4), STRICT),
  sent('P6.2', 'v2 of version 3', binary(0x31, 0x11, TCP4), STRICT),
  sent('P6.3', 'v2 command 2', binary(0x22, 0x11, TCP4), STRICT),
  sent('P6.4', 'v2 TCP4 of 11 bytes', binary(0x21, 0x11, TCP4.subarray(0, 11)), STRICT),
  sent('P7', 'v2 with an unknown TLV', binary(0x21, 0x11, Buffer.concat([TCP4, bytes(0xee, 0, 2, 1, 2)]))),
  sent(
    'P7.2',
    'v2 TLV longer than the header',
    binary(0x21, 0x11, Buffer.concat([TCP4, bytes(0xee, 0, 9, 1, 2)])),
    STRICT,
  ),
  sent('P7.3', 'v2 with half a TLV head', binary(0x21, 0x11, Buffer.concat([TCP4, bytes(0xee, 0)])), STRICT),
  sent('P8', 'v2 with a right CRC32c', withChecksum(false)),
  sent(
    'P8.2',
    'v2 with a wrong CRC32c',
    withChecksum(true),
    'A checksum that is there has to be right (specification §2.2.3).',
  ),
  sent(
    'P9',
    'v2 of 3000 bytes of TLVs',
    binary(0x21, 0x11, Buffer.concat([TCP4, bytes(0xee, 0x0b, 0xb8), Buffer.alloc(3000)])),
    'Headers end at 2064 bytes; addresses and some certificate names fit.',
  ),
];
