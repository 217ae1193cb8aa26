import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { BlockList, isIPv4 } from 'node:net';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { buildGuard, type Guard } from '../../../src/policy/guard.ts';
import { parseCidr } from '../../../src/policy/clients.ts';
import { classify, isSpecialNetwork, type AddressKind } from '../../../src/policy/special.ts';
import { formatIpv4, formatIpv6, ipBytes } from '../../../src/protocol/address.ts';

const fixture = JSON.parse(
  readFileSync(new URL('../../fixtures/special-addresses.json', import.meta.url), 'utf8'),
) as { python: string; addresses: Record<string, string> };

const strict = buildGuard({ allowPrivate: false, own: [] });
const open = buildGuard({ allowPrivate: true, own: [] });

const bytes4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
const bytes16 = fc.uint8Array({ minLength: 16, maxLength: 16 });

/** What the guard says: undefined when it lets the address through. */
function denial(guard: Guard, address: string, port = 443): string | undefined {
  try {
    guard.check(address, port);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function family(address: string): 'ipv4' | 'ipv6' {
  return isIPv4(address) ? 'ipv4' : 'ipv6';
}

const SPECIAL_NETWORKS = [
  '10.0.0.0/8', '10.1.2.0/24', '127.0.0.0/8', '169.254.0.0/16', '100.64.0.0/10', '172.16.0.0/12', '192.168.0.0/16', '203.0.113.0/24',
  '240.0.0.0/4', '::1', 'fc00::/7', 'fd12:3456::/32', 'fe80::/10', '2001:db8::/32', '2002::/16', '2001::/23',
]; // prettier-ignore

const textOf = (bytes: Uint8Array): string =>
  bytes.length === 4 ? formatIpv4(bytes, 0) : formatIpv6(bytes, 0);

describe('classify', () => {
  it('knows the kind of every special block', () => {
    const kinds: Partial<Record<AddressKind, readonly string[]>> = {
      unspecified: ['0.0.0.0', '0.1.2.3', '0.255.255.255', '::', '::ffff:0.0.0.0', '64:ff9b::'],
      loopback: ['127.0.0.1', '127.255.255.254', '127.0.0.0', '::1', '::ffff:127.0.0.1', '::ffff:7f00:1', '0:0:0:0:0:ffff:7f00:1', '2606:4700::5efe:127.0.0.1'],
      private: ['10.0.0.0', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.0.1', 'fc00::', 'fdff::1', 'fec0::1', 'feff::'],
      'link-local': ['169.254.0.1', '169.254.255.255', 'fe80::1', 'febf:ffff::'],
      cgnat: ['100.64.0.0', '100.127.255.255', '::ffff:100.64.0.1'],
      metadata: [
        '169.254.169.254', '169.254.170.2', '169.254.170.23', '169.254.42.42', '169.254.0.23', '168.63.129.16', '100.100.100.200', '192.0.0.192',
        'fd00:ec2::254', 'fd00:ec2::23', 'fd20:ce::254', 'fd00:c1::a9fe:a9fe', 'fd00:100::100:200', 'fd00:42::42', 'fd00:a9fe:a9fe::1', 'fe80::a9fe:a9fe',
        '::ffff:169.254.169.254', '64:ff9b::a9fe:a9fe', '64:ff9b::169.254.169.254', '2002:a9fe:a9fe::', '::169.254.169.254',
      ],
      documentation: ['192.0.2.1', '198.51.100.255', '203.0.113.0', '2001:db8::1', '3fff::1', '3fff:fff:ffff::'],
      benchmark: ['198.18.0.0', '198.19.255.255', '2001:2::1'],
      multicast: ['224.0.0.1', '239.255.255.255', 'ff00::', 'ff02::1', '::ffff:224.0.0.1'],
      broadcast: ['255.255.255.255', '::ffff:255.255.255.255'],
      reserved: [
        '192.0.0.1', '240.0.0.1', '255.255.255.254', '2001:1::1', '2001:20::1', '2001:1ff:ffff::', '5f00::1', '100:0:0:1::',
        '4000::1', 'fe00::1', 'e000::', '1::1', '::ffff:0:127.0.0.1',
      ],
      discard: ['100::', '100::ffff:ffff:ffff:ffff'],
      compatible: ['::8.8.8.8', '::808:808'],
      nat64: ['64:ff9b:1::', '64:ff9b:1:7f00:0:100::', '64:ff9b:1:ffff:ffff:ffff:ffff:ffff'],
      '6to4': ['192.88.99.1', '2002:808:808::1'],
      teredo: ['2001::', '2001:0:ffff::1'],
      isatap: ['2606:4700::5efe:8.8.8.8', '2606:4700:0:0:200:5efe:808:808'],
      invalid: ['', 'localhost', '127.1', '2130706433', '[::1]', 'fe80::1%eth0', '1.2.3.4 '],
      global: [
        '1.1.1.1', '8.8.8.8', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255', '128.0.0.0', '172.15.255.255',
        '172.32.0.0', '192.0.1.0', '192.0.3.0', '192.167.255.255', '192.169.0.0', '198.17.255.255', '198.20.0.0', '223.255.255.255',
        '2606:4700::1111', '2001:200::1', '2001:db7::1', '2001:db9::', '2003::', '3ffe::', '3fff:1000::', '::ffff:8.8.8.8', '64:ff9b::808:808',
        '2606:4700::100:5efe:7f00:1', '2606:4700::1:5efe:7f00:1', '2606:4700:5efe::7f00:1',
      ],
    }; // prettier-ignore
    for (const [kind, addresses] of Object.entries(kinds)) {
      for (const address of addresses) assert.equal(classify(address), kind, address);
    }
  });

  it('judges bytes like texts', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) =>
        assert.equal(classify(ipBytes(text)!), classify(text)),
      ),
    );
  });

  it('takes nothing but 4 or 16 bytes for an address', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
        assert.equal(classify(bytes) === 'invalid', bytes.length !== 4 && bytes.length !== 16);
      }),
    );
  });

  it('judges an address by the IPv4 address inside', () => {
    const carriers: readonly (readonly [prefix: string, offset: number, own: AddressKind])[] = [
      ['::ffff:0:0', 12, 'global'],
      ['64:ff9b::', 12, 'global'],
      ['2002::', 2, '6to4'],
      ['2606:4700::5efe:0:0', 12, 'isatap'],
      ['2606:4700::200:5efe:0:0', 12, 'isatap'],
    ];
    for (const [prefix, offset, own] of carriers) {
      fc.assert(
        fc.property(bytes4, (inner) => {
          const bytes = ipBytes(prefix)!;
          bytes.set(inner, offset);
          const kind = classify(inner);
          assert.equal(classify(formatIpv6(bytes, 0)), kind === 'global' ? own : kind);
        }),
      );
    }
  });

  it('lets no IPv6 address outside 2000::/3 be global, but those that carry a public IPv4 address', () => {
    fc.assert(
      fc.property(bytes16, (bytes) => {
        if (bytes[0]! >> 5 !== 1) assert.notEqual(classify(bytes), 'global');
      }),
    );
  });
});

