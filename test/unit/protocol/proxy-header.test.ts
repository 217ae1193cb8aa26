import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { formatIpv4, ipBytes, ipv6Host } from '../../../src/protocol/address.ts';
import { crc32c } from '../../../src/protocol/crc32c.ts';
import { parseProxyHeader } from '../../../src/protocol/proxy-header.ts';
import {
  beginningWith,
  damaged,
  hex,
  neverChangesItsMind,
  parses,
  refusesAt,
} from '../../support/parsing.ts';

const SIGNATURE = hex('0d0a0d0a000d0a515549540a');
const text = (line: string): Buffer => Buffer.from(line, 'latin1');
const of = (address: string, port: number): object => ({ client: { address, port } });
const NOBODY = { client: undefined };

const reads = (message: Buffer, expected: object): void =>
  parses(parseProxyHeader, message, expected as { client: undefined });
/** Refused when byte `at` has come; without it, when the last one has. */
const refuses = (message: Buffer, at: number = message.length - 1): void =>
  refusesAt(parseProxyHeader, message, at, 'PROXY_HEADER_INVALID');

/** A header of version 2 around what stands behind its fixed part. */
function binary(family: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([SIGNATURE, Buffer.of(0x21, family, body.length >> 8, body.length & 255), body]);
}
const local = (family: number, ...parts: readonly Uint8Array[]): Buffer => {
  const header = binary(family, ...parts);
  header[12] = 0x20;
  return header;
};
const tlv = (type: number, value: Uint8Array): Buffer =>
  Buffer.concat([Buffer.of(type, value.length >> 8, value.length & 255), value]);

/** Addresses and ports of a client at 192.0.2.1:56324, and of one at [2001:db8::1]:56324. */
const OVER_IPV4 = hex('c0000201 c6336401 dc04 01bb');
const OVER_IPV6 = hex('20010db8000000000000000000000001 20010db8000000000000000000000002 dc04 01bb');

