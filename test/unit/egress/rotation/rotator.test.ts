import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import type { Family } from '../../../../src/connection.ts';
import { count, expand } from '../../../../src/egress/pool/ranges.ts';
import {
  Rotator,
  rotatorMemory,
  type CursorScope,
  type RotatorMemory,
} from '../../../../src/egress/rotation/rotator.ts';
import { STRATEGIES, type StrategyName } from '../../../../src/egress/rotation/strategies.ts';
import { EgressTable } from '../../../../src/egress/pool/table.ts';
import { ipBytes } from '../../../../src/protocol/address.ts';
import {
  chiSquare,
  drain,
  first,
  NO_SESSIONS,
  pick,
  ranges,
  request,
  ROUND_ROBIN,
  rotatorOf,
  span,
  Stage,
  take,
  tally,
} from '../../../support/rotation.ts';

const rotator = (cursor: CursorScope, ...terms: string[]): Rotator => rotatorOf({ cursor }, ...terms);

const A = '192.0.2.1';
const B = '192.0.2.2';
const C = '192.0.2.3';
const D = '192.0.2.4';

suite('global cursor', () => {
  test('A, B, C, D, A, B', () => {
    assert.deepEqual(take(rotator('global', '192.0.2.1-192.0.2.4'), 6), [A, B, C, D, A, B]);
  });

  test('the order is the order of the terms, whatever their kind', () => {
    const terms = ['192.0.2.4', '192.0.2.0/31', '192.0.2.2-192.0.2.3'];
    assert.deepEqual(take(rotator('global', ...terms), 6), [D, '192.0.2.0', A, B, C, D]);
  });

  test('every address exactly K times in K × n picks, over any destinations', () => {
    const term = fc.tuple(fc.nat(40), fc.integer({ min: 0, max: 9 }));
    fc.assert(
      fc.property(
        fc.uniqueArray(term, { selector: ([slot]) => slot, minLength: 1, maxLength: 9 }),
        fc.integer({ min: 1, max: 4 }),
        (parts, rounds) => {
          const terms = parts.map(([slot, more]) => `10.0.${slot}.0-10.0.${slot}.${more}`);
          const all = [...expand(ranges(...terms), Infinity)];
          const from = rotator('global', ...terms);
          const seen = Array.from({ length: all.length * rounds }, (_, index) =>
            first(from, `host${index % 7}`),
          );
          assert.deepEqual(seen, Array.from({ length: rounds }, () => all).flat());
        },
      ),
      { numRuns: 60 },
    );
  });

  test('families take turns apart from each other', () => {
    const from = rotator('global', '192.0.2.1-192.0.2.2,2001:db8::ffff-2001:db8::1:1');
    const seen = [4, 6, 6, 4, 6, 4, 6].map((family) => {
      const { address } = pick(from, { family: family as Family });
      return { address, family };
    });
    assert.deepEqual(seen, [
      { address: A, family: 4 },
      { address: '2001:db8::ffff', family: 6 },
      { address: '2001:db8::1:0', family: 6 },
      { address: B, family: 4 },
      { address: '2001:db8::1:1', family: 6 },
      { address: A, family: 4 },
      { address: '2001:db8::ffff', family: 6 },
    ]);
  });

  test('the counter goes on past 2^31 and past 2^32', () => {
    const stage = new Stage();
    const from = stage.rotator(stage.snapshot(ranges('192.0.2.1-192.0.2.4')));
    const cursors = new Int32Array(stage.memory.cursors);
    cursors[0] = 2 ** 31 - 2;
    assert.deepEqual(take(from, 4), [C, D, A, B]);
    cursors[0] = -2;
    assert.deepEqual(take(from, 4), [C, D, A, B]);
  });

  test('the largest range that is no block', () => {
    const from = rotator('global', '10.0.0.0/16');
    assert.deepEqual(take(from, 65_536).slice(-2), ['10.0.255.254', '10.0.255.255']);
    assert.equal(first(from), '10.0.0.0');
  });
});

