import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { Mutator } from '../../fuzz/engine/mutate.ts';
import { Random } from '../../fuzz/engine/random.ts';

const input = fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes));

function several(seed: number, from: Buffer, other: Buffer, longest = 64): Buffer[] {
  const mutator = new Mutator(new Random(seed), longest, ['CONNECT ', '\u00ff\u0000']);
  return Array.from({ length: 50 }, () => mutator.mutate(from, other));
}

describe('Mutator', () => {
  it('never makes an input longer than the longest, and leaves what it starts from alone', () => {
    fc.assert(
      fc.property(fc.integer(), input, input, (seed, from, other) => {
        const [before, otherBefore] = [Buffer.from(from), Buffer.from(other)];
        for (const made of several(seed, from, other)) assert.ok(made.length <= 64, `${made.length} bytes`);
        assert.deepEqual([from, other], [before, otherBefore]);
      }),
    );
  });

  it('makes the same inputs from the same seed, and others from another', () => {
    const from = Buffer.from('CONNECT a:1 HTTP/1.1');
    assert.deepEqual(several(7, from, from), several(7, from, from));
    assert.notDeepEqual(several(7, from, from), several(8, from, from));
  });

  it('uses words, pieces of another input, numbers and lengths that are not there yet', () => {
    const [from, other] = [Buffer.from('port=443'), Buffer.from('Z'.repeat(8))];
    const made = Array.from({ length: 40 }, (_, seed) => several(seed, from, other)).flat();
    const texts = made.map((bytes) => bytes.toString('latin1'));
    for (const sign of ['CONNECT ', '\u00ff\u0000', 'Z', 'port=65536']) {
      assert.ok(
        texts.some((text) => text.includes(sign)),
        sign,
      );
    }
    assert.ok(texts.some((text) => text.length === 0) && texts.some((text) => text.length === 64));
  });
});

describe('Random', () => {
  it('reaches every number below the limit and none beyond', () => {
    const random = new Random(1);
    const seen = new Set(Array.from({ length: 1000 }, () => random.below(10)));
    assert.deepEqual(seen, new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
  });
});
