import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import type { Egress } from '../../../../src/connection.ts';
import type { Rotator, SessionRequest, Stickiness } from '../../../../src/egress/rotation/rotator.ts';
import { STRATEGIES } from '../../../../src/egress/rotation/strategies.ts';
import {
  chiSquare,
  drain,
  pick,
  ranges,
  request,
  rotatorOf,
  span,
  Stage,
  take,
  tally,
} from '../../../support/rotation.ts';

const FOUR = '192.0.2.1-192.0.2.4';
/** The last digits of addresses of {@link FOUR}: 1 to 4. */
const digits = (addresses: readonly string[]): string =>
  addresses.map((address) => address.split('.').at(-1)).join('');

test('each strategy says in one line what it does', () => {
  assert.deepEqual(Object.keys(STRATEGIES), [
    'round-robin',
    'random',
    'least-recently-used',
    'least-connections',
    'weighted',
    'hash',
    'sequential',
  ]);
  for (const { summary } of Object.values(STRATEGIES)) assert.match(summary, /^[a-z][^\n]{10,90}[^.]$/);
});

test('round-robin by user: each user goes round on its own', () => {
  const from = rotatorOf({ cursor: 'user' }, FOUR);
  const of = (user: string): string[] => Array.from({ length: 4 }, () => pick(from, { user }).address);
  for (const user of ['alice', 'bob', 'carol']) {
    const [lap, next] = [of(user), of(user)];
    assert.equal(new Set(lap).size, 4);
    assert.deepEqual(lap, next);
  }
});

suite('weighted', () => {
  const members = [5, 1, 1].map((weight, index) => span(4, BigInt(index + 1), BigInt(index + 1), { weight }));

  test('5, 1, 1 give A A B A C A A, again and again', () => {
    const stage = new Stage(64);
    const from = stage.rotator(stage.snapshot(members), { name: 'weighted' });
    assert.equal(digits(take(from, 14)), '1121311'.repeat(2));
  });

  test('a retry goes to every other address, and none twice', () => {
    const stage = new Stage(64);
    const from = stage.rotator(stage.snapshot(members), { name: 'weighted' });
    assert.equal(digits(drain(from.pick(request()))), '123');
    take(from, 1);
    assert.equal(digits(drain(from.pick(request()))), '231');
    assert.equal(digits(take(from, 1)), '1', 'and takes no turn');
  });

  test('no other strategy weighs', () => {
    const stage = new Stage(64);
    const from = stage.rotator(stage.snapshot(members));
    assert.equal(digits(take(from, 6)), '123123');
  });
});

suite('random', () => {
  test('what is down gives its share to all others alike', () => {
    const stage = new Stage(64);
    const from = stage.rotator(stage.snapshot(ranges('192.0.2.0-192.0.2.9')), { name: 'random' });
    stage.table.ejectNow(stage.slotOf('192.0.2.3'));
    const counts = tally(take(from, 90_000));
    assert.equal(counts.size, 9);
    // 8 degrees of freedom: above this once in ten million runs.
    const chi = chiSquare(counts.values(), 10_000);
    assert.ok(chi < 48, `chi² = ${chi}`);
  });
});

suite('least-recently-used', () => {
  test('begins in the order of the pool and goes by last use, not by place', () => {
    const stage = new Stage(64);
    const from = stage.rotator(stage.snapshot(ranges(FOUR)), { name: 'least-recently-used' });
    assert.equal(digits(take(from, 5)), '12341');
    // Another strategy's retry, a session: whoever touches an address makes it young.
    stage.table.touch(stage.slotOf('192.0.2.2'));
    assert.equal(digits(take(from, 5)), '34123');
  });

  test('who joins comes first, and who stays keeps its age', () => {
    const stage = new Stage(64);
    const from = stage.rotator(stage.snapshot(ranges('192.0.2.1-192.0.2.3')), {
      name: 'least-recently-used',
    });
    assert.equal(digits(take(from, 5)), '12312');
    from.replace(stage.snapshot(ranges('192.0.2.1-192.0.2.4')));
    assert.equal(digits(take(from, 5)), '43124');
  });

  test('the numbers may wrap', () => {
    const stage = new Stage(64);
    const snapshot = stage.snapshot(ranges(FOUR));
    const sequence = new Int32Array(stage.tableMemory.ints, 64 * 7 * 4, 1);
    for (const start of [2 ** 31 - 6, -6]) {
      sequence[0] = start;
      for (const slot of stage.slots.members()) stage.table.touch(slot);
      const from = stage.rotator(snapshot, { name: 'least-recently-used' });
      assert.equal(digits(take(from, 12)), '123412341234');
    }
  });
});