describe('version 1', () => {
  it('names the client', () => {
    reads(text('PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n'), of('192.0.2.1', 56_324));
    reads(text('PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n'), of('255.255.255.255', 65_535));
    reads(text('PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n'), of('0.0.0.0', 0));
    reads(text('PROXY TCP6 2001:DB8::1 2001:db8:0:0:0:0:0:2 56324 443\r\n'), of('2001:db8::1', 56_324));
  });

  it('takes the longest IPv6 line', () => {
    const full = 'ffff:'.repeat(7) + 'ffff';
    const line = text(`PROXY TCP6 ${full} ${full} 65535 65535\r\n`);
    assert.equal(line.length, 104);
    reads(line, of(full, 65_535));
  });

  it('takes an IPv4-mapped client for the IPv4 client it is', () => {
    reads(text('PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.1 56324 443\r\n'), of('192.0.2.1', 56_324));
    reads(text('PROXY TCP6 ::ffff:c000:201 ::1 56324 443\r\n'), of('192.0.2.1', 56_324));
  });

  it('knows nobody in UNKNOWN, whatever stands behind it', () => {
    reads(text('PROXY UNKNOWN\r\n'), NOBODY);
    reads(text('PROXY UNKNOWN \r\n'), NOBODY);
    reads(text('PROXY UNKNOWN 192.0.2.1 198.51.100.1 56324 443\r\n'), NOBODY);
    reads(text('PROXY UNKNOWN \0\xff anything  at all\r\n'), NOBODY);
    const longest = text(`PROXY UNKNOWN ${'f'.repeat(91)}\r\n`);
    assert.equal(longest.length, 107);
    reads(longest, NOBODY);
  });

  it('is what HAProxy 2.6 sends', () => {
    reads(text('PROXY TCP4 127.0.0.1 127.0.0.1 46580 42338\r\n'), of('127.0.0.1', 46_580));
    reads(text('PROXY TCP6 ::1 ::1 36530 42338\r\n'), of('::1', 36_530));
  });

  it('leaves alone what follows the line', () => {
    const line = 'PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n';
    const behind = 'PROXY TCP4 203.0.113.9 198.51.100.1 1 1\r\n';
    assert.deepEqual(parseProxyHeader(text(line + behind)), {
      value: of('192.0.2.1', 56_324),
      length: line.length,
    });
  });

  it('is refused at the first byte that is none of it', () => {
    const cases: readonly (readonly [line: string, at: number])[] = [
      ['GET / HTTP/1.1\r\n', 0],
      ['\x05\x01\x00', 0],
      ['\x16\x03\x01', 0],
      [' PROXY TCP4', 0],
      ['\n', 0],
      ['proxy TCP4', 0],
      ['POST / HTTP/1.1\r\n', 1],
      ['PROXX', 4],
      ['PROXY\t', 5],
      ['PROXY\r\n', 5],
      ['PROXY  TCP4', 6],
      ['PROXY \r\n', 6],
      ['PROXY UDP4 192.0.2.1', 7],
      ['PROXY UNIX', 8],
      ['PROXY TCP5', 9],
      ['PROXY TCP\r\n', 9],
      ['PROXY TCP4\r\n', 10],
      ['PROXY TCP44', 10],
      ['PROXY unknown', 6],
      ['PROXY UNKNOWN\n', 13],
      ['PROXY UNKNOWNS\r\n', 13],
      ['PROXY UNKNOWN\rX', 14],
      ['PROXY UNKNOWN a\n', 15],
      ['PROXY UNKNOWN a\rb\r\n', 16],
      ['PROXY TCP4 h', 11],
      ['PROXY TCP4 1.2.3 ', 16],
      ['PROXY TCP4 1.2.3.4/', 18],
      ['PROXY TCP4 1.2.3.4\t', 18],
      ['PROXY TCP4 1.2.3.4  ', 19],
      ['PROXY TCP4 1.2.3.4\r', 18],
      ['PROXY TCP4 1.2.3.4 5.6.7.8 1 2 ', 30],
      ['PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n', 30],
      ['PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r ', 31],
      ['PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\r\n', 31],
      ['PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n', 28],
      ['PROXY TCP4 1.2.3.4 5.6.7.8 1 \r\n', 29],
      ['PROXY TCP4 1.2.3.4 5.6.7.8 65536 ', 32],
    ];
    for (const [line, at] of cases) refuses(text(line), at);
  });

  it('takes addresses and ports in decimal and without leading zeros only', () => {
    const addresses = [
      '',
      '1.2.3',
      '1.2.3.4.5',
      '01.2.3.4',
      '1.2.3.04',
      '1.2.3.256',
      '0x1.2.3.4',
      '16909060',
      '::1',
      '::ffff:1.2.3.4',
    ];
    const ports = ['', '00', '01', '080', '65536', '99999', '100000', '-1', '+1', '1.0', '0x50', '5e1'];
    for (const wrong of addresses) {
      assertRefused(`PROXY TCP4 ${wrong} 5.6.7.8 1 2\r\n`);
      assertRefused(`PROXY TCP4 5.6.7.8 ${wrong} 1 2\r\n`);
    }
    for (const wrong of [
      '',
      '1.2.3.4',
      '1',
      '::1%lo',
      '[::1]',
      ':::',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '12345::',
      '::ffff:01.2.3.4',
    ]) {
      assertRefused(`PROXY TCP6 ${wrong} ::1 1 2\r\n`);
      assertRefused(`PROXY TCP6 ::1 ${wrong} 1 2\r\n`);
    }
    for (const wrong of ports) {
      assertRefused(`PROXY TCP4 1.2.3.4 5.6.7.8 ${wrong} 2\r\n`);
      assertRefused(`PROXY TCP6 ::1 ::1 1 ${wrong}\r\n`);
    }
  });

  it('has at most 107 bytes, CRLF included', () => {
    refuses(text(`PROXY UNKNOWN ${'f'.repeat(92)}\r\n`), 106);
    refuses(text(`PROXY UNKNOWN ${'f'.repeat(2000)}`), 106);
    const quad = `${'ffff:'.repeat(6)}255.255.255.255`;
    refuses(text(`PROXY TCP6 ${quad} ${quad} 65535 65535\r\n`), 106);
    refuses(text(`PROXY TCP4 ${'1'.repeat(2000)}`), 106);
  });

  /** Refused when the line break has come, if not before. */
  function assertRefused(line: string): void {
    neverChangesItsMind(parseProxyHeader, text(line));
    assert.throws(() => parseProxyHeader(text(line)), { code: 'PROXY_HEADER_INVALID' }, line);
  }
});

