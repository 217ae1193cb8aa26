import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { buildClientFilter, parseCidr } from '../../../src/policy/clients.ts';
import { formatIpv4, formatIpv6 } from '../../../src/protocol/address.ts';

/** The address of `bits` (32 or 128) bits that a number stands for. */
function textOf(value: bigint, bits: number): string {
  const bytes = Uint8Array.from({ length: bits / 8 }, (_, i) =>
    Number((value >> BigInt(bits - 8 - 8 * i)) & 0xffn),
  );
  return bits === 32 ? formatIpv4(bytes, 0) : formatIpv6(bytes, 0);
}

const lengths = fc.constantFrom(32, 128);

describe('the client filter', () => {
  it('lets everybody in when nothing is listed', () => {
    const allows = buildClientFilter([]);
    for (const address of ['203.0.113.9', '::1', '']) assert.equal(allows(address), true);
  });

  it('lets in whom the list names', () => {
    const allows = buildClientFilter(['127.0.0.0/8', '192.0.2.7', '2001:db8:1::/48', 'fe80::/10', '::1']);
    const allowed = [
      '127.0.0.1',
      '127.255.255.255',
      '192.0.2.7',
      '2001:db8:1::',
      '2001:db8:1:ffff::1',
      'fe80::1%eth0',
      '::1',
    ];
    const refused = [
      '128.0.0.1',
      '126.255.255.255',
      '192.0.2.8',
      '2001:db8:2::',
      '2001:db8::',
      '::',
      '::2',
      '10.0.0.1',
    ];
    for (const address of allowed) assert.equal(allows(address), true, address);
    for (const address of refused) assert.equal(allows(address), false, address);
  });

  it('takes an IPv4-mapped client for the IPv4 client it is', () => {
    const v4 = buildClientFilter(['127.0.0.0/8']);
    for (const address of ['::ffff:127.0.0.1', '::ffff:7f00:1', '::FFFF:127.9.9.9'])
      assert.equal(v4(address), true, address);
    assert.equal(v4('::ffff:10.0.0.1'), false);
    assert.equal(v4('::127.0.0.1'), false);
    const v6 = buildClientFilter(['::/0']);
    assert.equal(v6('2001:db8::1'), true);
    assert.equal(v6('::ffff:127.0.0.1'), false);
    assert.equal(v6('127.0.0.1'), false);
  });

  it('refuses whom the list of denied ones names, whatever else is listed', () => {
    const onlyDenied = buildClientFilter({ deny: ['192.0.2.0/24', '2001:db8::/32', '198.51.100.7'] });
    for (const address of ['192.0.2.1', '::ffff:192.0.2.1', '2001:db8::1', '198.51.100.7'])
      assert.equal(onlyDenied(address), false, address);
    for (const address of ['192.0.3.1', '2001:db9::1', '198.51.100.8', '127.0.0.1', '::1'])
      assert.equal(onlyDenied(address), true, address);

    const both = buildClientFilter({
      allow: ['192.0.2.0/24', '192.0.2.7'],
      deny: ['192.0.2.0/28', '0.0.0.0/32'],
    });
    assert.equal(both('192.0.2.16'), true);
    assert.equal(both('192.0.2.7'), false, 'a narrower allow does not win');
    assert.equal(both('192.0.3.1'), false);

    const nobody = buildClientFilter({ allow: ['192.0.2.0/24'], deny: ['0.0.0.0/0', '::/0'] });
    for (const address of ['192.0.2.1', '::1', '2001:db8::1']) assert.equal(nobody(address), false, address);
  });

  it('takes empty lists for none', () => {
    for (const lists of [{}, { allow: [] }, { deny: [] }, { allow: [], deny: [] }, { allow: undefined }]) {
      const allows = buildClientFilter(lists);
      for (const address of ['203.0.113.9', '::1', '']) assert.equal(allows(address), true);
    }
    assert.equal(buildClientFilter({ allow: ['192.0.2.1'], deny: [] })('192.0.2.2'), false);
  });

  it('fails closed on what is no address, also where only some are denied', () => {
    const allows = buildClientFilter({ deny: ['192.0.2.0/24'] });
    for (const address of ['', 'unknown', 'localhost', '127.1', '%', '192.0.2.1 '])
      assert.equal(allows(address), false, address);
  });

  it('refuses what is no address', () => {
    const allows = buildClientFilter(['0.0.0.0/0', '::/0']);
    for (const address of ['', 'unknown', 'localhost', '127.1', '1.2.3.4.5', '%'])
      assert.equal(allows(address), false, address);
    assert.equal(allows('1.2.3.4'), true);
    assert.equal(allows('::1'), true);
  });

  it('agrees with arithmetic on any network', () => {
    const cases = lengths.chain((bits) =>
      fc.record({
        bits: fc.constant(bits),
        prefix: fc.integer({ min: 0, max: bits }),
        network: fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n }),
        offset: fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n }),
        near: fc.boolean(),
      }),
    );
    fc.assert(
      fc.property(cases, ({ bits, prefix, network, offset, near }) => {
        const free = BigInt(bits - prefix);
        const base = (network >> free) << free;
        // Half of the addresses are inside, or right behind the end.
        const address = near ? (base + (offset % ((1n << free) + 1n))) % (1n << BigInt(bits)) : offset;
        if (bits === 128 && (base >> 32n === 0xffffn || address >> 32n === 0xffffn)) return;
        const allows = buildClientFilter([`${textOf(base, bits)}/${prefix}`]);
        assert.equal(allows(textOf(address, bits)), address >> free === base >> free);
      }),
    );
  });
});

