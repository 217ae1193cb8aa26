import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, gateway } from '../support/gateway.ts';
import { storm } from '../support/storm.ts';

const GIB = 1024 ** 3;

for (const [name, adopt, workers, gibibytes] of [
  ['on worker threads', true, 2, 6],
  ["on the caller's thread", true, 0, 3],
  ["by 'data' events", false, 0, 1],
] as const) {
  test(`J11: ${gibibytes} GiB ${name}: random chunks, pauses and half-closes, both ways; every hash is right`, async () => {
    await using proxy = await gateway({ workers }, adopt);
    const result = await storm(proxy, gibibytes * GIB, 32, 8 * 1024 * 1024);
    assert.equal(result.corrupted, 0);
    await eventually('nothing is active', () => proxy.stats().active === 0);
    const { sent, received, tunnels } = proxy.stats();
    assert.deepEqual([sent + received, tunnels], [result.bytes, result.tunnels]);
  });
}