suite('cursor per destination', () => {
  test('one destination goes round in order, from its own start', () => {
    const seen = take(rotator('destination', '192.0.2.1-192.0.2.4'), 9);
    const begin = [A, B, C, D].indexOf(seen[0]!);
    assert.deepEqual(
      seen,
      Array.from({ length: 9 }, (_, index) => [A, B, C, D][(begin + index) % 4]),
    );
  });

  test('two clients alternating between two hosts over two addresses reach both on both', () => {
    const stage = new Stage();
    const snapshot = stage.snapshot(ranges('192.0.2.1-192.0.2.2'));
    const clients = [0, 1].map(() => stage.rotator(snapshot, { cursor: 'destination' }));
    const seen = { 'a.example': new Set<string>(), 'b.example': new Set<string>() };
    for (let turn = 0; turn < 8; turn++) {
      const host = turn % 2 === 0 ? 'a.example' : 'b.example';
      seen[host].add(first(clients[turn % 2]!, host));
    }
    assert.deepEqual([seen['a.example'].size, seen['b.example'].size], [2, 2]);
  });

  test('with the global cursor the same clients would not', () => {
    const from = rotator('global', '192.0.2.1-192.0.2.2');
    const seen = Array.from({ length: 8 }, (_, turn) => first(from, turn % 2 === 0 ? 'a' : 'b'));
    assert.equal(new Set(seen.filter((_, turn) => turn % 2 === 0)).size, 1);
  });

  const lists: readonly (readonly [string, (index: number) => string])[] = [
    ['numbered names', (index) => `host-${index}.example`],
    ['a common prefix', (index) => `www.shop.example.com${index}`],
    ['addresses', (index) => `198.18.${index >> 8}.${index & 255}`],
  ];
  for (const [name, host] of lists) {
    test(`10,000 hosts asked once each spread evenly over 8 addresses: ${name}`, () => {
      const from = rotator('destination', '192.0.2.1-192.0.2.8');
      const counts = tally(Array.from({ length: 10_000 }, (_, index) => first(from, host(index))));
      const chi = chiSquare(counts.values(), 1250);
      assert.equal(counts.size, 8);
      // 7 degrees of freedom: an even spread stays below this 999 times in 1,000.
      assert.ok(chi < 24.32, `chi² = ${chi}`);
    });
  }

  test('hosts begin all over a large pool, also beyond the number of cursors', () => {
    const from = rotator('destination', '10.0.0.0/16');
    const third = take(from, 1, 'x').concat(
      Array.from({ length: 8191 }, (_, index) => first(from, `h${index}`)),
    );
    const counts = tally(third.map((text) => String(Number(text.split('.')[2]) >> 5)));
    assert.equal(counts.size, 8);
    for (const hits of counts.values()) assert.ok(hits > 900 && hits < 1150, String(hits));
  });

  test('families of one destination have separate cursors', () => {
    const from = rotator('destination', '192.0.2.1-192.0.2.4,2001:db8::/126');
    const [begin] = take(from, 1, 'x');
    take(from, 3, 'x', 6);
    const index = [A, B, C, D].indexOf(begin!);
    assert.equal(first(from, 'x'), [A, B, C, D][(index + 1) % 4]);
  });
});

