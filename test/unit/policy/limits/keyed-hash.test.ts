import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { KeyedHash } from '../../../../src/policy/limits/keyed-hash.ts';

const hex = ({ high, low }: { high: number; low: number }): string => {
  const bytes = Buffer.alloc(8);
  bytes.writeInt32LE(low, 0);
  bytes.writeInt32LE(high, 4);
  return bytes.toString('hex');
};

test('agrees with the test vectors of HalfSipHash-2-4, 64 bits', () => {
  // Key 00 01 … 07, message 00 01 …: those of an even length, which are a text in UTF-16.
  const hash = new KeyedHash(0x03020100, 0x07060504);
  const vectors = {
    0: '218d1f59b9b83cc8',
    2: '064f39ef7c50eb57',
    4: 'd5e78a175be52ea1',
    6: 'ce3e91358aa2bc25',
  };
  for (const [length, expected] of Object.entries(vectors)) {
    const message = Buffer.from(Array.from({ length: Number(length) }, (_, i) => i)).toString('utf16le');
    assert.equal(hex(hash.of(message)), expected, `${length} bytes`);
  }
});

test('the same secret gives the same hash, another one another', () => {
  const [one, same, other] = [new KeyedHash(1, 2), new KeyedHash(1, 2), new KeyedHash(1, 3)];
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      assert.deepEqual(one.of(text), same.of(text));
      assert.notDeepEqual(one.of(text), other.of(text));
    }),
  );
});

test('200,000 names have 200,000 hashes, spread evenly', () => {
  const hash = new KeyedHash(0x12345678, -0x12345678);
  const seen = new Set<string>();
  const buckets = new Uint32Array(1024);
  for (let i = 0; i < 200_000; i++) {
    const { high, low } = hash.of(`user-${i}`);
    seen.add(`${high} ${low}`);
    buckets[low & 1023]!++;
  }
  assert.equal(seen.size, 200_000);
  const mean = 200_000 / 1024;
  const chi = buckets.reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0);
  // 1,023 degrees of freedom: six standard deviations; and the names are always the same.
  assert.ok(chi > 752 && chi < 1294, `chi² = ${chi}`);
});
