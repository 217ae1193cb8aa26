import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import { planWalk, walkTo } from '../../../../src/egress/pool/walk.ts';

suite('walk', () => {
  test('is a permutation for every count from 1 to 2,000', () => {
    for (let size = 1; size <= 2000; size++) {
      const walk = planWalk(BigInt(size), BigInt(size * 7919));
      const seen = new Uint8Array(size);
      for (let step = 0; step < size; step++) seen[Number(walkTo(walk, BigInt(step)))] = 1;
      assert.ok(
        seen.every((mark) => mark === 1),
        `count ${size}`,
      );
    }
  });

  test('is a permutation for awkward larger counts, from any step on', () => {
    for (const size of [4096, 4999, 5000, 65_537, 65_536 * 2, 99_999]) {
      const walk = planWalk(BigInt(size), 12_345_678_901n);
      const seen = new Set<bigint>();
      for (let step = 0; step < size; step++) seen.add(walkTo(walk, BigInt(step) + 1_000_003n));
      assert.equal(seen.size, size);
    }
  });

  test('comes back after exactly count steps, and not at a shorter distance, for counts up to 2^128', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: 1n << 128n }),
        fc.bigInt({ min: 0n, max: 1n << 256n }),
        fc.bigInt({ min: 0n, max: 1n << 63n }),
        fc.bigInt({ min: 1n, max: 1n << 63n }),
        (count, seed, step, ahead) => {
          const walk = planWalk(count, seed);
          const here = walkTo(walk, step);
          assert.ok(here >= 0n && here < count);
          assert.equal(walkTo(walk, step + count), here);
          assert.equal(walkTo(walk, step + ahead) === here, ahead % count === 0n);
        },
      ),
    );
  });

  test('neighbours in time are far apart in the block, in its high bits and its low ones', () => {
    for (const bits of [17n, 24n, 64n, 80n, 96n]) {
      const walk = planWalk(1n << bits, 99n);
      for (let step = 0n; step < 1000n; step++) {
        const difference = BigInt.asUintN(Number(bits), walkTo(walk, step + 1n) - walkTo(walk, step));
        assert.ok(difference > (1n << bits) / 3n && difference < ((1n << bits) * 2n) / 3n);
        if (bits > 17n)
          assert.ok(BigInt.asUintN(16, difference) > 255n, `the last group of /${128n - bits} moves too`);
      }
    }
  });

  test('even a few hundred steps reach every sixteenth of the block', () => {
    const walk = planWalk(1n << 64n, 5n);
    const hits = Array.from({ length: 16 }, () => 0);
    for (let step = 0n; step < 320n; step++) hits[Number(walkTo(walk, step) >> 60n)]!++;
    for (const hit of hits) assert.ok(hit >= 18 && hit <= 22, hits.join(' '));
  });
});