suite('retries', () => {
  test('go on to the following addresses, each once, and leave the shared cursor alone', () => {
    const from = rotator('global', '192.0.2.1-192.0.2.4');
    assert.deepEqual(drain(from.pick(request())), [A, B, C, D]);
    assert.deepEqual(drain(from.pick(request())), [B, C, D, A]);
    assert.equal(first(from), C);
  });

  test('stay finished', () => {
    const picks = rotator('global', '192.0.2.1').pick(request());
    assert.deepEqual([picks.next()?.address, picks.next(), picks.next()], [A, undefined, undefined]);
  });

  test('never repeat and reach everything, with blocks among the members', () => {
    const block = fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 40 })).map(([slot, left]) => {
      const base = BigInt(slot) << 24n;
      const holes = [{ first: base + 7n, last: base + 99_999n - BigInt(left) }];
      return span(4, base, base + 99_999n, { holes });
    });
    const plain = fc.tuple(fc.integer({ min: 4, max: 9 }), fc.nat(9)).map(([slot, more]) => {
      const base = BigInt(slot) << 24n;
      return span(4, base, base + BigInt(more));
    });
    const pool = fc.uniqueArray(fc.oneof(block, plain), {
      selector: (range) => range.first,
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(pool, fc.nat(50), (members, before) => {
        const stage = new Stage(1024);
        const from = stage.rotator(stage.snapshot(members));
        for (let turn = 0; turn < before; turn++) first(from);
        const seen = drain(from.pick(request()));
        assert.deepEqual(seen.toSorted(), [...expand(members, Infinity)].toSorted());
      }),
      { numRuns: 100 },
    );
  });

  test('do not repeat although other connections walk the same block meanwhile', () => {
    const stage = new Stage();
    const range = span(4, 0n, 99_999n, { holes: [{ first: 10n, last: 99_999n }] });
    const from = stage.rotator(stage.snapshot([range]));
    const picks = from.pick(request());
    const seen: string[] = [];
    for (let turn = 0; turn < 10; turn++) {
      const egress = picks.next();
      if (egress !== undefined) seen.push(egress.address);
      take(from, 3);
    }
    assert.ok(seen.length >= 2 && seen.length < 10, seen.join(' '));
    assert.equal(new Set(seen).size, seen.length);
  });
});

suite('blocks', () => {
  test('a block is one member of the rotation', () => {
    const seen = take(rotator('global', '192.0.2.1,10.0.0.0/8,192.0.2.2'), 6);
    assert.deepEqual(
      seen.map((text) => text.startsWith('10.')),
      [false, true, false, false, true, false],
    );
    assert.notEqual(seen[1], seen[4]);
  });

  test('every address of a block comes once before any comes again, without the holes', () => {
    const pool = ranges('10.0.0.0-10.1.0.50,!10.0.0.1,!10.0.128.0/18,!10.1.0.50');
    assert.equal(pool.length, 1);
    const size = Number(count(pool));
    const stage = new Stage();
    const from = stage.rotator(stage.snapshot(pool));
    const lap = take(from, size);
    assert.deepEqual(new Set(lap), new Set(expand(pool, Infinity)));
    assert.deepEqual(take(from, 100), lap.slice(0, 100));
  });

  test('an IPv6 prefix: no address twice, all inside, neighbours unrelated', () => {
    const seen = take(rotator('destination', '2001:db8:1::/48'), 5000, 'x', 6);
    assert.equal(new Set(seen).size, 5000);
    assert.ok(seen.every((text) => text.startsWith('2001:db8:1:')));
    const groups = seen.map((text) => text.split(':'));
    assert.ok(groups.every((parts, index) => index === 0 || parts[3] !== groups[index - 1]![3]));
    assert.ok(groups.every((parts, index) => index === 0 || parts.at(-1) !== groups[index - 1]!.at(-1)));
  });

  test('a block with nearly everything excluded answers at once', () => {
    const from = rotator('global', '2001:db8::/48,!2001:db8::1-2001:db8:0:ffff:ffff:ffff:ffff:fffe');
    assert.deepEqual(
      new Set(take(from, 8, 'x', 6)),
      new Set(['2001:db8::', '2001:db8:0:ffff:ffff:ffff:ffff:ffff']),
    );
  });

  test('each block has its own walk', () => {
    const stage = new Stage();
    const from = stage.rotator(stage.snapshot(ranges('2001:db8:1::/64,10.0.0.0/8,2001:db8:2::/64')));
    take(from, 3, 'x', 6);
    take(from, 5, 'x', 4);
    const steps = ['2001:db8:1::', '10.0.0.0', '2001:db8:2::'].map((text) =>
      stage.table.steps(stage.slotOf(text)),
    );
    assert.deepEqual(steps, [2n, 5n, 1n]);
  });

  test('a walk begins somewhere else for another seed, and goes on where it was when the pool is replaced', () => {
    const begin = (seed: number): string => {
      const stage = new Stage();
      return first(stage.rotator(stage.snapshot(ranges('2001:db8::/64'), Uint8Array.of(seed))), 'x', 6);
    };
    assert.notEqual(begin(1), begin(2));
    assert.equal(begin(1), begin(1));

    const stage = new Stage();
    const from = stage.rotator(stage.snapshot(ranges('10.0.0.0-10.1.0.9')));
    const before = take(from, 30_000);
    from.replace(stage.snapshot(ranges('192.0.2.1,10.0.0.0-10.1.0.9')));
    from.replace(stage.snapshot(ranges('10.0.0.0-10.1.0.9')));
    assert.equal(new Set([...before, ...take(from, 65_546 - 30_000)]).size, 65_546);
  });
});

