import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bindAll, bindReport, fixFor, outwardDevice } from '../../../src/cli/bind.ts';
import { parsePool, poolRanges } from '../../../src/egress/expression/expression.ts';
import type { Range } from '../../../src/egress/pool/ranges.ts';

function ranges(...terms: string[]): Range[] {
  return poolRanges(parsePool(terms), {});
}

suite('binding a pool', () => {
  test('tries every address, and names those the host does not have', async () => {
    const [good, bad] = await bindAll(ranges('127.0.0.2-127.0.0.200', '198.51.100.200-198.51.100.202'));
    assert.deepEqual([good!.tried, good!.failed], [199, []]);
    assert.deepEqual(
      bad!.failed.map(({ address, code }) => `${address} ${code}`),
      ['198.51.100.200 EADDRNOTAVAIL', '198.51.100.201 EADDRNOTAVAIL', '198.51.100.202 EADDRNOTAVAIL'],
    );
  });

  test('of a block, tries the ends and some between', async () => {
    const [result] = await bindAll(ranges('127.64.0.0/10'));
    assert.ok(result!.tried > 2 && result!.tried <= 16, String(result!.tried));
    assert.deepEqual(result!.failed, []);
  });

  test('leaves out what is excluded from a block', async () => {
    const [result] = await bindAll(
      ranges('2001:db8::/64', '!2001:db8::ffff:ffff:ffff:ffff', '!2001:db8::/65'),
    );
    const addresses = result!.failed.map(({ address }) => address);
    assert.ok(!addresses.includes('2001:db8::') && !addresses.includes('2001:db8::ffff:ffff:ffff:ffff'));
    for (const address of addresses) assert.match(address, /^2001:db8::[89a-f][\da-f]{3}:/);
  });
});

suite('addresses that a list brings one by one', () => {
  const lines = (...hosts: number[]) => ranges(...hosts.map((host) => `198.51.100.${host}`));

  test('are one range where they follow on each other, so that a prefix is seen to be one', async () => {
    const results = await bindAll(lines(8, 9, 10, 11, 20));
    assert.deepEqual(
      results.map(({ tried }) => tried),
      [4, 1],
    );
    const { commands } = bindReport(results, 'eth0');
    assert.deepEqual(commands, [
      'ip route add local 198.51.100.8/30 dev lo',
      'ip addr add 198.51.100.20/32 dev eth0',
    ]);
  });

  test('leave blocks and other families alone', async () => {
    const results = await bindAll(ranges('127.64.0.0/15', '127.66.0.0', '::1', '127.66.0.1'));
    assert.deepEqual(
      results.map(({ range }) => [range.family, range.last - range.first + 1n]),
      [
        [4, 2n ** 17n],
        [4, 1n],
        [6, 1n],
        [4, 1n],
      ],
    );
  });

  test('make a report that can be read, however many there are', async () => {
    const results = await bindAll(lines(...Array.from({ length: 40 }, (_, index) => 2 * index)));
    assert.equal(results.length, 40);
    const { complaints, commands } = bindReport(results, 'eth0');
    assert.equal(complaints[0], '198.51.100.0 cannot be bound: this host does not have it');
    assert.deepEqual(complaints.slice(10), ['30 more addresses cannot be bound']);
    assert.deepEqual(commands.slice(2), [
      'ip addr add 198.51.100.4/32 dev eth0',
      '… and so on for the other ranges',
    ]);
  });
});

suite('what helps', () => {
  const failedOf = (...addresses: string[]) =>
    addresses.map((address) => ({ address, code: 'EADDRNOTAVAIL' }));

  test('an address is added', () => {
    const [range] = ranges('192.0.2.7');
    assert.deepEqual(fixFor({ range: range!, tried: 1, failed: failedOf('192.0.2.7') }, 'eth0'), [
      'ip addr add 192.0.2.7/32 dev eth0',
    ]);
    const [six] = ranges('2001:db8::7');
    assert.deepEqual(fixFor({ range: six!, tried: 1, failed: failedOf('2001:db8::7') }, 'ens3'), [
      'ip addr add 2001:db8::7/128 dev ens3',
    ]);
  });

  test('a range that is no prefix is added address by address', () => {
    const [range] = ranges('192.0.2.1-192.0.2.9');
    const failed = failedOf('192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4');
    assert.deepEqual(fixFor({ range: range!, tried: 9, failed }, 'eth0'), [
      'ip addr add 192.0.2.1/32 dev eth0',
      'ip addr add 192.0.2.2/32 dev eth0',
      'ip addr add 192.0.2.3/32 dev eth0',
      '… and so on for the others',
    ]);
  });

  test('a prefix is routed to this host, IPv6 with one more setting', () => {
    const [four, six] = ranges('192.0.2.0/28', '2001:db8::/48');
    assert.deepEqual(
      fixFor({ range: four!, tried: 16, failed: failedOf('192.0.2.0', '192.0.2.1') }, 'eth0'),
      ['ip route add local 192.0.2.0/28 dev lo'],
    );
    assert.deepEqual(
      fixFor({ range: six!, tried: 16, failed: failedOf('2001:db8::', '2001:db8::1') }, 'eth0'),
      ['ip -6 route add local 2001:db8::/48 dev lo', 'sysctl -w net.ipv6.ip_nonlocal_bind=1'],
    );
  });

  test('nothing, where adding an address is no cure', () => {
    const [range] = ranges('192.0.2.7');
    assert.deepEqual(
      fixFor({ range: range!, tried: 1, failed: [{ address: '192.0.2.7', code: 'EMFILE' }] }, 'eth0'),
      [],
    );
    assert.deepEqual(fixFor({ range: range!, tried: 1, failed: [] }, 'eth0'), []);
  });

  test('the device of the example is not loopback', () => {
    const info = { address: '192.0.2.1', netmask: '', family: 'IPv4', mac: '', cidr: null } as const;
    assert.equal(
      outwardDevice({ lo: [{ ...info, internal: true }], ens3: [{ ...info, internal: false }] }),
      'ens3',
    );
    assert.equal(outwardDevice({}), 'eth0');
  });
});
