import assert from 'node:assert/strict';
import { isIP, isIPv4, isIPv6 } from 'node:net';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { ProxyError } from '../../../src/errors.ts';
import {
  formatIpv4,
  formatIpv6,
  ipBytes,
  ipv6Host,
  isMapped,
  parseAuthority,
  parseHost,
  parseIpv4,
} from '../../../src/protocol/address.ts';

const bytes16 = fc.uint8Array({ minLength: 16, maxLength: 16 });
/** Sixteen bytes with runs of zeros, where the rules of RFC 5952 begin to matter. */
const sparse16 = fc
  .array(fc.constantFrom(0, 0, 0, 1, 0x10, 0xab00, 0xffff), { minLength: 8, maxLength: 8 })
  .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff])));
/** Texts that are nearly addresses. */
const nearly = (alphabet: string): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...alphabet.split('')), maxLength: 45 });

function codeOf(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    assert.ok(error instanceof ProxyError, String(error));
    return error.code;
  }
}

describe('parseHost', () => {
  it('takes addresses and names in their canonical form', () => {
    const cases: readonly (readonly [text: string, host: string, family: 0 | 4 | 6])[] = [
      ['8.8.8.8', '8.8.8.8', 4],
      ['0.0.0.0', '0.0.0.0', 4],
      ['255.255.255.255', '255.255.255.255', 4],
      ['2001:db8::1', '2001:db8::1', 6],
      ['[2001:db8::1]', '2001:db8::1', 6],
      ['2001:0DB8:0:0:0:0:0:0001', '2001:db8::1', 6],
      ['::', '::', 6],
      ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0', 6],
      ['::1.2.3.4', '::102:304', 6],
      ['64:ff9b::192.0.2.1', '64:ff9b::c000:201', 6],
      ['::ffff:127.0.0.1', '127.0.0.1', 4],
      ['::ffff:7f00:1', '127.0.0.1', 4],
      ['0:0:0:0:0:FFFF:7F00:1', '127.0.0.1', 4],
      ['[::ffff:10.0.0.1]', '10.0.0.1', 4],
      ['Example.COM', 'example.com', 0],
      ['EVIL.com.', 'evil.com', 0],
      ['localhost.', 'localhost', 0],
      ['a', 'a', 0],
      ['_dmarc.example.com', '_dmarc.example.com', 0],
      ['xn--bcher-kva.example', 'xn--bcher-kva.example', 0],
      ['1.2.3.4.example', '1.2.3.4.example', 0],
      ['127.0.0.1.nip.io', '127.0.0.1.nip.io', 0],
      ['0xcafe.example', '0xcafe.example', 0],
      ['3com', '3com', 0],
      ['0xg', '0xg', 0],
      ['__proto__', '__proto__', 0],
      [`${'a'.repeat(63)}.b`, `${'a'.repeat(63)}.b`, 0],
      [`${'a.'.repeat(126)}b`, `${'a.'.repeat(126)}b`, 0],
      [`${'a.'.repeat(126)}b.`, `${'a.'.repeat(126)}b`, 0],
    ];
    for (const [text, host, family] of cases) assert.deepEqual(parseHost(text), { host, family }, text);
  });

  it('refuses every text that libc could read as an IPv4 address', () => {
    const spellings = [
      '2130706433', '017700000001', '0x7f000001', '0X7F000001', '0x7F000001.', '0', '00', '0x', '0x0', '1',
      '127.1', '127.0.1', '1.2.3', '0x7f.1', '0X7f.1', '0x7f.0.0.1', '0x7f.0x0.0x0.0x1', '127.0.0.0x1', '127.0x1',
      '0177.0.0.1', '0177.1', '0177.0.0.01', '0177.0x0.0.1', '00127.0.0.1', '127.0.0.01', '010.0.0.1', '08.8.8.8',
      '127.0.0.1.', '127.1.', '2130706433.', '127.65535', '127.0.65535', '127.16777215', '4294967295', '4294967296',
      '256.256.256.256', '1.2.3.256', '999.1.1.1', '1.2.3.4.5', '192.168.1', '169.254.43518', '0xa9fea9fe',
      'example.1', 'example.0x7f', 'a.b.c.0',
    ]; // prettier-ignore
    for (const text of spellings) {
      assert.throws(
        () => parseHost(text),
        { code: 'TARGET_DENIED', message: 'odd spelling of an IPv4 address' },
        text,
      );
    }
  });

  it('refuses every number-like text that a URL parser would read as an IPv4 address', () => {
    fc.assert(
      fc.property(nearly('0123456789abcdefxX.'), (text) => {
        const url = URL.parse(`http://${text}/`);
        const meant = url !== null && isIPv4(url.hostname) ? url.hostname : undefined;
        if (meant === undefined) return;
        if (text === meant) assert.deepEqual(parseHost(text), { host: meant, family: 4 });
        else
          assert.equal(
            codeOf(() => parseHost(text)),
            'TARGET_DENIED',
          );
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses malformed hosts', () => {
    const malformed = [
      '', '.', '..', '.a', '.example.com', 'a..b', 'a..', '-a.com', 'a-.com', 'a.-b.com', '---', '-', '"""""', '""""".com',
      ' ', ' a', 'a ', 'a b', '127.0.0.1 ', ' 127.0.0.1', '127.0.0.1\n', 'a\r\nb', 'a\n', 'a\t', 'a\0', '127.0.0.1\0.a.com', '\0',
      'a/b', '/', 'http://a', 'u@h', 'u:p@h', '*', '*.a.com', 'a%2eb', '%31', 'a\\b', 'a,b', 'a;b', "a'b", 'a+b', '+1.2.3.4', 'a\u007f',
      'bücher.example', '127\u30020\u30020\u30021', '127.0.0.\uff11', '\uff11\uff12\uff17.0.0.1', '\u212aelvin.com', 'lo\u017fthost',
      '\u0130.com', 'a\u00ad.com', 'a\u200b.com', '\ud800', 'a.com\u2028', 'é', '\u00ff',
      'evil.com:443', 'h:1', ':', '::1::', ':::', '1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4::5:6:7:8', '12345::', 'g::', '::-1', ':1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:', '::1%lo', 'fe80::1%25eth0', '::1.2.3', '::1.2.3.4.5', '::01.2.3.4', '::256.0.0.1', '1.2.3.4::', '::1.2.3.4:5', '1:2:3:4:5:6:7:1.2.3.4',
      '[', ']', '[]', '[::1', '::1]', '[[::1]]', '[::1]]', '[::1%lo]', '[example.com]', '[evil.com]', '[127.0.0.1]', '[127.1]', '[v1.a]', '[::1].', '[::1]:443',
      'a'.repeat(64), `${'a'.repeat(64)}.com`, 'a'.repeat(254), `${'a.'.repeat(127)}b`, '1'.repeat(254), ':'.repeat(100_000), 'a'.repeat(100_000),
    ]; // prettier-ignore
    for (const text of malformed) {
      assert.equal(
        codeOf(() => parseHost(text)),
        'BAD_TARGET',
        JSON.stringify(text.slice(0, 60)),
      );
    }
  });

  it('answers a canonical host or a ProxyError for any text whatever', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      nearly('aZ0.-_[]:%'),
      fc.domain(),
      fc.ipV4Extended(),
      fc.ipV6(),
    );
    fc.assert(
      fc.property(anything, (text) => {
        if (codeOf(() => parseHost(text)) !== undefined) return;
        const parsed = parseHost(text);
        assert.deepEqual(parseHost(parsed.host), parsed);
        assert.equal(isIP(parsed.host), parsed.family);
        assert.match(parsed.host, /^[a-z0-9._:-]{1,253}$/);
      }),
      { numRuns: 2000 },
    );
  });

  it('takes every name in any case', () => {
    fc.assert(
      fc.property(fc.domain(), (name) => {
        assert.deepEqual(parseHost(`${name.toUpperCase()}.`), { host: name.toLowerCase(), family: 0 });
      }),
    );
  });
});

describe('parseAuthority', () => {
  it('splits at the last colon', () => {
    const cases: readonly (readonly [text: string, host: string, port: number, family: 0 | 4 | 6])[] = [
      ['example.com:443', 'example.com', 443, 0],
      ['Example.com.:1', 'example.com', 1, 0],
      ['192.0.2.1:65535', '192.0.2.1', 65_535, 4],
      ['[::1]:443', '::1', 443, 6],
      ['::1:443', '::1', 443, 6],
      ['2001:db8::1:443', '2001:db8::1', 443, 6],
      ['[2001:DB8::1]:80', '2001:db8::1', 80, 6],
      ['[::ffff:127.0.0.1]:80', '127.0.0.1', 80, 4],
      ['::ffff:127.0.0.1:80', '127.0.0.1', 80, 4],
      ['h:00080', 'h', 80, 0],
    ];
    for (const [text, host, port, family] of cases)
      assert.deepEqual(parseAuthority(text), { host, port, family }, text);
  });

  it('refuses what is no host and port', () => {
    const malformed = [
      '', 'h', 'h:', ':', ':443', 'h:0', 'h:00000', 'h:65536', 'h:99999', 'h:000443', 'h:123456', 'h:+443', 'h:-1', 'h:0x1bb',
      'h:4e2', 'h:443 ', 'h: 443', ' h:443', 'h:443\n', 'h:\uff14\uff14\uff13', 'h:443:80', 'h:443/', '/', '/:443', '*', '*:443',
      'http://h:80', 'http://h', 'h:80/path', '[::1]', '::1', '[::1]443', '[::1:443', '::1]:443', '[::1%25lo]:443', '[example.com]:443',
      '[]:443', '[::1]]:443', '[::1]:', '[::1]:[443]', '2001:db8::1', 'h\0:443', 'h\r\n:443', `${'a'.repeat(254)}:443`,
    ]; // prettier-ignore
    for (const text of malformed)
      assert.equal(
        codeOf(() => parseAuthority(text)),
        'BAD_TARGET',
        JSON.stringify(text),
      );
  });

  it('refuses odd IPv4 spellings as parseHost does', () => {
    for (const text of ['127.1:80', '0:80', '0x7f000001:80', '2130706433:443', '127.0.0.1.:80']) {
      assert.equal(
        codeOf(() => parseAuthority(text)),
        'TARGET_DENIED',
        text,
      );
    }
  });

  it('refuses credentials and repeats nothing of what was sent', () => {
    const secrets = [
      'hunter2:s3cret@example.com:443',
      's3cret@h:1',
      'h:s3cret@',
      '@:1',
      's3cret:s3cret',
      's3cret!:1',
      '[s3cret]:1',
    ];
    for (const text of secrets) {
      assert.throws(
        () => parseAuthority(text),
        (error: ProxyError) => error.code === 'BAD_TARGET' && !/s3cret|hunter2/.test(error.message),
        text,
      );
    }
  });

  it('reads back what it is given', () => {
    const port = fc.integer({ min: 1, max: 65_535 });
    fc.assert(
      fc.property(bytes16, port, (bytes, port) => {
        const host = ipv6Host(bytes, 0);
        assert.deepEqual(parseAuthority(`[${formatIpv6(bytes, 0)}]:${port}`), { ...host, port });
      }),
    );
    fc.assert(
      fc.property(fc.domain(), port, (name, port) => {
        assert.deepEqual(parseAuthority(`${name}:${port}`), { host: name.toLowerCase(), port, family: 0 });
      }),
    );
  });
});

describe('bytes and texts', () => {
  it('agrees with Node on what is an IPv4 address', () => {
    fc.assert(
      fc.property(fc.oneof(nearly('0125.'), fc.ipV4(), fc.ipV4Extended()), (text) => {
        assert.equal(parseIpv4(text) !== -1, isIPv4(text), text);
      }),
      { numRuns: 2000 },
    );
  });

  it('agrees with Node on what is an IPv6 address', () => {
    fc.assert(
      fc.property(fc.oneof(nearly('0fA:'), nearly('01:.'), fc.ipV6()), (text) => {
        assert.equal(ipBytes(text)?.length === 16, isIPv6(text), text);
      }),
      { numRuns: 3000 },
    );
  });

  it('reads back every IPv4 address', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (bytes) => {
        const text = formatIpv4(bytes, 0);
        assert.deepEqual(ipBytes(text), bytes);
        assert.equal(parseIpv4(text), new DataView(bytes.buffer, bytes.byteOffset).getUint32(0));
      }),
    );
  });

  it('reads back every IPv6 address, in every spelling', () => {
    fc.assert(
      fc.property(fc.oneof(bytes16, sparse16), (bytes) => {
        assert.deepEqual(ipBytes(formatIpv6(bytes, 0)), bytes);
        const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!);
        const long = groups.map((group) => group.toString(16).padStart(4, '0').toUpperCase());
        assert.deepEqual(ipBytes(long.join(':')), bytes);
        assert.deepEqual(ipBytes(`${long.slice(0, 6).join(':')}:${formatIpv4(bytes, 12)}`), bytes);
      }),
    );
  });

  it('writes IPv6 as the URL standard does', () => {
    fc.assert(
      fc.property(fc.oneof(bytes16, sparse16), (bytes) => {
        const text = formatIpv6(bytes, 0);
        if (!isMapped(bytes, 0)) assert.equal(`[${text}]`, new URL(`http://[${text}]/`).hostname);
      }),
      { numRuns: 1000 },
    );
  });

  it('writes the examples of RFC 5952', () => {
    const cases: readonly (readonly [text: string, canonical: string])[] = [
      ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'], // §4.2.3: the first of equal runs
      ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'], // §4.2.2: never for one group
      ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'], // §4.2.3: the longest run
      ['2001:DB8::AAAA', '2001:db8::aaaa'], // §4.3
      ['1:2:3:4:5:6::', '1:2:3:4:5:6::'],
      ['::2:3:4:5:6:7', '::2:3:4:5:6:7'],
      ['::ffff:c000:201', '::ffff:192.0.2.1'], // §5
      ['0:0:0:0:0:0:0:0', '::'],
    ];
    for (const [text, canonical] of cases) assert.equal(formatIpv6(ipBytes(text)!, 0), canonical);
  });

  it('reads from the middle of a message', () => {
    const message = Uint8Array.of(
      5,
      1,
      0,
      4,
      0x20,
      1,
      0xd,
      0xb8,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      1,
      1,
      0xbb,
    );
    assert.deepEqual(ipv6Host(message, 4), { host: '2001:db8::1', family: 6 });
    assert.equal(formatIpv4(message, 4), '32.1.13.184');
  });

  it('takes an IPv4-mapped address of the wire as IPv4', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (bytes) => {
        const mapped = Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...bytes);
        assert.deepEqual(ipv6Host(mapped, 1), { host: formatIpv4(bytes, 0), family: 4 });
        assert.equal(isMapped(mapped, 1), true);
        assert.equal(isMapped(mapped, 0), false);
      }),
    );
  });

  it('answers undefined for what is no address', () => {
    for (const text of ['', 'localhost', '1.2.3', '1.2.3.4 ', '[::1]', 'fe80::1%eth0', '::g']) {
      assert.equal(ipBytes(text), undefined, text);
    }
  });
});