/** Where the guard is stricter than the Python of the fixture, and why. It is laxer nowhere. */
const STRICTER: readonly (readonly [block: string, why: string])[] = [
  ['168.63.129.16/32', 'a public address that Azure uses for its host'],
  ['169.254.169.254/32', 'link-local for Python, metadata for us'],
  ['192.0.0.0/24', 'Python 3.11 knows parts of it; none is a place for tunnels'],
  ['192.88.99.0/24', 'withdrawn by RFC 7526'],
  ['::ffff:0:0/96', 'IPv4-mapped: Python says "not private" where the IPv4 address is shared space'],
  ['::/96', 'IPv4-compatible: deprecated, and 127.0.0.1 inside'],
  ['64:ff9b::/96', 'NAT64: Python does not look at the IPv4 address inside'],
  ['64:ff9b:1::/48', 'RFC 8215 is newer than the table of Python 3.11'],
  ['2002::/16', '6to4: Python does not look at the IPv4 address inside'],
  ['3fff::/20', 'RFC 9637 is newer than the table of Python 3.11'],
  ['::/3', 'never delegated'],
  ['4000::/2', 'never delegated; 5f00::/16 is RFC 9602'],
  ['8000::/1', 'never delegated, or site-local'],
];

describe('isSpecialNetwork', () => {
  it('is true only of networks without a single public address', () => {
    const network = fc.oneof(
      fc.tuple(bytes4, fc.integer({ min: 0, max: 32 })),
      fc.tuple(bytes16, fc.integer({ min: 0, max: 128 })),
    );
    const nearBlocks = fc
      .tuple(fc.constantFrom(...SPECIAL_NETWORKS), fc.integer({ min: -3, max: 3 }))
      .map(([text, more]): [Uint8Array, number] => {
        const { address, prefix } = parseCidr(text);
        const bytes = ipBytes(address)!;
        return [bytes, Math.min(Math.max(0, prefix + more), bytes.length * 8)];
      });
    fc.assert(
      fc.property(fc.oneof(network, nearBlocks), bytes16, ([bytes, prefix], random) => {
        const address = textOf(bytes);
        if (!isSpecialNetwork({ address, prefix, family: bytes.length === 4 ? 4 : 6 })) return;
        const inside = bytes.map((byte, i) => {
          const mask = 0xff & (0xff00 >> Math.min(8, Math.max(0, prefix - 8 * i)));
          return (byte & mask) | (random[i]! & ~mask);
        });
        assert.notEqual(classify(inside), 'global', `${address}/${prefix} ${textOf(inside)}`);
      }),
      { numRuns: 5000 },
    );
  });

  it('knows the special networks, and that wider ones are not', () => {
    for (const text of SPECIAL_NETWORKS) assert.equal(isSpecialNetwork(parseCidr(text)), true, text);
    for (const text of [
      '0.0.0.0/0',
      '8.0.0.0/6',
      '172.0.0.0/8',
      '192.0.0.0/8',
      '::/0',
      '2000::/3',
      '2001::/16',
      'f000::/4',
    ])
      assert.equal(isSpecialNetwork(parseCidr(text)), false, text);
  });
});

