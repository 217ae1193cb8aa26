import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, gateway } from '../support/gateway.ts';
import { visit } from '../support/load.ts';

test('K12: 100,000 connections: the target sees the address the proxy names, every time, evenly', async () => {
  await using proxy = await gateway({ cursor: 'global', workers: 2 });
  const { byAddress, wrong } = await visit(proxy, 100_000, 64);
  assert.equal(wrong, 0);
  assert.deepEqual(
    [...byAddress.values()],
    Array.from({ length: 8 }, () => 12_500),
  );
  assert.ok([...byAddress.keys()].every((address) => /^127\.0\.0\.[2-9]$/.test(address)));
  await eventually('nothing is active', () => proxy.stats().active === 0);
});
