import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { buildGuard, type Guard } from '../../../src/policy/guard.ts';
import { OwnAddresses } from '../../../src/policy/own-addresses.ts';

function denial(guard: Guard, address: string, port = 443, explicit?: boolean): string | undefined {
  try {
    guard.check(address, port, explicit);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

const ITSELF = 'the target is this proxy itself';
const THIS_HOST = 'the target is an address of this host';

describe('public addresses of this host', () => {
  const isLocal = (address: string): boolean => ['8.8.4.4', '2606:4700::7'].includes(address);
  const own = [
    { address: '::', port: 1080 },
    { address: '8.8.4.4', port: 9090 },
  ];
  const guard = buildGuard({ allowPrivate: false, own, isLocal });

  it('are denied on every port, in every form', () => {
    for (const address of [
      '8.8.4.4',
      '::ffff:8.8.4.4',
      '::ffff:808:404',
      '64:ff9b::808:404',
      '2606:4700::7',
      '2606:4700:0::0007',
    ])
      for (const port of [1, 22, 443, 65_535]) assert.equal(denial(guard, address, port), THIS_HOST, address);
    assert.equal(denial(guard, '8.8.4.5'), undefined);
    assert.equal(denial(guard, '2606:4700::8'), undefined);
  });

  it('are allowed when private ones are, or when a rule means them', () => {
    assert.equal(denial(buildGuard({ allowPrivate: true, own, isLocal }), '8.8.4.4', 443), undefined);
    assert.equal(denial(guard, '8.8.4.4', 443, true), undefined);
  });

  it('are never allowed where this proxy itself listens', () => {
    const open = buildGuard({ allowPrivate: true, own, isLocal });
    for (const [address, port] of [
      ['8.8.4.4', 1080],
      ['8.8.4.4', 9090],
      ['2606:4700::7', 1080],
      ['127.0.0.1', 1080],
      ['::1', 1080],
    ] as const) {
      // prettier-ignore
      assert.equal(denial(guard, address, port, true), ITSELF, `${address} ${port}`);
      assert.equal(denial(open, address, port, true), ITSELF, `${address} ${port}`);
    }
  });
});

describe('what a rule means', () => {
  const guard = buildGuard({ allowPrivate: false, own: [] });

  it('is let through where only private addresses are denied', () => {
    for (const address of [
      '10.0.0.1',
      '127.0.0.1',
      '::1',
      'fd00::1',
      '169.254.1.1',
      '100.64.0.1',
      '64:ff9b::10.0.0.1',
    ]) {
      assert.notEqual(denial(guard, address), undefined, address);
      assert.equal(denial(guard, address, 443, true), undefined, address);
      assert.notEqual(denial(guard, address, 443, false), undefined, address);
    }
  });

  it('is still denied where nothing can be meant', () => {
    for (const address of [
      '0.0.0.0',
      '::',
      '224.0.0.1',
      'ff02::1',
      '255.255.255.255',
      '169.254.169.254',
      'fd00:ec2::254',
      '::ffff:169.254.169.254',
      '64:ff9b::a9fe:a9fe',
      'example.com',
    ])
      assert.notEqual(denial(guard, address, 443, true), undefined, address);
    assert.throws(() => guard.check('10.0.0.1', 0, true), { code: 'BAD_TARGET' });
  });
});

const FIB_TRIE = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.0
           /8 host LOCAL
     |-- 198.51.100.0
        /24 host LOCAL
     +-- 203.0.113.0/24 2 0 2
        |-- 203.0.113.0
           /24 link UNICAST
        |-- 203.0.113.9
           /32 host LOCAL
        |-- 203.0.113.255
           /32 link BROADCAST
`;
const route = (destination: string, prefix: string, flags: string, device: string): string =>
  `${destination} ${prefix} ${'0'.repeat(32)} 00 ${'0'.repeat(32)} 00000400 00000002 00000000 ${flags} ${device.padStart(8)}\n`;
const IPV6_ROUTE = [
  route('20010db8000100000000000000000000', '40', '00000001', 'eth0'),
  route('00000000000000000000000000000000', '00', '00000003', 'eth0'),
  route('00000000000000000000000000000001', '80', '80200001', 'lo'),
  route('20010db8000100000000000000000005', '80', '80200001', 'eth0'),
  route('20010db8000200000000000000000000', '40', '80000001', 'lo'),
  route('20010db8000100000000000000000000', '80', '00300001', 'eth0'),
].join('');

describe('addresses of this host', () => {
  const inFolder = async (run: (files: readonly [string, string]) => Promise<void>): Promise<void> => {
    const folder = mkdtempSync(join(tmpdir(), 'gyre-routes-'));
    try {
      await run([join(folder, 'fib_trie'), join(folder, 'ipv6_route')]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  };

  it('are those of the routes to this host, networks included', () =>
    inFolder(async (files) => {
      writeFileSync(files[0], FIB_TRIE);
      writeFileSync(files[1], IPV6_ROUTE);
      using own = await OwnAddresses.watch({ files });
      for (const address of [
        '127.0.0.1',
        '127.9.9.9',
        '198.51.100.0',
        '198.51.100.77',
        '203.0.113.9',
        '::1',
        '2001:db8:1::5',
        '2001:db8:1::',
        '2001:db8:2::',
        '2001:db8:2::ffff',
      ])
        assert.equal(own.has(address), true, address);
      for (const address of [
        '203.0.113.8',
        '203.0.113.0',
        '203.0.113.255',
        '198.51.101.0',
        '8.8.8.8',
        '0.0.0.0',
        '::',
        '2001:db8:1::6',
        '2001:db8:3::',
        '2606:4700::1',
        '',
        'localhost',
      ])
        assert.equal(own.has(address), false, address);
    }));

  it('are looked at again and again', () =>
    inFolder(async (files) => {
      writeFileSync(files[0], '');
      writeFileSync(files[1], '');
      using own = await OwnAddresses.watch({ files, intervalMs: 1 });
      assert.equal(own.has('203.0.113.9'), false);
      writeFileSync(files[0], FIB_TRIE);
      await until(() => own.has('203.0.113.9'));
      writeFileSync(files[0], FIB_TRIE.replace('203.0.113.9', '203.0.113.7'));
      await until(() => own.has('203.0.113.7'));
      assert.equal(own.has('203.0.113.9'), false);
    }));

  it('are those of the interfaces where there are no such files', async () => {
    const entry = { netmask: '', mac: '', internal: false, cidr: null };
    const interfaces = () => ({
      eth0: [
        { ...entry, address: '203.0.113.9', family: 'IPv4' as const },
        { ...entry, address: '2001:db8::5', family: 'IPv6' as const, scopeid: 0 },
      ],
      eth1: undefined,
    });
    using own = await OwnAddresses.watch({ files: ['/nonexistent/a', '/nonexistent/b'], interfaces });
    assert.equal(own.has('203.0.113.9'), true);
    assert.equal(own.has('2001:db8::5'), true);
    assert.equal(own.has('203.0.113.8'), false);
  });

  it('are found on this host', async () => {
    using own = await OwnAddresses.watch();
    const addresses = Object.values(networkInterfaces()).flatMap((entries = []) =>
      entries.map(({ address }) => address),
    );
    assert.ok(addresses.length > 0);
    for (const address of addresses) assert.equal(own.has(address), true, address);
    assert.equal(own.has('192.0.2.213'), addresses.includes('192.0.2.213'));
  });
});

/** The timer of the look keeps no process alive; this one does. */
async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    assert.ok(performance.now() < deadline, 'still not so after 10 s');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
