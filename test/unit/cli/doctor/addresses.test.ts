/** The checks about addresses, each on recorded hosts. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ADDRESSES } from '../../../../src/cli/doctor/addresses.ts';
import type { Check } from '../../../../src/cli/doctor/finding.ts';
import { addressValue, deviceFor } from '../../../../src/cli/doctor/interfaces.ts';
import { LocalRoutes } from '../../../../src/cli/doctor/local-routes.ts';
import { NEIGHBOURS } from '../../../../src/cli/doctor/neighbours.ts';
import { NONLOCAL_BIND } from '../../../../src/cli/doctor/nonlocal-bind.ts';
import { prefixesOf } from '../../../../src/cli/doctor/repair.ts';
import { ROUTES } from '../../../../src/cli/doctor/routes.ts';
import { RP_FILTER } from '../../../../src/cli/doctor/rp-filter.ts';
import { inLines, RecordedHost, type Host } from '../../../support/patient.ts';

async function lines(check: Check, host: Host): Promise<string[]> {
  using recorded = new RecordedHost(host);
  return inLines(await check.examine(recorded.patient));
}

const ETH0 = ['lo 127.0.0.1/8', 'eth0 192.0.2.2/24', 'eth0 2001:db8:1::2/64'];
const FIB = `Main:
  +-- 0.0.0.0/0 3 0 5
     +-- 127.0.0.0/8 2 0 2
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
     +-- 192.0.2.0/24 2 0 2
           |-- 192.0.2.0
              /24 link UNICAST
           |-- 192.0.2.2
              /32 host LOCAL
     |-- 198.51.100.16
        /28 host LOCAL
`;
/** A local route, the network of eth0 with an address of it, and the default route. */
const ROUTES_6 = `\
20010db8000a00000000000000000000 40 ${'0'.repeat(32)} 00 ${'0'.repeat(32)} 00000400 00000001 00000000 80200001       lo
20010db8000100000000000000000000 40 ${'0'.repeat(32)} 00 ${'0'.repeat(32)} 00000100 00000001 00000000 00000001     eth0
20010db8000100000000000000000002 80 ${'0'.repeat(32)} 00 ${'0'.repeat(32)} 00000000 00000003 00000000 80200001     eth0
${'0'.repeat(32)} 00 ${'0'.repeat(32)} 00 fe800000000000000000000000000001 00000400 00000003 00000000 00000003     eth0
`;
const FILES = { '/proc/net/fib_trie': FIB, '/proc/net/ipv6_route': ROUTES_6 };
const NONLOCAL = '/proc/sys/net/ipv6/ip_nonlocal_bind';

suite('addresses', () => {
  test('that can be bound are fine', async () => {
    assert.deepEqual(await lines(ADDRESSES, { pool: ['127.0.0.2'] }), [
      'ok: 1 address of the pools tried: each can be bound',
    ]);
  });

  test('one that is missing is added to the interface whose network it is of', async () => {
    const host = {
      interfaces: ['wlan0 10.0.0.2/8', ...ETH0],
      pool: ['192.0.2.9'],
      unbindable: ['192.0.2.9'],
    };
    assert.deepEqual(await lines(ADDRESSES, host), [
      'fail: 192.0.2.9 cannot be bound: this host does not have it',
      '  ip addr add 192.0.2.9/32 dev eth0',
    ]);
  });

  test('a prefix gets the route that is missing, IPv6 the setting too unless it is there', async () => {
    const pool = ['198.51.100.32/28', '2001:db8:b::/64'];
    const unbindable = ['198.51.100.32', '198.51.100.47', '2001:db8:b::', '2001:db8:b::1'];
    const host = { interfaces: ETH0, pool, unbindable, files: { ...FILES, [NONLOCAL]: '0\n' } };
    const routes = [
      '  ip route add local 198.51.100.32/28 dev lo',
      '  ip -6 route add local 2001:db8:b::/64 dev lo',
    ];
    const [, ...commands] = await lines(ADDRESSES, host);
    assert.deepEqual(commands, [...routes, '  sysctl -w net.ipv6.ip_nonlocal_bind=1']);
    const [, ...fewer] = await lines(ADDRESSES, { ...host, files: { ...FILES, [NONLOCAL]: '1\n' } });
    assert.deepEqual(fewer, routes);
  });

  test('an IPv6 prefix that has its route wants the setting alone', async () => {
    const host = { pool: ['2001:db8:a::/64'], unbindable: ['2001:db8:a::', '2001:db8:a::1'], files: FILES };
    const [, ...commands] = await lines(ADDRESSES, host);
    assert.deepEqual(commands, ['  sysctl -w net.ipv6.ip_nonlocal_bind=1']);
  });

  test('many single ones are added in lines that can be run as they are', async () => {
    const odd = Array.from({ length: 10 }, (_, i) => `192.0.2.${101 + 2 * i}`);
    const [, ...commands] = await lines(ADDRESSES, { interfaces: ETH0, pool: odd, unbindable: odd });
    assert.equal(commands.length, 10);
    const three = ['192.0.2.101', '192.0.2.102', '192.0.2.103'];
    const [, ...loop] = await lines(ADDRESSES, {
      interfaces: ETH0,
      pool: ['192.0.2.101-192.0.2.103'],
      unbindable: three,
    });
    assert.deepEqual(loop, [`  for a in ${three.join(' ')}; do ip addr add $a/32 dev eth0; done`]);
  });
});

