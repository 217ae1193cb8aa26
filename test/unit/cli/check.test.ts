import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sizeInWords, strategyDetail } from '../../../src/cli/check-report.ts';
import { STRATEGIES, type StrategyName } from '../../../src/egress/rotation/strategies.ts';
import { defineConfig, type GyreOptions } from '../../../src/runtime/config.ts';

const detail = (options: Omit<GyreOptions, 'pool'>) =>
  strategyDetail(defineConfig({ pool: '127.0.0.2', ...options }));

test('the size of a pool is told by family', () => {
  assert.equal(sizeInWords({ ipv4: 8n, ipv6: 0n }), '8 egress addresses (8 IPv4)');
  assert.equal(sizeInWords({ ipv4: 0n, ipv6: 1n }), '1 egress address (1 IPv6)');
  assert.equal(
    sizeInWords({ ipv4: 1n, ipv6: 2n ** 64n }),
    'more than 2^64 egress addresses (1 IPv4, 2^64 IPv6)',
  );
  assert.equal(sizeInWords({ ipv4: 0n, ipv6: 0n }), '0 egress addresses');
});

test('a strategy is told with what it goes by, and with nothing it does not go by', () => {
  assert.equal(detail({}), 'turns are counted for each destination host');
  assert.equal(detail({ cursor: 'user', strategy: 'weighted' }), 'turns are counted for each user');
  assert.equal(detail({ cursor: 'global' }), 'turns are counted together for everything');
  assert.equal(detail({ strategy: 'hash', hashBy: 'destination' }), 'it goes by the destination');
  assert.equal(detail({ strategy: 'sequential' }), 'it moves on after 1 request');
  assert.equal(detail({ strategy: 'sequential', every: 100 }), 'it moves on after 100 requests');
  assert.equal(detail({ strategy: 'sequential', every: '5m' }), 'it moves on after 300 s');
  const without = (Object.keys(STRATEGIES) as StrategyName[]).filter(
    (strategy) => detail({ strategy }) === undefined,
  );
  assert.deepEqual(without, ['random', 'least-recently-used', 'least-connections']);
});
