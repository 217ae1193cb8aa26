import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import { scramble } from '../../../../src/egress/rotation/hash.ts';
import { favourite, hashKey, isMember } from '../../../../src/egress/sessions/rendezvous.ts';
import { chiSquare, ranges, Stage, tally } from '../../../support/rotation.ts';

/** A pool of its own, with slots of its own: where sessions go by address. */
const pool = (
  ...terms: string[]
): ((key: string, salt?: number, without?: string[]) => string | undefined) => {
  const stage = new Stage(1024);
  const { v4 } = stage.snapshot(ranges(...terms));
  return (key, salt = 0, without = []) => {
    const slot = favourite(
      v4,
      stage.table,
      hashKey(key, 4),
      salt,
      without.map((text) => stage.slotOf(text)),
    );
    return slot === undefined ? undefined : stage.table.address(slot);
  };
};

const address = fc.integer({ min: 0, max: 250 }).map((host) => `192.0.2.${host}`);
const members = fc.uniqueArray(address, { minLength: 2, maxLength: 40 });
const KEYS = Array.from({ length: 300 }, (_, index) => `user 5:alice 3:s${index}`);

suite('one member more or less', () => {
  test('removing one moves its sessions and no others; putting it back, at another place, brings back just those', () => {
    fc.assert(
      fc.property(members, fc.nat(), (all, which) => {
        const gone = all[which % all.length]!;
        const rest = all.filter((one) => one !== gone);
        const [before, without, after] = [pool(...all), pool(...rest), pool(gone, ...rest.toReversed())];
        for (const key of KEYS) {
          const home = before(key);
          if (home === gone) assert.notEqual(without(key), gone);
          else assert.equal(without(key), home);
          assert.equal(after(key), home);
        }
      }),
      { numRuns: 50 },
    );
  });

  test('any change: whoever stays at a member that stays has the same one as before, unless a new one won it', () => {
    fc.assert(
      fc.property(members, members, (one, two) => {
        const [before, after] = [pool(...one), pool(...two)];
        for (const key of KEYS) {
          const [from, to] = [before(key)!, after(key)!];
          if (from !== to) assert.ok(!two.includes(from) || !one.includes(to), `${key}: ${from} to ${to}`);
        }
      }),
      { numRuns: 50 },
    );
  });

  test('what is left out sends a session where the removal would', () => {
    const [all, rest] = [pool('192.0.2.1-192.0.2.9'), pool('192.0.2.1-192.0.2.6', '192.0.2.8-192.0.2.9')];
    for (const key of KEYS) assert.equal(all(key, 0, ['192.0.2.7']), rest(key));
    assert.equal(pool('192.0.2.1')('a', 0, ['192.0.2.1']), undefined);
  });
});

suite('the spread', () => {
  // The 99.9 % quantile of chi-square with 49 degrees of freedom. Nothing here is random: the answer never changes.
  const LIMIT = 85.35;
  const spread = (salt: number): Map<string, number> => {
    const of = pool('192.0.2.1-192.0.2.50');
    return tally(
      Array.from({ length: 100_000 }, (_, index) => of(`user 5:alice 6:${index + 100_000}`, salt)!),
    );
  };

  for (const salt of [0, 1, 1_700_000_000]) {
    test(`100,000 sessions over 50 addresses are even, salt ${salt}`, () => {
      const counts = spread(salt);
      assert.equal(counts.size, 50);
      assert.ok(chiSquare(counts.values(), 2000) < LIMIT, [...counts.values()].join(' '));
    });
  }

  test('another salt is another draw: one session in 50 stays', () => {
    const of = pool('192.0.2.1-192.0.2.50');
    const stayed = Array.from({ length: 50_000 }, (_, index) => of(`s${index}`, 1) === of(`s${index}`, 2));
    const count = stayed.filter(Boolean).length;
    assert.ok(count > 850 && count < 1150, String(count));
  });

  test('weights are honoured, and changing one moves only sessions to or from its address', () => {
    const [even, heavy] = [pool('192.0.2.1-192.0.2.10'), pool('192.0.2.1*6', '192.0.2.2-192.0.2.10')];
    const counts = new Map<string, number>();
    for (let index = 0; index < 30_000; index++) {
      const [from, to] = [even(`s${index}`)!, heavy(`s${index}`)!];
      if (from !== to) assert.equal(to, '192.0.2.1');
      counts.set(to, (counts.get(to) ?? 0) + 1);
    }
    assert.ok(Math.abs(counts.get('192.0.2.1')! - 12_000) < 350, String(counts.get('192.0.2.1')));
    counts.delete('192.0.2.1');
    // 99.9 % with 8 degrees of freedom.
    assert.ok(chiSquare(counts.values(), (30_000 - 12_000) / 9) < 30, [...counts.values()].join(' '));
  });
});

test('10^6 keys have 10^6 hashes, and the families have different ones', () => {
  const seen = new Set<number>();
  for (let index = 0; index < 1_000_000; index++) {
    const id = scramble(index).toString(36) + scramble(~index).toString(36);
    const { high, low } = hashKey(`user 5:alice ${id.length}:${id}`, 4);
    // 53 of the 64 bits: what a number holds exactly.
    seen.add((high >>> 0) * 2 ** 21 + (low >>> 11));
  }
  assert.equal(seen.size, 1_000_000);
  assert.notDeepEqual(hashKey('a', 4), hashKey('a', 6));
});

test('a member is who is in the order', () => {
  const stage = new Stage(64);
  const { v4 } = stage.snapshot(ranges('192.0.2.1-192.0.2.3'));
  assert.deepEqual(
    [...v4.order].map((slot) => isMember(v4, slot)),
    [true, true, true],
  );
  assert.equal(isMember(v4, 3), false);
  assert.equal(isMember(v4, 63), false);
  assert.equal(isMember(v4, -1), false);
});
