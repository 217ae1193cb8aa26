/** Sessions in pools with blocks, as the rotator hands them out. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import { buildBlock, hashedWalk } from '../../../../src/egress/pool/block.ts';
import type { Range, Span } from '../../../../src/egress/pool/ranges.ts';
import { sessionMemory, Sessions, type SessionRequest } from '../../../../src/egress/sessions/sessions.ts';
import { ranges, request, span, Stage } from '../../../support/rotation.ts';

const BASE = 0x20010db8n << 96n;
const HOUR = 3_600_000;
const KEYS = Array.from({ length: 200 }, (_, index) => `user 5:alice 3:s${index}`);

/** The address of each key in a range. The seed is another one in every process. */
const places = (range: Range, seed = 0): string[] =>
  KEYS.map((key) => hashedWalk(buildBlock(range, Uint8Array.of(seed)), key)()!);
const valueOf = (v4: string): bigint => v4.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
const inside = (value: bigint, { first, last }: Span): boolean => value >= first && value <= last;

suite('the address of a session inside a block', () => {
  test('moves only when a hole takes it, wherever the hole is', () => {
    const FIRST = 0x0a000000n;
    const SIZE = 100_000;
    const whole = span(4, FIRST, FIRST + BigInt(SIZE) - 1n);
    const hole = (from: number, size: number): Span[] =>
      size === 0 ? [] : [{ first: FIRST + BigInt(from), last: FIRST + BigInt(from + size) - 1n }];
    fc.assert(
      fc.property(fc.nat(SIZE / 2), fc.nat(SIZE / 4), fc.nat(SIZE / 4), (from, size, more) => {
        const before = places({ ...whole, holes: hole(from, size) });
        const after = places({ ...whole, holes: hole(from, size + more) }, 1);
        const taken = (address: string): boolean =>
          hole(from, size + more).some((span) => inside(valueOf(address), span));
        assert.ok(!after.some(taken));
        for (const [index, address] of before.entries()) {
          if (!taken(address)) assert.equal(after[index], address);
        }
      }),
      { numRuns: 40 },
    );
  });

  test('is found even when next to nothing is left', () => {
    const hole = { first: BASE, last: BASE + (1n << 80n) - 3n };
    const seen = new Set(places(span(6, BASE, BASE + (1n << 80n) - 1n, { holes: [hole] })));
    assert.deepEqual([...seen].sort(), [
      '2001:db8:0:ffff:ffff:ffff:ffff:fffe',
      '2001:db8:0:ffff:ffff:ffff:ffff:ffff',
    ]);
  });

  test('is anywhere in it, and not only in the first /64', () => {
    const networks = places(span(6, BASE, BASE + (1n << 80n) - 1n)).map((address) => address.split(':')[3]);
    assert.ok(new Set(networks).size > 190);
  });
});

suite('a rotator', () => {
  const rotate = (
    now: () => number,
    ...terms: string[]
  ): ((key: string, more?: Partial<SessionRequest>) => string) => {
    const stage = new Stage(64);
    const sessions = new Sessions(sessionMemory(1024), now);
    const rotator = stage.rotator(stage.snapshot(ranges(...terms), Uint8Array.of(now() % 256)), {}, sessions);
    return (key, more = {}) => {
      const session = { key, ttlMs: 0, idleMs: 0, strict: false, ...more };
      const picks = rotator.pick(request({ family: 6, session }));
      const egress = picks.next()!;
      assert.equal(picks.settle(egress), false);
      rotator.release(egress);
      return egress.address;
    };
  };

  test('gives a session one address of a /64 for its term, then another, and the first again after a restart', () => {
    let now = 1_700_000_000_000;
    const pick = rotate(() => now, '2001:db8::/64');
    const limits = { ttlMs: HOUR };
    const first = pick('a', limits);
    assert.equal(pick('a', limits), first);
    assert.notEqual(pick('b', limits), first);
    now += HOUR;
    const second = pick('a', limits);
    assert.notEqual(second, first);
    now += HOUR - 1;
    assert.equal(pick('a', limits), second);
    assert.equal(rotate(() => now, '2001:db8::/64')('a', limits), first);
  });

  test('takes a block for one member among others', () => {
    const pick = rotate(() => 0, '2001:db8::/64', '2001:db8:1::1-2001:db8:1::3');
    const home = KEYS.map((key) => pick(key));
    assert.deepEqual(
      KEYS.map((key) => pick(key)),
      home,
    );
    const walked = home.filter((address) => !address.startsWith('2001:db8:1::'));
    assert.ok(walked.length > 30 && walked.length < 70, String(walked.length));
    assert.equal(new Set(home).size, walked.length + 3);
  });
});
