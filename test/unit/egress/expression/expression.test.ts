import assert from 'node:assert/strict';
import type { NetworkInterfaceInfo } from 'node:os';
import { suite, test } from 'node:test';
import { parsePool, PoolError, poolRanges } from '../../../../src/egress/expression/expression.ts';
import { count, expand } from '../../../../src/egress/pool/ranges.ts';

const address = (text: string): NetworkInterfaceInfo =>
  text.includes(':')
    ? { address: text, family: 'IPv6', netmask: 'ffff::', mac: '', internal: false, cidr: null, scopeid: 0 }
    : { address: text, family: 'IPv4', netmask: '255.0.0.0', mac: '', internal: false, cidr: null };

const HOST: NodeJS.Dict<NetworkInterfaceInfo[]> = {
  lo: ['127.0.0.1', '198.51.100.1', '::1'].map(address),
  eth0: ['192.0.2.7', '192.0.2.8', 'fe80::1', '2001:db8::7', '192.0.2.7', 'febf::9'].map(address),
  'eth0.100': ['127.0.0.9', '::1', 'fe80::2'].map(address),
  wlan0: [],
};

const addresses = (terms: readonly string[], limit = 5000): string[] => [
  ...expand(poolRanges(parsePool(terms), HOST), limit),
];

suite('good pool expressions', () => {
  const good: readonly (readonly [terms: string | readonly string[], expected: readonly string[]])[] = [
    ['192.0.2.10', ['192.0.2.10']],
    ['192.0.2.254-192.0.3.1', ['192.0.2.254', '192.0.2.255', '192.0.3.0', '192.0.3.1']],
    ['192.0.2.4-192.0.2.4', ['192.0.2.4']],
    ['192.0.2.0/30', ['192.0.2.0', '192.0.2.1', '192.0.2.2', '192.0.2.3']],
    ['192.0.2.9/32', ['192.0.2.9']],
    ['2001:db8:1::/126', ['2001:db8:1::', '2001:db8:1::1', '2001:db8:1::2', '2001:db8:1::3']],
    ['2001:db8::ffff-2001:db8::1:1', ['2001:db8::ffff', '2001:db8::1:0', '2001:db8::1:1']],
    ['2001:0DB8:0:0::000A', ['2001:db8::a']],
    ['dead:beef::1', ['dead:beef::1']],
    ['1:2:3:4:5:6:7::', ['1:2:3:4:5:6:7:0']],
    ['127.0.0.2-127.0.0.3', ['127.0.0.2', '127.0.0.3']],
    ['::1', ['::1']],
    [' 192.0.2.2 ,192.0.2.1', ['192.0.2.2', '192.0.2.1']],
    [
      ['192.0.2.9', '192.0.2.1,2001:db8::1', '192.0.2.5'],
      ['192.0.2.9', '192.0.2.1', '2001:db8::1', '192.0.2.5'],
    ],
    ['192.0.2.0/29,!192.0.2.2-192.0.2.6', ['192.0.2.0', '192.0.2.1', '192.0.2.7']],
    ['!192.0.2.0, 192.0.2.0/31', ['192.0.2.1']],
    ['! 192.0.2.0,192.0.2.0/31', ['192.0.2.1']],
    ['192.0.2.0/31,192.0.2.4/31,!192.0.2.1-192.0.2.4', ['192.0.2.0', '192.0.2.5']],
    ['192.0.2.0/30,!192.0.2.0/24', []],
    ['2001:db8::/127,192.0.2.1,!2001:db8::', ['2001:db8::1', '192.0.2.1']],
    ['interface:eth0', ['192.0.2.7', '192.0.2.8', '2001:db8::7']],
    ['interface:lo', ['127.0.0.1', '198.51.100.1', '::1']],
    ['interface:eth0.100', []],
    ['interface:wlan0', []],
    ['interface:eth0,!192.0.2.8', ['192.0.2.7', '2001:db8::7']],
    ['192.0.2.6-192.0.2.9,!interface:eth0', ['192.0.2.6', '192.0.2.9']],
    ['192.0.2.7-192.0.2.9,!interface:eth0,!192.0.2.7', ['192.0.2.9']],
    // An exclusion may reach over addresses that could not be in the pool themselves.
    ['::1-::3,!::/127', ['::2', '::3']],
    ['192.0.2.1,!interface:wlan0', ['192.0.2.1']],
    ['interface:wlan0,!192.0.2.200', []],
  ];
  for (const [terms, expected] of good) {
    test(JSON.stringify(terms), () => {
      assert.deepEqual(addresses(typeof terms === 'string' ? [terms] : terms), expected);
    });
  }

  test('an empty list is an empty pool', () => {
    assert.deepEqual(poolRanges(parsePool([]), HOST), []);
  });

  test('terms keep their text, and parsing looks at no host', () => {
    assert.deepEqual(parsePool(['!interface:no such, 192.0.2.0/31']), [
      {
        kind: 'interface',
        text: '!interface:no such',
        excluded: true,
        weight: 1,
        tags: [],
        name: 'no such',
        refreshMs: undefined,
      },
      {
        kind: 'span',
        text: '192.0.2.0/31',
        excluded: false,
        weight: 1,
        tags: [],
        family: 4,
        first: 0xc0000200n,
        last: 0xc0000201n,
      },
    ]);
  });

  test('a prefix larger than 65,536 addresses stays whole when something is excluded', () => {
    const ranges = poolRanges(
      parsePool(['2001:db8::/64,!2001:db8::/65,!2001:db8::8000:0:0:1,192.0.2.1']),
      HOST,
    );
    assert.equal(ranges.length, 2);
    assert.equal(ranges[0]?.holes.length, 2);
    assert.equal(count(ranges), 2n ** 63n - 1n + 1n);
  });
});

