import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { parsePattern } from '../../../src/policy/rules/pattern.ts';
import { FirstByPort, NO_RULE, parsePorts, type PortSpan } from '../../../src/policy/rules/ports.ts';

const name = (text: string, itself = true, below = false) => ({ kind: 'name', name: text, itself, below });
const network = (address: string, prefix: number) => ({
  kind: 'network',
  network: { address, prefix, family: address.includes(':') ? 6 : 4 },
});
const ANY = { kind: 'any' };
const only = (first: number, last = first): PortSpan[] => [{ first, last }];

describe('parsePattern', () => {
  it('reads every form', () => {
    const forms: readonly (readonly [text: string, host: object, ports?: readonly PortSpan[]])[] = [
      ['example.com', name('example.com')],
      ['EXAMPLE.com.', name('example.com')],
      ['localhost', name('localhost')],
      ['*.example.com', name('example.com', false, true)],
      ['.example.com', name('example.com', true, true)],
      ['*.com', name('com', false, true)],
      ['bücher.example', name('xn--bcher-kva.example')],
      ['*.BÜCHER.example', name('xn--bcher-kva.example', false, true)],
      ['bücher。example', name('xn--bcher-kva.example')],
      ['xn--bcher-kva.example', name('xn--bcher-kva.example')],
      ['_dmarc.example.com', name('_dmarc.example.com')],
      ['example.com:443', name('example.com'), only(443)],
      ['.example.com:80,443', name('example.com', true, true), [...only(80), ...only(443)]],
      ['192.0.2.1', network('192.0.2.1', 32)],
      ['192.0.2.0/24', network('192.0.2.0', 24)],
      ['192.0.2.0/24:8000-8999', network('192.0.2.0', 24), only(8000, 8999)],
      ['192.0.2.1:1', network('192.0.2.1', 32), only(1)],
      ['0.0.0.0/0', network('0.0.0.0', 0)],
      ['2001:db8::1', network('2001:db8::1', 128)],
      ['2001:DB8::/32', network('2001:db8::', 32)],
      ['2001:db8::/32:443', network('2001:db8::', 32), only(443)],
      ['[2001:db8::1]', network('2001:db8::1', 128)],
      ['[2001:db8::1]:443', network('2001:db8::1', 128), only(443)],
      ['[2001:db8::/32]:443', network('2001:db8::', 32), only(443)],
      ['[2001:db8::]/32:443', network('2001:db8::', 32), only(443)],
      ['::/0', network('::', 0)],
      ['::1', network('::1', 128)],
      ['all', ANY],
      ['ALL', ANY],
      ['all:25', ANY, only(25)],
      [':25', ANY, only(25)],
      [':1-65535', ANY, only(1, 65_535)],
      [':80,443,8000-8999', ANY, [...only(80), ...only(443), ...only(8000, 8999)]],
      // Valid as it stands: whoever means a port has to write brackets.
      ['2001:db8::1:443', network('2001:db8::1:443', 128)],
    ];
    for (const [text, host, ports] of forms) {
      assert.deepEqual(parsePattern(text), { host, ports }, text);
    }
  });

  it('says what is wrong and what to write', () => {
    const wrong: readonly (readonly [text: string, message: RegExp])[] = [
      ['example.com:', /no valid ports behind its colon: write :443, :80,443 or :8000-8999/],
      ['example.com:https', /no valid ports/],
      [':0', /no valid ports.*from 1 to 65535/],
      [':65536', /no valid ports/],
      [':090', /no valid ports/],
      [':90-80', /no valid ports/],
      [':80,', /no valid ports/],
      [':80, 443', /no valid ports/],
      ['https://example.com/', /^"https:\/\/example\.com\/" is a URL: write the name alone/],
      ['exa*mple.com', /star in a wrong place: write \*\.example\.com/],
      ['*', /star in a wrong place: .* or all for everything$/],
      ['*.*.com', /star in a wrong place/],
      ['*example.com', /star in a wrong place/],
      ['example.*', /star in a wrong place/],
      ['', /^"" is neither a name nor a network/],
      [' example.com', /neither a name nor a network/],
      ['exam ple.com', /neither/],
      ['example..com', /neither/],
      ['..example.com', /neither/],
      ['[example.com]', /neither/],
      ['-a.example', /neither/],
      ['user@example.com', /neither/],
      ['example.com\n', /neither/],
      ['exa%6dple.com', /neither/],
      ['１２７.0.0.1', /not an IP network|neither/],
      ['１２７。０。０。１', /neither/],
      ['\u212Belvin.example\0', /neither/],
    ];
    for (const [text, message] of wrong) {
      assert.throws(() => parsePattern(text), { name: 'RangeError', message }, JSON.stringify(text));
    }
  });

  it('G21: refuses networks that could be read in two ways', () => {
    const wrong: readonly (readonly [text: string, message: RegExp])[] = [
      ['010.0.0.0/8', /^"010\.0\.0\.0\/8" is not an IP network: .*without leading zeros/],
      ['10.0.0.0/33', /a number from 0 to 32/],
      ['::ffff:10.0.0.0/104', /IPv4-mapped network: write it as IPv4/],
      ['::ffff:a00:0/104', /IPv4-mapped network/],
      ['10.0.0.1/8', /bits set beyond its prefix: write 10\.0\.0\.0\/8/],
      ['2001:db8::1/32', /write 2001:db8::\/32/],
      ['2001:db8::/129', /a number from 0 to 128/],
      ['10.0.0.0/08', /no valid prefix length/],
      ['10.0.0.0/255.0.0.0', /no valid prefix length/],
      ['10.0.0.0/-1', /no valid prefix length/],
      ['10.0.0.0/8/8', /not an IP network/],
      ['10.0.0.0/ 8', /no valid prefix length/],
      ['10/8', /not an IP network/],
      ['10.0/16', /not an IP network/],
      ['127.1', /not an IP network/],
      ['0x7f000001', /not an IP network/],
      ['0x7f.0.0.1', /not an IP network/],
      ['2130706433', /not an IP network/],
      ['0177.0.0.1', /not an IP network/],
      ['1.2.3', /not an IP network/],
      ['1.2.3.4.', /not an IP network/],
      ['1.2.3.4.5', /not an IP network/],
      ['256.0.0.1', /not an IP network/],
      ['fe80::1%eth0', /not an IP network/],
      ['[::1', /not an IP network/],
      ['::1]', /not an IP network/],
      ['[[::1]]', /not an IP network/],
      ['[10.0.0.1]', /neither/],
      ['1::2::3', /not an IP network/],
      [':::', /not an IP network/],
      ['example.com/8', /not an IP network/],
    ];
    for (const [text, message] of wrong) {
      assert.throws(() => parsePattern(text), { name: 'RangeError', message }, text);
    }
  });

  it('answers any text at all with a pattern or one sentence', () => {
    const pieces = fc.constantFrom(
      'a', '1', '.', ':', '*', '/', '[', ']', '-', ',', '%', ' ', '\0', 'ü', '。', 'all', '::', '255', 'xn--',
      '.example', '/24', ':80', '*.', '10.0.0.0', '2001:db8::',
    ); // prettier-ignore
    const texts = fc.oneof(
      fc.string(),
      fc.array(pieces, { maxLength: 8 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        try {
          parsePattern(text);
        } catch (error) {
          assert.ok(error instanceof RangeError, `${JSON.stringify(text)}: ${String(error)}`);
          assert.ok(!error.message.includes('\n') && error.message.length < 400);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe('FirstByPort', () => {
  const span = fc
    .tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 20 }))
    .map(([first, more]) => ({ first, last: first + more }));

  it('finds the first rule, however many there are', () => {
    const rules = fc.array(
      fc.option(fc.array(span, { minLength: 1, maxLength: 3 }), { nil: undefined, freq: 30 }),
      {
        maxLength: 40,
      },
    );
    fc.assert(
      fc.property(rules, (spans) => {
        const table = new FirstByPort();
        for (const [rank, ports] of spans.entries()) table.add(ports, rank);
        for (let port = 1; port <= 90; port++) {
          const wanted = spans.findIndex(
            (ports) => ports?.some(({ first, last }) => port >= first && port <= last) ?? true,
          );
          assert.equal(table.find(port), wanted === -1 ? NO_RULE : wanted, `port ${port}`);
        }
      }),
    );
  });

  it('knows the ends of the range', () => {
    const table = new FirstByPort();
    for (let rank = 0; rank < 20; rank++) table.add([{ first: 65_535 - rank, last: 65_535 - rank }], rank);
    table.add([{ first: 1, last: 1 }], 20);
    assert.equal(table.find(65_535), 0);
    assert.equal(table.find(65_516), 19);
    assert.equal(table.find(65_515), NO_RULE);
    assert.equal(table.find(1), 20);
    assert.equal(table.find(2), NO_RULE);
  });
});

describe('parsePorts', () => {
  it('reads what it writes', () => {
    const spans = fc.array(
      fc
        .tuple(fc.integer({ min: 1, max: 65_535 }), fc.integer({ min: 1, max: 65_535 }))
        .map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) })),
      { minLength: 1 },
    );
    fc.assert(
      fc.property(spans, (ports) => {
        const text = ports
          .map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`))
          .join(',');
        assert.deepEqual(parsePorts(text), ports);
      }),
    );
  });
});