suite('least-connections', () => {
  test('equal members take turns', () => {
    const from = rotatorOf({ name: 'least-connections' }, FOUR);
    assert.equal(digits(take(from, 8)), '12341234');
  });

  test('equal members take turns when each tunnel ends before the next', () => {
    const from = rotatorOf({ name: 'least-connections' }, FOUR);
    const seen = Array.from({ length: 8 }, () => {
      const egress = pick(from);
      from.release(egress);
      return egress.address;
    });
    assert.equal(digits(seen), '12341234');
  });

  test('always one that has the fewest, on whatever thread tunnels open and close', () => {
    const act = fc.oneof(
      fc.record({ act: fc.constant('pick' as const), thread: fc.nat(2) }),
      fc.record({ act: fc.constant('close' as const), thread: fc.nat(2), which: fc.nat(1000) }),
      fc.record({ act: fc.constant('eject' as const), thread: fc.constant(0), which: fc.nat(5) }),
    );
    fc.assert(
      fc.property(fc.array(act, { maxLength: 300 }), (acts) => {
        const stage = new Stage(8);
        const { table } = stage;
        const snapshot = stage.snapshot(ranges('192.0.2.0-192.0.2.5'));
        const threads = [0, 1, 2].map(() => stage.rotator(snapshot, { name: 'least-connections' }));
        const open: Egress[] = [];
        for (const one of acts) {
          const usable = [...stage.slots.members()].filter((slot) => table.usable(slot));
          if (one.act === 'pick') {
            const least = Math.min(...usable.map((slot) => table.active(slot)));
            const egress = threads[one.thread]!.pick(request()).next();
            if (usable.length === 0) assert.equal(egress, undefined);
            else assert.equal(table.active(egress!.slot), least + 1);
            if (egress !== undefined) open.push(egress);
          } else if (one.act === 'eject') table.ejectNow(usable[one.which] ?? 0);
          else if (open.length > 0) {
            threads[one.thread]!.release(open.splice(one.which % open.length, 1)[0]!);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  test('stays right when a thread has missed more than the log of closed tunnels holds', () => {
    const stage = new Stage(8);
    const snapshot = stage.snapshot(ranges(FOUR));
    const [idle, busy] = [0, 1].map(() => stage.rotator(snapshot, { name: 'least-connections' }));
    take(idle!, 8);
    for (let turn = 0; turn < 9000; turn++) busy!.release(pick(busy!));
    stage.table.closed(stage.slotOf('192.0.2.3'));
    assert.equal(digits(take(idle!, 1)), '3');
  });

  test('tunnels that stay are spread over 65,536 addresses, one each', () => {
    const stage = new Stage();
    const from = stage.rotator(stage.snapshot(ranges('10.0.0.0/16')), { name: 'least-connections' });
    assert.equal(new Set(take(from, 65_536)).size, 65_536);
  });
});

suite('hash', () => {
  const KEYS = Array.from({ length: 300 }, (_, index) => `key-${index}`);
  const homes = (from: Rotator): Map<string, string> =>
    new Map(KEYS.map((key) => [key, pick(from, { client: key }).address]));
  const members = (hosts: readonly number[]): ReturnType<typeof span>[] =>
    hosts.map((host) => span(4, BigInt(host), BigInt(host)));

  test('goes by what it is told to, and by nothing else', () => {
    for (const hashBy of ['client', 'user', 'destination'] as const) {
      const from = rotatorOf({ name: 'hash', hashBy }, '10.0.0.0/24');
      const seen = (varied: 'client' | 'user' | 'destination'): number =>
        new Set(KEYS.map((key) => pick(from, { [varied]: key }).address)).size;
      for (const varied of ['client', 'user', 'destination'] as const) {
        if (varied === hashBy) assert.ok(seen(varied) > 100);
        else assert.equal(seen(varied), 1, `${varied} does not matter`);
      }
    }
  });

  test('an address that leaves takes along its own keys and no others, one that joins draws some and mixes nothing', () => {
    const pool = fc.uniqueArray(fc.nat(100_000), { minLength: 2, maxLength: 30 });
    fc.assert(
      fc.property(pool, fc.nat(), fc.boolean(), (hosts, which, eject) => {
        const stage = new Stage(128);
        const from = stage.rotator(stage.snapshot(members(hosts)), { name: 'hash' });
        const before = homes(from);
        const gone = [...stage.slots.members()].map((slot) => stage.table.address(slot))[
          which % hosts.length
        ]!;
        const left = hosts.filter((_, index) => index !== which % hosts.length);
        // Down at once, and out of the pool: the keys move the same way.
        if (eject) stage.table.ejectNow(stage.slotOf(gone));
        else from.replace(stage.snapshot(members(left.toReversed())));
        for (const [key, home] of homes(from)) {
          if (before.get(key) === gone) assert.notEqual(home, gone);
          else assert.equal(home, before.get(key), key);
        }
        if (eject) stage.table.setState(stage.slotOf(gone), 'up');
        else from.replace(stage.snapshot(members(hosts)));
        assert.deepEqual(homes(from), before);
      }),
      { numRuns: 60 },
    );
  });

  test('does not depend on slots or on the process: only on key and address', () => {
    const [one, two] = [new Stage(64), new Stage(64)];
    two.snapshot(members([7, 8, 9, 1, 2]));
    const [here, there] = [one, two].map((stage) =>
      homes(stage.rotator(stage.snapshot(members([1, 2, 3, 4, 9])), { name: 'hash' })),
    );
    assert.deepEqual(here, there);
  });

  test('in a block a key has an address of its own, always the same', () => {
    const [one, two] = [1, 2].map((seed) => {
      const stage = new Stage(64);
      const snapshot = stage.snapshot(ranges('2001:db8::/64'), Uint8Array.of(seed));
      const from = stage.rotator(snapshot, { name: 'hash' });
      return KEYS.map((key) => pick(from, { client: key, family: 6 }).address);
    });
    assert.deepEqual(one, two);
    assert.equal(new Set(one).size, KEYS.length);
  });
});

suite('sequential', () => {
  test('every 3 requests', () => {
    const from = rotatorOf({ name: 'sequential', everyRequests: 3 }, FOUR);
    assert.equal(digits(take(from, 14)), '11122233344411');
  });

  test('counts requests over all destinations, and retries not at all', () => {
    const from = rotatorOf({ name: 'sequential', everyRequests: 2, cursor: 'destination' }, FOUR);
    const seen = ['a', 'b', 'c', 'd'].map((destination) => drain(from.pick(request({ destination }))));
    assert.deepEqual(seen.map(digits), ['1234', '1234', '2341', '2341']);
  });

  test('every 10 seconds of a clock all threads share', () => {
    const stage = new Stage(64);
    let now = 0;
    const snapshot = stage.snapshot(ranges(FOUR));
    const options = { name: 'sequential', everyMs: 10_000 } as const;
    const threads = [0, 1].map(() => stage.rotator(snapshot, options, undefined, () => now));
    const seen = [0, 1, 9999, 10_000, 15_000, 39_999, 40_000, 51_000].map((time, index) => {
      now = time;
      return take(threads[index % 2]!, 1)[0]!;
    });
    assert.equal(digits(seen), '11122412');
  });

  test('both: whichever comes, it moves on by one', () => {
    const stage = new Stage(64);
    let now = 0;
    const from = stage.rotator(
      stage.snapshot(ranges(FOUR)),
      { name: 'sequential', everyRequests: 4, everyMs: 1000 },
      undefined,
      () => now,
    );
    const seen = take(from, 3);
    now = 1000;
    assert.equal(digits([...seen, ...take(from, 3)]), '111233');
  });

  test('inside a block it stays at one address as well', () => {
    const from = rotatorOf({ name: 'sequential', everyRequests: 5 }, '2001:db8::/64');
    const seen = take(from, 20, 'x', 6);
    assert.equal(new Set(seen).size, 4);
    assert.deepEqual(
      seen,
      [0, 5, 10, 15].flatMap((index) => Array.from({ length: 5 }, () => seen[index])),
    );
    assert.equal(new Set(drain(from.pick(request({ family: 6 })), 9)).size, 9, 'a retry has others');
  });
});

suite('sessions', () => {
  const session: SessionRequest = { key: 'alice\0shop', ttlMs: 0, idleMs: 0, strict: false };
  const sticky = (...addresses: string[]): { sessions: Stickiness; settled: [string, number][] } => {
    const settled: [string, number][] = [];
    return {
      settled,
      sessions: {
        candidates({ key }, { order }, table) {
          const wanted = order.filter(
            (slot) => addresses.includes(table.address(slot)) && table.usable(slot),
          );
          const slots = wanted.values();
          return {
            inside: key,
            next: () => slots.next().value,
            settle(slot) {
              settled.push([key, slot]);
              return table.address(slot) !== addresses[0];
            },
          };
        },
      },
    };
  };

  test('decide in place of the strategy, and take no turn', () => {
    const stage = new Stage(64);
    const { sessions, settled } = sticky('192.0.2.2', '192.0.2.4');
    const from = stage.rotator(stage.snapshot(ranges(FOUR)), {}, sessions);
    assert.equal(digits(drain(from.pick(request({ session })))), '24');
    assert.equal(digits(take(from, 2)), '12');
    stage.table.ejectNow(stage.slotOf('192.0.2.2'));
    const picks = from.pick(request({ session }));
    const egress = picks.next()!;
    assert.equal(egress.address, '192.0.2.4');
    assert.equal(picks.next(), undefined);
    assert.equal(stage.table.active(egress.slot), 2, 'counted like any other tunnel');
    assert.equal(picks.settle(egress), true);
    assert.deepEqual(settled, [[session.key, egress.slot]]);
  });

  test('without one, settling says nothing', () => {
    const stage = new Stage(64);
    const { sessions, settled } = sticky();
    const picks = stage.rotator(stage.snapshot(ranges(FOUR)), {}, sessions).pick(request());
    assert.equal(picks.settle(picks.next()!), false);
    assert.deepEqual(settled, []);
  });

  test('in a block a session has one address by its key, whatever the process', () => {
    const of = (key: string, seed: number): string[] => {
      const stage = new Stage(64);
      const snapshot = stage.snapshot(ranges('2001:db8::/48'), Uint8Array.of(seed));
      const from = stage.rotator(snapshot, {}, sticky('2001:db8::').sessions);
      return drain(from.pick(request({ family: 6, session: { ...session, key } })));
    };
    assert.deepEqual(of('a', 1), of('a', 2));
    assert.equal(of('a', 1).length, 1);
    assert.notDeepEqual(of('a', 1), of('b', 1));
  });
});