describe('version 2', () => {
  it('names the client', () => {
    reads(binary(0x11, OVER_IPV4), of('192.0.2.1', 56_324));
    reads(binary(0x21, OVER_IPV6), of('2001:db8::1', 56_324));
    reads(binary(0x11, Buffer.alloc(12)), of('0.0.0.0', 0));
  });

  it('takes an IPv4-mapped client for the IPv4 client it is', () => {
    const mapped = hex('00000000000000000000ffffc0000201');
    reads(binary(0x21, mapped, mapped, hex('dc04 01bb')), of('192.0.2.1', 56_324));
  });

  it('is what HAProxy 2.6 sends', () => {
    reads(hex('0d0a0d0a000d0a515549540a 2111000c 7f0000017f000001b3c6a564'), of('127.0.0.1', 46_022));
    // With a checksum; with a checksum and a unique id.
    reads(
      hex('0d0a0d0a000d0a515549540a 21110013 7f0000017f0000019b8ca568 03000436a835a3'),
      of('127.0.0.1', 39_820),
    );
    reads(
      hex(
        '0d0a0d0a000d0a515549540a 21210031 0000000000000000000000000000000100000000000000000000000000000001' +
          '97aca566 030004f0f90735 050003616263',
      ),
      of('::1', 38_828),
    );
  });

  it('knows nobody in LOCAL, whatever the family and what stands behind it', () => {
    reads(local(0x00), NOBODY);
    reads(local(0x11, OVER_IPV4), NOBODY);
    reads(local(0x21, OVER_IPV4), NOBODY);
    reads(local(0x00, tlv(0x03, Buffer.alloc(4))), NOBODY);
    for (let family = 0; family < 256; family++) reads(local(family, hex('00 ff 03')), NOBODY);
  });

  it('knows nobody behind an unspecified or a Unix socket', () => {
    reads(binary(0x00), NOBODY);
    reads(binary(0x00, hex('ff')), NOBODY);
    reads(binary(0x00, OVER_IPV4), NOBODY);
    reads(binary(0x31, Buffer.alloc(216, 'a')), NOBODY);
    reads(binary(0x31, Buffer.alloc(216, 'a'), tlv(0x04, Buffer.alloc(3))), NOBODY);
  });

  it('is refused at the first byte of the signature that is wrong', () => {
    for (let at = 0; at < SIGNATURE.length; at++) {
      const header = binary(0x11, OVER_IPV4);
      header[at]! ^= 0x80;
      refuses(header, at);
    }
    refuses(text('\r\n\r\nGET / HTTP/1.1\r\n'), 4);
  });

  it('has version 2 and the commands LOCAL and PROXY only', () => {
    for (let byte = 0; byte < 256; byte++) {
      const header = binary(0x11, OVER_IPV4);
      header[12] = byte;
      if (byte === 0x20) reads(header, NOBODY);
      else if (byte === 0x21) reads(header, of('192.0.2.1', 56_324));
      else refuses(header, 12);
    }
  });

  it('is about a TCP connection or an unknown one: datagrams and unknown families are refused', () => {
    for (let family = 0; family < 256; family++) {
      const header = binary(family, Buffer.alloc(216));
      if ([0x00, 0x11, 0x21, 0x31].includes(family)) assert.equal(parseProxyHeader(header)?.length, 16 + 216);
      else refuses(header, 13);
    }
  });

  it('announces at most 2048 bytes', () => {
    const largest = binary(0x11, OVER_IPV4, tlv(0x04, Buffer.alloc(2048 - 12 - 3)));
    assert.equal(largest.length, 16 + 2048);
    reads(largest, of('192.0.2.1', 56_324));
    refuses(Buffer.concat([SIGNATURE, hex('21 11 0801')]), 15);
    refuses(Buffer.concat([SIGNATURE, hex('21 11 0900')]), 14);
    refuses(Buffer.concat([SIGNATURE, hex('20 00 ffff'), Buffer.alloc(100)]), 14);
  });

  it('has room for its addresses', () => {
    refuses(binary(0x11, Buffer.alloc(0)), 15);
    refuses(binary(0x11, Buffer.alloc(11)), 15);
    refuses(binary(0x21, Buffer.alloc(35)), 15);
    refuses(binary(0x21, OVER_IPV4), 15);
    refuses(binary(0x31, Buffer.alloc(215)), 15);
  });

  it('has TLVs that fill it', () => {
    reads(
      binary(0x11, OVER_IPV4, tlv(0x02, text('a.example')), tlv(0x04, hex('')), tlv(0xea, hex('03 00 ff'))),
      of('192.0.2.1', 56_324),
    );
    const wrong = [
      '00',
      '02 00',
      '02 00 01',
      '02 00 0a 313233343531323334',
      '02 00 04 31323334 00',
      '02 ff ff 31',
      '04 0000 04 00',
    ];
    for (const tlvs of wrong) refuses(binary(0x11, OVER_IPV4, hex(tlvs)));
    refuses(binary(0x21, OVER_IPV6, hex('02 00 02 31')));
    refuses(binary(0x31, Buffer.alloc(216), hex('02')));
  });

  it('does not read a TLV that only begins behind the header', () => {
    const header = binary(0x11, OVER_IPV4, tlv(0x02, text('12345')));
    const parsed = parseProxyHeader(Buffer.concat([header, tlv(0x02, text('54321'))]));
    assert.equal(parsed?.length, header.length);
  });

  it('has the checksum it says', () => {
    reads(
      checked(binary(0x21, OVER_IPV6, tlv(0x02, text('a.example')), tlv(0x03, Buffer.alloc(4)))),
      of('2001:db8::1', 56_324),
    );
    const header = checked(binary(0x11, OVER_IPV4, tlv(0x03, Buffer.alloc(4)), tlv(0x04, hex('0102'))));
    reads(header, of('192.0.2.1', 56_324));
    // A change of addresses, ports, the checksum itself, or what follows it.
    for (const at of [16, 27, header.length - 9, header.length - 1]) {
      const changed = Buffer.from(header);
      changed[at]! ^= 1;
      refuses(changed);
    }
    // Of another length.
    for (const length of [0, 3, 5]) refuses(binary(0x11, OVER_IPV4, tlv(0x03, Buffer.alloc(length))));
  });

  /** Writes the checksum into the first TLV that is one, which holds zeros. */
  function checked(header: Buffer): Buffer {
    const copy = Buffer.from(header);
    copy.writeUInt32BE(crc32c(header), header.indexOf(hex('03000400000000')) + 3);
    return copy;
  }
});