suite('refused pool expressions', () => {
  type Bad = readonly [expression: string, term: string, message: string, hint?: string];
  const syntax: readonly Bad[] = [
    ['', '', 'empty term'],
    ['192.0.2.1,', '', 'empty term'],
    ['192.0.2.1,,192.0.2.2', '', 'empty term'],
    ['!', '!', 'empty term'],
    ['!!192.0.2.1', '!!192.0.2.1', 'excludes twice', '!192.0.2.1'],
    ['010.0.0.0/8', '010.0.0.0/8', 'leading zeros'],
    ['10.0.0.01', '10.0.0.01', 'leading zeros'],
    ['10.0.0.1-10.0.0.09', '10.0.0.1-10.0.0.09', 'leading zeros'],
    ['192.0.2.1/28', '192.0.2.1/28', 'host bits', '192.0.2.0/28 or the single address 192.0.2.1?'],
    ['2001:db8::1/64', '2001:db8::1/64', 'host bits', '2001:db8::/64 or the single address 2001:db8::1?'],
    ['!192.0.2.1/28', '192.0.2.1/28', 'host bits', '192.0.2.0/28'],
    ['192.0.2.9-192.0.2.1', '192.0.2.9-192.0.2.1', 'reversed', '192.0.2.1-192.0.2.9'],
    ['2001:db8::2-2001:db8::1', '2001:db8::2-2001:db8::1', 'reversed'],
    ['192.0.2.1-2001:db8::1', '192.0.2.1-2001:db8::1', 'mixes IPv4 and IPv6'],
    ['2001:db8::1-192.0.2.1', '2001:db8::1-192.0.2.1', 'mixes IPv4 and IPv6'],
    ['192.0.2.1-9', '192.0.2.1-9', 'only a part', '192.0.2.1-192.0.2.9'],
    ['192.0.2.1-', '192.0.2.1-', 'not a range'],
    ['-192.0.2.1', '-192.0.2.1', 'not a range'],
    ['192.0.2.1-192.0.2.2-192.0.2.3', '192.0.2.1-192.0.2.2-192.0.2.3', 'not a range'],
    ['192.0.2.0/30-192.0.2.9', '192.0.2.0/30-192.0.2.9', 'not a range'],
    ['fe80::1%eth0', 'fe80::1%eth0', 'zone id'],
    ['2001:db8::1%1', '2001:db8::1%1', 'zone id'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1', 'IPv4-mapped', '192.0.2.1'],
    ['::FFFF:c000:201', '::FFFF:c000:201', 'IPv4-mapped', '192.0.2.1'],
    ['::ffff:10.0.0.0/104', '::ffff:10.0.0.0/104', 'IPv4-mapped'],
    ['!::ffff:192.0.2.1', '::ffff:192.0.2.1', 'IPv4-mapped'],
    ['64:ff9b::192.0.2.1', '64:ff9b::192.0.2.1', 'hexadecimal'],
    ['10.0.0.0/33', '10.0.0.0/33', 'from 0 to 32'],
    ['2001:db8::/129', '2001:db8::/129', 'from 0 to 128'],
    ['10.0.0.0/08', '10.0.0.0/08', 'prefix length'],
    ['10.0.0.0/-1', '10.0.0.0/-1', 'not a range'],
    ['10.0.0.0/', '10.0.0.0/', 'prefix length'],
    ['10.0.0.0/8/8', '10.0.0.0/8/8', 'prefix length'],
    ['10.0.0.0/255.0.0.0', '10.0.0.0/255.0.0.0', 'prefix length'],
    ['192.0.2.1,192.0.2.1', '192.0.2.1', 'twice'],
    ['interface:wlan0,interface:wlan0', 'interface:wlan0', 'twice'],
    ['0.0.0.0', '0.0.0.0', 'unspecified'],
    ['0.0.0.0/0', '0.0.0.0/0', 'unspecified'],
    ['::', '::', 'unspecified'],
    ['::/0', '::/0', 'unspecified'],
    ['::fffe:0:0-::1:0:0:0', '::fffe:0:0-::1:0:0:0', 'IPv4-mapped'],
    ['224.0.0.1', '224.0.0.1', 'multicast'],
    ['223.255.255.255-224.0.0.0', '223.255.255.255-224.0.0.0', 'multicast'],
    ['239.255.255.255', '239.255.255.255', 'multicast'],
    ['255.255.255.255', '255.255.255.255', 'broadcast'],
    ['240.0.0.0/4', '240.0.0.0/4', 'broadcast'],
    ['fe80::1', 'fe80::1', 'link-local'],
    ['febf:ffff::1', 'febf:ffff::1', 'link-local'],
    ['ff02::1', 'ff02::1', 'multicast'],
    ['socks5://u:secret@192.0.2.1:1080', 'socks5:', 'not supported'],
    ['user:secret@192.0.2.1', 'user:', 'not supported'],
    ['face:secret@192.0.2.1', '192.0.2.1', 'not an IP address'],
    ['Interface:eth0', 'Interface:', 'not supported', 'interface:NAME'],
    ['interface:', 'interface:', 'names no interface', 'interface:eth0'],
    ['eth0', 'eth0', 'not an IP address', 'interface:eth0'],
    ['example.com', 'example.com', 'not an IP address'],
    ['[2001:db8::1]', '[2001:db8::1]', 'brackets'],
    ['192.0.2.1:80', '192.0.2.1:80', 'port'],
    ['192.0.2.1 192.0.2.2', '192.0.2.1 192.0.2.2', 'space', 'commas'],
    ['192.0.2', '192.0.2', 'not an IP address'],
    ['192.0.2.256', '192.0.2.256', 'not an IP address'],
    ['2130706433', '2130706433', 'not an IP address'],
    ['0x7f.0.0.1', '0x7f.0.0.1', 'not an IP address'],
    ['٣.0.0.1', '٣.0.0.1', 'not an IP address'],
    ['192.0.2.1\0', '192.0.2.1\0', 'not an IP address'],
    ['2001:db8:::1', '2001:db8:::1', 'not an IP address'],
    ['2001:db8::1::2', '2001:db8::1::2', 'not an IP address'],
    ['1:2:3:4:5:6:7', '1:2:3:4:5:6:7', 'not an IP address'],
  ];
  const meaning: readonly Bad[] = [
    ['192.0.2.0/28,192.0.2.8', '192.0.2.8', '"192.0.2.8" overlaps "192.0.2.0/28"'],
    ['192.0.2.8,192.0.2.0/28', '192.0.2.0/28', '"192.0.2.0/28" overlaps "192.0.2.8"'],
    ['192.0.2.8,192.0.2.8/32', '192.0.2.8/32', '"192.0.2.8/32" overlaps "192.0.2.8"'],
    ['2001:db8::1,2001:DB8::1', '2001:DB8::1', 'overlaps "2001:db8::1"'],
    [
      '192.0.2.1-192.0.2.5,10.0.0.1,192.0.2.5-192.0.2.9',
      '192.0.2.5-192.0.2.9',
      'overlaps "192.0.2.1-192.0.2.5"',
    ],
    ['192.0.2.7,interface:eth0', 'interface:eth0', 'overlaps "192.0.2.7"'],
    ['192.0.2.0/28,!192.0.2.0/30,!192.0.2.1', '!192.0.2.1', 'overlaps "!192.0.2.0/30"'],
    ['192.0.2.0/28,!192.0.2.16', '!192.0.2.16', 'removes nothing'],
    ['192.0.2.0/28,!2001:db8::1', '!2001:db8::1', 'removes nothing'],
    ['!192.0.2.1', '!192.0.2.1', 'removes nothing'],
    ['192.0.2.1,!interface:lo', '!interface:lo', 'removes nothing'],
    ['interface:eth0,!192.0.2.9', '!192.0.2.9', 'removes nothing'],
    [
      'interface:eth1',
      'interface:eth1',
      'no interface "eth1"',
      'lo, eth0, eth0.100, wlan0; did you mean interface:eth0?',
    ],
    [
      '!interface:br-lan',
      '!interface:br-lan',
      'no interface "br-lan"',
      'there are lo, eth0, eth0.100, wlan0',
    ],
    ['interface:constructor', 'interface:constructor', 'no interface'],
    ['interface:__proto__', 'interface:__proto__', 'no interface'],
  ];

  const refuse = (run: () => unknown, [, term, message, hint]: Bad): void => {
    assert.throws(run, (error: unknown) => {
      assert.ok(error instanceof PoolError, String(error));
      assert.equal(error.term, term);
      assert.ok(error.message.includes(message), error.message);
      assert.doesNotMatch(`${error.message} ${error.hint ?? ''}`, /secret|undefined|\n/);
      assert.ok(hint === undefined || error.hint?.includes(hint) === true, String(error.hint));
      return true;
    });
  };
  for (const bad of syntax) test(JSON.stringify(bad[0]), () => refuse(() => parsePool([bad[0]]), bad));
  for (const bad of meaning) {
    test(bad[0], () => {
      const terms = parsePool([bad[0]]);
      refuse(() => poolRanges(terms, HOST), bad);
    });
  }

  test('a host without interfaces is told so', () => {
    refuse(
      () => poolRanges(parsePool(['interface:eth0']), {}),
      ['', 'interface:eth0', 'no interface', 'none'],
    );
  });

  test('an absurdly long term is cut in the message and whole in .term', () => {
    const long = '1'.repeat(10_000);
    assert.throws(
      () => parsePool([long]),
      (error: unknown) => error instanceof PoolError && error.message.length < 200 && error.term === long,
    );
  });

  test('more than 1,024 blocks are too many', () => {
    const prefixes = Array.from({ length: 1025 }, (_, index) => `2001:db8:${index.toString(16)}::/48`);
    assert.equal(poolRanges(parsePool(prefixes.slice(1)), HOST).length, 1024);
    refuse(() => poolRanges(parsePool(prefixes), HOST), ['', '2001:db8:400::/48', 'too many prefixes']);
  });
});