describe("Python's ipaddress", () => {
  const explained = STRICTER.map(([block, why]) => {
    const [base = '', prefix] = block.split('/');
    const list = new BlockList();
    list.addSubnet(base, Number(prefix), family(base));
    return { block, why, list };
  });
  const exact = new Set(['global', 'unspecified', 'loopback', 'multicast', 'link-local']);
  const addresses = Object.entries(fixture.addresses);
  const differing = addresses.filter(([address, verdict]) =>
    exact.has(verdict) ? classify(address) !== verdict : classify(address) === 'global',
  );

  it('has judged some thousand addresses', () => {
    assert.ok(addresses.length >= 2000, `${addresses.length}`);
    assert.ok(addresses.filter(([, verdict]) => verdict === 'global').length >= 500);
    assert.ok(addresses.filter(([, verdict]) => verdict !== 'global').length >= 500);
  });

  it('never denies what the guard allows', () => {
    const laxer = addresses.filter(
      ([address, verdict]) => verdict !== 'global' && denial(strict, address) === undefined,
    );
    assert.deepEqual(laxer, []);
  });

  it('agrees wherever no difference is explained', () => {
    const surprises = differing.filter(([address]) => {
      // BlockList takes IPv4 rules for IPv4-mapped addresses as well: only IPv6 rules are asked about those.
      return !explained.some(
        ({ block, list }) =>
          family(block.split('/')[0]!) === family(address) && list.check(address, family(address)),
      );
    });
    assert.deepEqual(surprises, []);
  });

  it('differs in every block that is explained', () => {
    for (const { block, why, list } of explained) {
      assert.ok(
        differing.some(([address]) => list.check(address, family(address))),
        `${block} (${why}) explains nothing`,
      );
    }
  });
});

