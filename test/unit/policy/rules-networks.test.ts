import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { Networks } from '../../../src/policy/networks.ts';

/** Four or sixteen bytes that share long beginnings with each other, as real tables do. */
const bytesOf = (length: 4 | 16) =>
  fc
    .tuple(fc.constantFrom(0x00, 0x0a, 0xff), fc.integer({ min: 0, max: length * 8 - 1 }), fc.nat(255))
    .map(([fill, bit, last]) => {
      const bytes = new Uint8Array(length).fill(fill);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      bytes[length - 1]! ^= last & 3;
      return bytes;
    });

const bits = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');

describe('Networks', () => {
  it('visits exactly the networks an address is in, the widest first', () => {
    const cases = fc.constantFrom<4 | 16>(4, 16).chain((length) => {
      const network = fc.tuple(bytesOf(length), fc.integer({ min: 0, max: length * 8 }));
      return fc.tuple(fc.array(network, { maxLength: 60 }), fc.array(bytesOf(length), { maxLength: 20 }));
    });
    fc.assert(
      fc.property(cases, ([networks, addresses]) => {
        const tree = new Networks<string>();
        const listed = new Set(networks.map(([bytes, prefix]) => bits(bytes).slice(0, prefix)));
        for (const [bytes, prefix] of networks) tree.at(bytes, prefix, () => bits(bytes).slice(0, prefix));
        for (const address of [...addresses, ...networks.map(([bytes]) => bytes)]) {
          const wanted = [...listed].filter((network) => bits(address).startsWith(network));
          const visited: string[] = [];
          tree.each(address, (network) => visited.push(network));
          assert.deepEqual(
            visited,
            wanted.toSorted((a, b) => a.length - b.length),
          );
          assert.equal(tree.has(address), wanted.length > 0);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('has one value a network, made once', () => {
    const tree = new Networks<object>();
    const first = tree.at(Uint8Array.of(10, 0, 0, 0), 8, () => ({}));
    tree.at(Uint8Array.of(10, 1, 0, 0), 16, () => ({}));
    assert.equal(
      tree.at(Uint8Array.of(10, 0, 0, 0), 8, () => assert.fail('it is there')),
      first,
    );
    // Bits behind the prefix do not count.
    assert.equal(
      tree.at(Uint8Array.of(10, 255, 255, 255), 8, () => assert.fail('it is there')),
      first,
    );
  });
});