describe('both versions', () => {
  const port = fc.nat(65_535);
  const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
  const ipv6 = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const tlvs = fc.array(
    fc.tuple(
      fc.nat(255).filter((type) => type !== 0x03),
      fc.uint8Array({ maxLength: 40 }),
    ),
    { maxLength: 4 },
  );
  const ports = (source: number, destination: number): Buffer =>
    Buffer.of(source >> 8, source & 255, destination >> 8, destination & 255);
  const joined = (list: readonly (readonly [number, Uint8Array])[]): Buffer =>
    Buffer.concat(list.map(([type, value]) => tlv(type, value)));

  const line4 = fc
    .tuple(fc.ipV4(), fc.ipV4(), port, port)
    .map((fields) => text(`PROXY TCP4 ${fields.join(' ')}\r\n`));
  const header4 = fc
    .tuple(ipv4, ipv4, port, port, tlvs)
    .map(([from, to, a, b, list]) => binary(0x11, from, to, ports(a, b), joined(list)));

  it('are read as they were written', () => {
    fc.assert(
      fc.property(ipv4, port, tlvs, (address, port, list) => {
        const client = of(formatIpv4(address, 0), port);
        reads(text(`PROXY TCP4 ${formatIpv4(address, 0)} 192.0.2.1 ${port} 1\r\n`), client);
        reads(binary(0x11, address, address, ports(port, 1), joined(list)), client);
      }),
    );
    fc.assert(
      fc.property(ipv6, port, tlvs, (address, port, list) => {
        const client = of(ipv6Host(address, 0).host, port);
        reads(binary(0x21, address, Buffer.alloc(16), ports(port, 1), joined(list)), client);
      }),
    );
    fc.assert(
      fc.property(fc.ipV6(), port, (address, port) => {
        const line = text(`PROXY TCP6 ${address} ::1 ${port} 1\r\n`);
        if (line.length <= 107) reads(line, of(ipv6Host(ipBytes(address)!, 0).host, port));
      }),
    );
  });

  it('any bytes at all are a header, too short, or refused, and stay so', () => {
    const nearly = fc.oneof(
      damaged(line4),
      damaged(header4),
      beginningWith(
        text('PROXY '),
        text('PROXY TCP6 '),
        text('PROXY UNKNOWN'),
        SIGNATURE,
        Buffer.concat([SIGNATURE, hex('21 11 0010')]),
        Buffer.concat([SIGNATURE, hex('20')]),
      ),
    );
    fc.assert(
      fc.property(nearly, (bytes) => neverChangesItsMind(parseProxyHeader, bytes)),
      { numRuns: 1000 },
    );
  });
});