describe('parseCidr', () => {
  it('reads networks and single addresses', () => {
    assert.deepEqual(parseCidr('10.0.0.0/8'), { address: '10.0.0.0', prefix: 8, family: 4 });
    assert.deepEqual(parseCidr('0.0.0.0/0'), { address: '0.0.0.0', prefix: 0, family: 4 });
    assert.deepEqual(parseCidr('192.0.2.1'), { address: '192.0.2.1', prefix: 32, family: 4 });
    assert.deepEqual(parseCidr('2001:DB8:0::/32'), { address: '2001:db8::', prefix: 32, family: 6 });
    assert.deepEqual(parseCidr('::1'), { address: '::1', prefix: 128, family: 6 });
    assert.deepEqual(parseCidr('fe80::/10'), { address: 'fe80::', prefix: 10, family: 6 });
  });

  it('says what is wrong and what to write', () => {
    const wrong: readonly (readonly [text: string, message: RegExp])[] = [
      ['010.0.0.0/8', /^"010\.0\.0\.0\/8" is not an IP network: .*without leading zeros/],
      ['10.0.0.0/33', /for IPv4 it is a number from 0 to 32/],
      ['2001:db8::/129', /for IPv6 it is a number from 0 to 128/],
      ['10.0.0.1/8', /^"10\.0\.0\.1\/8" has bits set beyond its prefix: write 10\.0\.0\.0\/8$/],
      ['2001:db8::1/64', /write 2001:db8::\/64$/],
      ['172.31.0.0/12', /write 172\.16\.0\.0\/12$/],
      ['::ffff:10.0.0.0/104', /IPv4-mapped network: write it as IPv4/],
    ];
    for (const [text, message] of wrong)
      assert.throws(() => parseCidr(text), { name: 'RangeError', message }, text);
  });

  it('refuses everything else', () => {
    const malformed = [
      '', '/', '/8', '10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/+8', '10.0.0.0/08', '10.0.0.0/8.0', '10.0.0.0/8/8', '10.0.0.0/ 8', ' 10.0.0.0/8',
      '10.0.0.0/8\n', '10/8', '10.0.0/24', '0x0a.0.0.0/8', 'localhost', 'example.com/8', '*', 'fe80::%eth0/64', '[::1]', '[::1]/128', '10.0.0.0/1e1', '::/1000',
    ]; // prettier-ignore
    for (const text of malformed) {
      assert.throws(() => parseCidr(text), RangeError, text);
      assert.throws(() => buildClientFilter(['10.0.0.0/8', text]), RangeError, text);
      assert.throws(() => buildClientFilter({ deny: [text] }), RangeError, text);
    }
  });
});