suite('routes', () => {
  test('local ones of both families are understood', async () => {
    const pool = ['192.0.2.2', '198.51.100.16/28', '127.0.0.0/8', '2001:db8:a::/64', '2001:db8:1::2'];
    assert.deepEqual(await lines(ROUTES, { pool, files: FILES }), [
      'ok: packets to the addresses of the pools are delivered on this host',
    ]);
  });

  test('that are missing lose the answers to connections', async () => {
    const pool = ['198.51.100.0/27', '2001:db8:1::/64'];
    assert.deepEqual(await lines(ROUTES, { pool, files: FILES }), [
      'fail: connections can leave from 198.51.100.0/27, 2001:db8:1::/64, but answers would not come in: there is no local route',
      '  ip route add local 198.51.100.0/27 dev lo',
      '  ip -6 route add local 2001:db8:1::/64 dev lo',
    ]);
  });

  test('nothing is said of what cannot be bound anyway', async () => {
    assert.deepEqual(
      await lines(ROUTES, { pool: ['192.0.2.9'], unbindable: ['192.0.2.9'], files: FILES }),
      [],
    );
  });

  test('what of a span is not covered', () => {
    const routes = new LocalRoutes(
      [
        { first: 10n, last: 20n },
        { first: 15n, last: 30n },
      ],
      [],
    );
    assert.deepEqual(routes.missing(4, { first: 5n, last: 35n }), [
      { first: 5n, last: 9n },
      { first: 31n, last: 35n },
    ]);
    assert.deepEqual(routes.missing(4, { first: 12n, last: 28n }), []);
    assert.deepEqual(routes.missing(6, { first: 1n, last: 1n }), [{ first: 1n, last: 1n }]);
  });

  test('spans as prefixes', () => {
    const at = (text: string): bigint => addressValue(text)!;
    assert.deepEqual(prefixesOf(4, { first: at('192.0.2.1'), last: at('192.0.2.6') }), [
      '192.0.2.1/32',
      '192.0.2.2/31',
      '192.0.2.4/31',
      '192.0.2.6/32',
    ]);
    assert.deepEqual(prefixesOf(4, { first: 0n, last: 2n ** 32n - 1n }), ['0.0.0.0/0']);
    assert.deepEqual(prefixesOf(6, { first: at('2001:db8::'), last: at('2001:db8::ffff') }), [
      '2001:db8::/112',
    ]);
  });
});

suite('net.ipv6.ip_nonlocal_bind', () => {
  test('matters for addresses that are on no interface', async () => {
    assert.deepEqual(await lines(NONLOCAL_BIND, { interfaces: ETH0, pool: ['192.0.2.0/24'] }), []);
    assert.deepEqual(await lines(NONLOCAL_BIND, { interfaces: ETH0, pool: ['2001:db8:1::2'] }), []);
    const host = { interfaces: ETH0, pool: ['2001:db8:a::/64'] };
    assert.match((await lines(NONLOCAL_BIND, { ...host, files: { [NONLOCAL]: '1' } })).join(), /^ok: /);
    assert.deepEqual((await lines(NONLOCAL_BIND, { ...host, files: { [NONLOCAL]: '0' } })).slice(1), [
      '  sysctl -w net.ipv6.ip_nonlocal_bind=1',
    ]);
  });
});