suite('membership', () => {
  test('an empty pool has nothing to give', () => {
    const stage = new Stage();
    const from = stage.rotator(stage.snapshot([]), { cursor: 'destination' });
    assert.equal(from.empty, true);
    assert.equal(from.has(4) || from.has(6), false);
    assert.equal(from.pick(request()).next(), undefined);
    assert.equal(from.pick(request({ family: 6 })).next(), undefined);
  });

  test('a family without addresses has nothing to give and takes no turn', () => {
    const stage = new Stage();
    const from = stage.rotator(stage.snapshot(ranges('192.0.2.1')));
    assert.deepEqual([from.has(4), from.has(6), from.empty], [true, false, false]);
    assert.equal(from.pick(request({ family: 6 })).next(), undefined);
    assert.ok(new Int32Array(stage.memory.cursors).every((cursor) => cursor === 0));
  });

  test('replace: the next pick is from the new pool, an open one stays with the old', () => {
    const stage = new Stage();
    const from = stage.rotator(stage.snapshot(ranges('192.0.2.1-192.0.2.4')));
    const open = from.pick(request());
    assert.equal(open.next()?.address, A);
    from.replace(stage.snapshot(ranges('192.0.2.3-192.0.2.4,198.51.100.0/31')));
    assert.deepEqual(take(from, 3), [D, '198.51.100.0', '198.51.100.1']);
    // What has left the pool meanwhile may still be used by who began before: other threads hear of it later.
    assert.deepEqual(drain(open), [B, C, D]);
    from.replace(stage.snapshot([]));
    assert.equal(from.empty, true);
    assert.equal(from.pick(request()).next(), undefined);
    from.replace(stage.snapshot(ranges('192.0.2.9')));
    assert.equal(first(from), '192.0.2.9');
  });

  test('a snapshot is plain data: a copy that was posted rotates the same way', () => {
    const stage = new Stage();
    const original = stage.snapshot(
      ranges('192.0.2.1-192.0.2.9,10.0.0.0/8,!10.3.0.0/16,2001:db8::/32,2001:db9::/120'),
    );
    const copy = structuredClone(original);
    assert.deepEqual(copy, original);
    const seen = [original, copy].map((snapshot) => {
      const { table, memory } = twin(stage);
      const from = new Rotator(memory, ROUND_ROBIN, snapshot, table, NO_SESSIONS);
      return take(from, 30).concat(take(from, 30, 'x', 6));
    });
    assert.deepEqual(seen[0], seen[1]);
  });
});

suite('what is down', () => {
  test('is skipped at once, by the first pick and by retries, before the main thread knows', () => {
    const stage = new Stage();
    const from = stage.rotator(stage.snapshot(ranges('192.0.2.1-192.0.2.4')));
    stage.table.ejectNow(stage.slotOf(B));
    assert.deepEqual(take(from, 4), [A, C, C, D]);
    assert.deepEqual(drain(from.pick(request())), [A, C, D]);
    stage.table.setState(stage.slotOf(B), 'up');
    assert.equal(first(from), B);
  });

  test('is not in the next snapshot, and its turns are spread over the others', () => {
    const stage = new Stage();
    const members = ranges('192.0.2.1-192.0.2.4');
    const from = stage.rotator(stage.snapshot(members));
    stage.table.ejectNow(stage.slotOf(B));
    from.replace(stage.snapshot(members));
    assert.deepEqual(take(from, 6), [A, C, D, A, C, D]);
    assert.equal(from.includes(ipBytes(B)!), true);
  });

  test('all of it: there is nothing to give, whatever the strategy', () => {
    for (const name of Object.keys(STRATEGIES) as StrategyName[]) {
      const stage = new Stage();
      const from = stage.rotator(stage.snapshot(ranges('192.0.2.1-192.0.2.3')), { name });
      for (const slot of stage.slots.members()) stage.table.ejectNow(slot);
      const picks = from.pick(request());
      assert.deepEqual([picks.next(), picks.next()], [undefined, undefined], name);
      stage.table.setState(stage.slotOf(C), 'up');
      assert.equal(first(from), C, name);
    }
  });
});

