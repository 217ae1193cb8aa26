import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import {
  buildBlock,
  hashedWalk,
  sharedWalk,
  walkFrom,
  type Addresses,
} from '../../../../src/egress/pool/block.ts';
import { expand, type Range } from '../../../../src/egress/pool/ranges.ts';
import { EgressTable, tableMemory } from '../../../../src/egress/pool/table.ts';
import { ipBytes } from '../../../../src/protocol/address.ts';
import { span } from '../../../support/rotation.ts';

const SEED = new Uint8Array(16);
const BASE = 0x2001_0db8_0001n << 80n;
const all = (addresses: Addresses, most = Infinity): string[] => {
  const taken: string[] = [];
  for (let next = addresses(); next !== undefined && taken.length < most; next = addresses())
    taken.push(next);
  return taken;
};
const valueOf = (address: string): bigint =>
  ipBytes(address)!.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
const walkOf = (range: Range): Addresses =>
  sharedWalk(buildBlock(range, SEED), new EgressTable(tableMemory(4)), 0);

suite('walks through a block', () => {
  test('each way reaches every address once, and no hole', () => {
    const hole = fc.tuple(fc.nat(60), fc.nat(9));
    fc.assert(
      fc.property(fc.array(hole, { maxLength: 4 }), fc.string(), fc.nat(200), (parts, key, begin) => {
        const used = parts.toSorted((a, b) => a[0] - b[0]);
        const holes: { first: bigint; last: bigint }[] = [];
        for (const [from, more] of used) {
          const first = BigInt(from);
          if (holes.length > 0 && first <= holes.at(-1)!.last + 1n) continue;
          holes.push({ first, last: BigInt(from + more) });
        }
        const range = span(4, 0n, 80n, { holes });
        const block = buildBlock(range, SEED);
        const expected = [...expand([range], Infinity)].toSorted();
        for (const walk of [walkOf(range), walkFrom(block, BigInt(begin)), hashedWalk(block, key)]) {
          assert.deepEqual(all(walk).toSorted(), expected);
          assert.equal(walk(), undefined);
        }
      }),
    );
  });

  test('two connections never meet on the shared walk', () => {
    const table = new EgressTable(tableMemory(4));
    const block = buildBlock(span(4, 0n, 99_999n), SEED);
    const walks = [sharedWalk(block, table, 2), sharedWalk(block, table, 2)];
    const seen = Array.from({ length: 1000 }, (_, turn) => walks[turn % 2]!());
    assert.equal(new Set(seen).size, 1000);
  });

  test('a key has the same addresses in every process, and other keys have others', () => {
    const range = span(6, BASE, BASE + (1n << 80n) - 1n);
    const of = (key: string, seed: number): string[] =>
      all(hashedWalk(buildBlock(range, Uint8Array.of(seed)), key), 3);
    assert.deepEqual(of('alice\0x', 1), of('alice\0x', 2));
    const firsts = Array.from({ length: 1000 }, (_, index) => of(`key-${index}`, 1)[0]);
    assert.equal(new Set(firsts).size, 1000);
  });
});

suite('identity 64', () => {
  const network = (address: string): bigint => valueOf(address) >> 64n;

  test('a /60 takes turns by its sixteen /64s, with random hosts', () => {
    const range = span(6, BASE, BASE + (1n << 68n) - 1n, { identityBits: 64 });
    const [one, two] = [all(walkOf(range)), all(walkOf(range))];
    assert.equal(one.length, 16);
    assert.equal(new Set(one.map(network)).size, 16);
    assert.ok(one.every((address) => valueOf(address) >= range.first && valueOf(address) <= range.last));
    assert.deepEqual(one.map(network), two.map(network));
    const hosts = [...one, ...two].map((address) => BigInt.asUintN(64, valueOf(address)));
    assert.equal(new Set(hosts).size, 32, 'hosts are random');
  });

  test('a /48 walks over 65,536 networks', () => {
    const block = buildBlock(span(6, BASE, BASE + (1n << 80n) - 1n, { identityBits: 64 }), SEED);
    assert.equal(block.walk.count, 65_536n);
    assert.equal(new Set(all(walkFrom(block, 5n)).map(network)).size, 65_536);
  });

  test('what is excluded stays out: whole networks, and hosts of a network', () => {
    const range = span(6, BASE, BASE + (4n << 64n) - 1n, {
      identityBits: 64,
      holes: [
        // All of network 1 and all but three hosts of network 2.
        { first: BASE + (1n << 64n), last: BASE + (2n << 64n) + 9n },
        { first: BASE + (2n << 64n) + 13n, last: BASE + (3n << 64n) - 1n },
      ],
    });
    const hosts = new Set<bigint>();
    for (let lap = 0; lap < 60; lap++) {
      const seen = all(walkOf(range)).map(valueOf);
      assert.deepEqual(
        seen.map((value) => (value - BASE) >> 64n).toSorted((a, b) => Number(a - b)),
        [0n, 2n, 3n],
      );
      hosts.add(seen.find((value) => (value - BASE) >> 64n === 2n)! - BASE - (2n << 64n));
    }
    assert.deepEqual(
      [...hosts].toSorted((a, b) => Number(a - b)),
      [10n, 11n, 12n],
    );
  });

  test('a range that begins and ends inside a /64 stays inside itself', () => {
    const range = span(6, BASE + 5n, BASE + (2n << 64n) + 1n, { identityBits: 64 });
    for (let lap = 0; lap < 50; lap++) {
      const seen = all(walkOf(range)).map(valueOf);
      assert.equal(seen.length, 3);
      assert.ok(seen.every((value) => value >= range.first && value <= range.last));
    }
  });

  test('means nothing for IPv4 and inside one /64', () => {
    const one = buildBlock(span(6, BASE, BASE + 99_999n, { identityBits: 64 }), SEED);
    const two = buildBlock(span(6, BASE, BASE + (1n << 64n) - 1n, { identityBits: 64 }), SEED);
    const three = buildBlock(span(4, 0n, 99_999n, { identityBits: 64 }), SEED);
    assert.deepEqual(
      [one, two, three].map(({ walk, hostBits }) => [walk.count, hostBits]),
      [
        [100_000n, 0],
        [1n << 64n, 0],
        [100_000n, 0],
      ],
    );
  });

  test('a key has its network and its host', () => {
    const block = buildBlock(span(6, BASE, BASE + (1n << 80n) - 1n, { identityBits: 64 }), SEED);
    assert.deepEqual(all(hashedWalk(block, 'k'), 3), all(hashedWalk(block, 'k'), 3));
    assert.equal(new Set(all(hashedWalk(block, 'k'), 1000).map(network)).size, 1000);
  });
});