suite('neighbours', () => {
  test('a prefix that is routed here needs nothing', async () => {
    assert.match(
      (await lines(NEIGHBOURS, { interfaces: ETH0, pool: ['2001:db8:a::/64'], files: FILES })).join(),
      /^ok: /,
    );
  });

  test('one on the link is found by nobody, unless a daemon answers', async () => {
    const host = { interfaces: ETH0, pool: ['2001:db8:1::/64'], files: FILES };
    const [message, fix] = await lines(NEIGHBOURS, host);
    assert.match(message!, /^warn: 2001:db8:1::\/64 is on the link of eth0: routers ask .* ndppd$/);
    assert.match(fix!, /^ {2}apt-get install ndppd && printf 'proxy eth0 \{\\n {2}rule 2001:db8:1::\/64 /);
    const files = { ...FILES, '/proc/77/comm': 'ndppd\n' };
    assert.match(
      (await lines(NEIGHBOURS, { ...host, files })).join(),
      /^ok: ndppd answers for 2001:db8:1::\/64/,
    );
  });

  test('a single address on the link is added to it, one of the interface nothing', async () => {
    assert.deepEqual(
      (await lines(NEIGHBOURS, { interfaces: ETH0, pool: ['2001:db8:1::9'], files: FILES })).slice(1),
      ['  ip -6 addr add 2001:db8:1::9/128 dev eth0 preferred_lft 0'],
    );
    assert.match(
      (await lines(NEIGHBOURS, { interfaces: ETH0, pool: ['2001:db8:1::2'], files: FILES })).join(),
      /^ok: /,
    );
  });

  test('duplicates, and addresses that are still examined, are told', async () => {
    const inet6 = `\
20010db8000100000000000000000002 04 40 00 08     eth0
20010db8000100000000000000000003 04 40 00 c0     eth0
20010db8000100000000000000000004 04 40 00 08     eth0
`;
    const found = await lines(NEIGHBOURS, {
      interfaces: [...ETH0, 'eth0 2001:db8:1::3/64'],
      pool: ['2001:db8:1::2', '2001:db8:1::3'],
      files: { ...FILES, '/proc/net/if_inet6': inet6 },
    });
    assert.equal(found.length, 4);
    assert.match(found[0]!, /^fail: another host on eth0 has 2001:db8:1::2 too/);
    assert.equal(
      found[1],
      '  ip -6 addr del 2001:db8:1::2/64 dev eth0 && ip -6 addr add 2001:db8:1::2/64 dev eth0',
    );
    assert.match(found[2]!, /^warn: 2001:db8:1::3 is still being checked/);
  });

  test('IPv4 has no such trouble', async () => {
    assert.deepEqual(await lines(NEIGHBOURS, { pool: ['192.0.2.0/24'] }), []);
  });
});

suite('the reverse-path filter', () => {
  const host = (all: string, eth1: string): Host => ({
    interfaces: ['eth0 192.0.2.2/24', 'eth1 198.51.100.2/24'],
    pool: ['192.0.2.2', '198.51.100.2'],
    files: {
      '/proc/sys/net/ipv4/conf/all/rp_filter': all,
      '/proc/sys/net/ipv4/conf/eth0/rp_filter': '0',
      '/proc/sys/net/ipv4/conf/eth1/rp_filter': eth1,
    },
  });

  test('strict on one of two interfaces is told', async () => {
    const [message, ...fix] = await lines(RP_FILTER, host('0', '1'));
    assert.match(message!, /^warn: the pools have addresses of eth0 and eth1, and the .* of eth1 is strict/);
    assert.deepEqual(fix, ['  sysctl -w net.ipv4.conf.eth1.rp_filter=2']);
    assert.equal((await lines(RP_FILTER, host('1', '0'))).length, 3);
  });

  test('loose, off, or with one interface it is none', async () => {
    assert.match((await lines(RP_FILTER, host('2', '1'))).join(), /^ok: /);
    assert.deepEqual(await lines(RP_FILTER, { ...host('1', '1'), pool: ['192.0.2.2'] }), []);
  });
});

test('the device of an address', () => {
  using recorded = new RecordedHost({
    interfaces: ['lo 127.0.0.1/8', 'eth0 192.0.2.2/24', 'eth1 198.51.100.2/24'],
  });
  const { interfaces } = recorded.patient;
  assert.equal(deviceFor(interfaces, 4, addressValue('198.51.100.9')!), 'eth1');
  assert.equal(deviceFor(interfaces, 4, addressValue('203.0.113.9')!), 'eth0');
  assert.equal(deviceFor([], 6, 1n), 'eth0');
});