suite('tunnels', () => {
  test('are counted from the pick to the release, for each address that was handed out', () => {
    for (const name of Object.keys(STRATEGIES) as StrategyName[]) {
      const stage = new Stage();
      const from = stage.rotator(stage.snapshot(ranges('192.0.2.1-192.0.2.3,10.0.0.0/8')), { name });
      const active = (): number =>
        [...stage.slots.members()].reduce((sum, slot) => sum + stage.table.active(slot), 0);
      const picks = from.pick(request());
      assert.equal(active(), 0, `${name}: nothing was asked for yet`);
      const taken = [picks.next()!, picks.next()!, picks.next()!, picks.next()!, picks.next()!];
      assert.equal(active(), 5, name);
      assert.equal(new Set(taken.map(({ address }) => address)).size, 5, name);
      for (const egress of taken) from.release(egress);
      assert.equal(active(), 0, name);
    }
  });
});

suite('tags', () => {
  const members = [
    span(4, 0xc0000201n, 0xc0000202n, { tags: ['country=de', 'fast=yes'] }),
    span(4, 0xc0000203n, 0xc0000203n, { tags: ['country=fr'] }),
    span(6, 1n << 112n, (1n << 112n) + (1n << 64n), { tags: ['country=fr'] }),
  ];

  test('a request with a tag gets only what carries it, in turn', () => {
    const stage = new Stage();
    const from = stage.rotator(stage.snapshot(members));
    const tagged = (tag: string): string[] => Array.from({ length: 3 }, () => pick(from, { tag }).address);
    assert.deepEqual(tagged('country=de'), [A, B, A]);
    assert.deepEqual(tagged('country=fr'), [C, C, C]);
    assert.deepEqual(drain(from.pick(request({ tag: 'fast=yes' }))), [A, B]);
    assert.equal(pick(from, { tag: 'country=fr', family: 6 }).address.startsWith('1:'), true);
    assert.equal(from.pick(request({ tag: 'country=de', family: 6 })).next(), undefined);
    assert.deepEqual(take(from, 4), [A, B, C, A], 'the turns of all are not touched by those of a tag');
  });

  test('a tag nothing carries gives nothing, also one that every object has', () => {
    const stage = new Stage();
    const from = stage.rotator(stage.snapshot(members));
    for (const tag of ['country=it', 'constructor', '__proto__', 'toString', '']) {
      assert.equal(from.pick(request({ tag })).next(), undefined, tag);
    }
  });
});

/** A table with the same addresses as that of a stage, and cursors of its own. */
function twin(stage: Stage): { table: EgressTable; memory: RotatorMemory } {
  const copy = (memory: SharedArrayBuffer): SharedArrayBuffer => {
    const to = new SharedArrayBuffer(memory.byteLength);
    new Uint8Array(to).set(new Uint8Array(memory));
    return to;
  };
  const { ints, addresses } = stage.tableMemory;
  const table = new EgressTable({ ints: copy(ints), addresses: copy(addresses) });
  return { table, memory: rotatorMemory() };
}

test('includes() knows every address of the pool and no other', () => {
  const pool = rotator('global', '192.0.2.10-192.0.2.12, 198.51.100.7, 2001:db8::1, 2001:db8:1::/64');
  for (const address of [
    '192.0.2.10',
    '192.0.2.12',
    '198.51.100.7',
    '2001:db8::1',
    '2001:db8:1::',
    '2001:db8:1::ffff',
  ]) {
    assert.equal(pool.includes(ipBytes(address)!), true, address);
  }
  for (const address of [
    '192.0.2.9',
    '192.0.2.13',
    '198.51.100.8',
    '2001:db8::2',
    '2001:db8:2::',
    '2001:db8:0:ffff::',
  ]) {
    assert.equal(pool.includes(ipBytes(address)!), false, address);
  }
});
