import assert from 'node:assert/strict';
import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os';
import { suite, test } from 'node:test';
import { parsePool } from '../../../../src/egress/expression/expression.ts';
import { expand } from '../../../../src/egress/pool/ranges.ts';
import { interfaceSource, type Interfaces } from '../../../../src/egress/sources/interface.ts';
import type { InterfaceTerm } from '../../../../src/egress/expression/term.ts';
import { WatchedFeed } from '../../../support/feed.ts';

const info = (address: string): NetworkInterfaceInfo => ({
  address,
  family: 'IPv4',
  netmask: '255.255.255.0',
  mac: '',
  internal: false,
  cidr: null,
});

suite('the addresses of an interface', () => {
  test('are read from this host', async () => {
    const [term] = parsePool(['interface:lo*2;a=b']);
    const { ranges } = await interfaceSource(term as InterfaceTerm).read(new AbortController().signal);
    const expected = (networkInterfaces()['lo'] ?? [])
      .map(({ address }) => address)
      .filter((address) => !address.startsWith('fe80'));
    assert.deepEqual([...expand(ranges, 99)], [...new Set(expected)]);
    assert.deepEqual([ranges[0]?.weight, ranges[0]?.tags], [2, ['a=b']]);
  });

  test('come and go with the interface, and take part in exclusions', async () => {
    let host: Interfaces = { eth0: ['192.0.2.1', '192.0.2.9'].map(info), eth1: [info('192.0.2.9')] };
    using watched = new WatchedFeed(['interface:eth0', '!interface:eth1'], {
      interfaces: () => host,
      watchMs: 5,
      refreshMs: 3_600_000,
    });
    assert.deepEqual(await watched.start(), ['192.0.2.1']);
    host = { ...host, eth0: ['192.0.2.1', '192.0.2.9', '192.0.2.2'].map(info) };
    await watched.becomes('192.0.2.1', '192.0.2.2');
    host = { ...host, eth1: [info('192.0.2.2')] };
    await watched.becomes('192.0.2.1', '192.0.2.9');
    host = {};
    await watched.becomes();
    assert.deepEqual(watched.reports, [], 'an interface without addresses is no failure');
    host = { eth0: [info('192.0.2.1')] };
    await watched.becomes('192.0.2.1');
  });

  test('that cannot be asked stay as they are', async () => {
    let broken = false;
    const interfaces = (): Interfaces => {
      if (broken) throw Object.assign(new Error('no'), { code: 'ERR_SYSTEM_ERROR' });
      return { eth0: [info('192.0.2.1')] };
    };
    using watched = new WatchedFeed(['interface:eth0'], { interfaces, watchMs: 2, refreshMs: 10 });
    await watched.start();
    broken = true;
    await watched.says(/^it failed with ERR_SYSTEM_ERROR; its last good answer stays$/);
    broken = false;
    await watched.says(/^it answers again$/);
    assert.deepEqual(watched.changes, []);
  });
});