describe('the guard', () => {
  it('denies special addresses and says what they are', () => {
    assert.equal(denial(strict, '127.0.0.1'), 'the target is a loopback address');
    assert.equal(denial(strict, '::ffff:10.0.0.1'), 'the target is a private address');
    assert.equal(denial(strict, '169.254.169.254'), 'the target is a cloud metadata address');
    assert.equal(denial(strict, 'ff02::1'), 'the target is a multicast address');
    assert.throws(() => strict.check('::1', 80), { name: 'ProxyError', code: 'TARGET_DENIED' });
  });

  it('lets exactly the global addresses through', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
        assert.equal(denial(strict, address) === undefined, classify(address) === 'global');
      }),
    );
  });

  it('fails closed on what is no address', () => {
    for (const text of ['', 'example.com', 'localhost', '127.1', '0x7f000001', 'fe80::1%lo']) {
      for (const guard of [strict, open])
        assert.equal(denial(guard, text), 'the target is not an IP address', text);
    }
  });

  it('lets private addresses through when told to', () => {
    const local = [
      '127.0.0.1',
      '::1',
      '10.1.2.3',
      '192.168.1.1',
      '169.254.1.1',
      'fe80::1',
      'fd12::1',
      '100.64.0.1',
      '192.0.2.1',
    ];
    for (const address of [
      ...local,
      '198.18.0.1',
      '240.0.0.1',
      '2001:db8::1',
      '64:ff9b::7f00:1',
      '::ffff:127.0.0.1',
      '8.8.8.8',
    ]) {
      assert.equal(denial(open, address), undefined, address);
    }
  });

  it('never lets unspecified, multicast, broadcast and metadata addresses through', () => {
    const never = [
      '0.0.0.0',
      '0.1.2.3',
      '::',
      '224.0.0.1',
      'ff02::1',
      '255.255.255.255',
      '169.254.169.254',
      'fd00:ec2::254',
    ];
    for (const address of [
      ...never,
      '::ffff:0.0.0.0',
      '64:ff9b::',
      '2002:e000:1::',
      '::ffff:169.254.169.254',
      '100.100.100.200',
    ]) {
      for (const guard of [strict, open]) assert.notEqual(denial(guard, address), undefined, address);
    }
  });

  it('refuses ports that are none', () => {
    for (const port of [0, -1, 65_536, 1.5, Number.NaN]) {
      assert.throws(() => open.check('8.8.8.8', port), { code: 'BAD_TARGET' }, String(port));
    }
    assert.equal(denial(strict, '8.8.8.8', 1), undefined);
    assert.equal(denial(strict, '8.8.8.8', 65_535), undefined);
  });

  it('denies the names of this host before they are resolved', () => {
    for (const name of ['localhost', 'a.localhost', 'a.b.localhost']) {
      assert.throws(() => strict.checkName(name), { code: 'TARGET_DENIED' }, name);
      open.checkName(name);
    }
    for (const name of ['localhost.example.com', 'notlocalhost', 'mylocalhost', 'example.com'])
      strict.checkName(name);
  });
});

describe('our own listeners', () => {
  const own = [
    { address: '127.0.0.1', port: 1080 },
    { address: '198.51.100.7', port: 1080 },
    { address: '8.8.4.4', port: 8080 },
    { address: '2001:DB8:0::7', port: 1080 },
  ];
  const ITSELF = 'the target is this proxy itself';

  it('are never a target, in no spelling', () => {
    const guard = buildGuard({ allowPrivate: true, own });
    const spellings = [
      '127.0.0.1',
      '::ffff:127.0.0.1',
      '::ffff:7f00:1',
      '198.51.100.7',
      '64:ff9b::c633:6407',
      '2001:db8::7',
      '2001:0db8::0007',
    ];
    for (const address of spellings) assert.equal(denial(guard, address, 1080), ITSELF, address);
    assert.equal(denial(buildGuard({ allowPrivate: false, own }), '8.8.4.4', 8080), ITSELF);
  });

  it('leave other ports and other addresses alone', () => {
    const guard = buildGuard({ allowPrivate: true, own });
    for (const address of ['127.0.0.2', '::1', '198.51.100.8', '2001:db8::8', '8.8.4.4']) {
      assert.equal(denial(guard, address, 1080), undefined, address);
    }
    assert.equal(denial(guard, '127.0.0.1', 8080), undefined);
    assert.equal(denial(guard, '8.8.4.4', 443), undefined);
  });

  it('on a wildcard are every loopback address, and every address of this host', () => {
    for (const address of ['0.0.0.0', '::']) {
      const asked: string[] = [];
      const isLocal = (address: string): boolean => asked.push(address) > 0 && address === '192.0.2.10';
      const guard = buildGuard({ allowPrivate: true, own: [{ address, port: 1080 }], isLocal });
      for (const target of [
        '127.0.0.1',
        '127.9.9.9',
        '::1',
        '::ffff:127.0.0.1',
        '192.0.2.10',
        '::ffff:192.0.2.10',
      ]) {
        assert.equal(denial(guard, target, 1080), ITSELF, target);
      }
      assert.equal(denial(guard, '192.0.2.11', 1080), undefined);
      assert.deepEqual(asked, ['192.0.2.10', '192.0.2.10', '192.0.2.11']);
      assert.equal(denial(guard, '192.0.2.10', 1081), undefined);
      assert.equal(asked.length, 3, 'addresses of this host are asked for on the port of a wildcard only');
    }
  });

  it('must be given as addresses', () => {
    assert.throws(
      () => buildGuard({ allowPrivate: true, own: [{ address: 'localhost', port: 1 }] }),
      TypeError,
    );
  });
});
