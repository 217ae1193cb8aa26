import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Family } from '../../../../src/connection.ts';
import { DnsCache, type Answer, type CacheOptions } from '../../../../src/egress/names/dns-cache.ts';

const answer = (ttl: number, address = '192.0.2.1'): Answer => ({
  addresses: [{ address, family: 4 }],
  error: undefined,
  ttl,
});

/** A cache over a name server that answers what it is told to, with a clock that stands. */
function fixture(
  reply: (name: string, family: Family) => Answer | Promise<Answer>,
  options: Partial<CacheOptions> = {},
) {
  const asked: string[] = [];
  const clock = { ms: 0 };
  const cache = new DnsCache(
    async (name, family) => {
      asked.push(`${name} ${family}`);
      return reply(name, family);
    },
    { maxTtl: 300_000, now: () => clock.ms, ...options },
  );
  return { cache, asked, clock };
}

test('an answer holds for its TTL, and not a millisecond longer', async () => {
  const { cache, asked, clock } = fixture(() => answer(2));
  assert.equal((await cache.lookup('a.test', 4)).addresses[0]?.address, '192.0.2.1');
  clock.ms = 1999;
  await cache.lookup('a.test', 4);
  assert.equal(asked.length, 1);
  clock.ms = 2000;
  await cache.lookup('a.test', 4);
  assert.equal(asked.length, 2);
});

test('families are kept apart', async () => {
  const { cache, asked } = fixture((_, family) => answer(60, family === 4 ? '192.0.2.1' : '2001:db8::1'));
  await cache.lookup('a.test', 4);
  assert.equal((await cache.lookup('a.test', 6)).addresses[0]?.address, '2001:db8::1');
  assert.deepEqual(asked, ['a.test 4', 'a.test 6']);
});

test('a TTL is cut to the configured maximum, and a maximum of 0 keeps nothing', async () => {
  const day = 86_400;
  const { cache, asked, clock } = fixture(() => answer(day), { maxTtl: 1000 });
  await cache.lookup('a.test', 4);
  clock.ms = 1000;
  await cache.lookup('a.test', 4);
  assert.equal(asked.length, 2);
  const none = fixture(() => answer(day), { maxTtl: 0 });
  await none.cache.lookup('a.test', 4);
  await none.cache.lookup('a.test', 4);
  assert.deepEqual([none.asked.length, none.cache.size], [2, 0]);
});

test('callers at the same time share one query, even for what is not kept', async () => {
  const gate = Promise.withResolvers<Answer>();
  const { cache, asked } = fixture(() => gate.promise);
  const all = [cache.lookup('a.test', 4), cache.lookup('a.test', 4), cache.lookup('a.test', 4)];
  gate.resolve(answer(0));
  const answers = await Promise.all(all);
  assert.equal(asked.length, 1);
  assert(answers.every(({ addresses }) => addresses.length === 1));
  await cache.lookup('a.test', 4);
  assert.equal(asked.length, 2);
});

test('"no such name" is kept like an answer, by the TTL it comes with', async () => {
  const error = Object.assign(new Error('gone'), { code: 'ENOTFOUND' });
  const { cache, asked, clock } = fixture(() => ({ addresses: [], error, ttl: 5 }));
  await cache.lookup('a.test', 4);
  assert.equal((await cache.lookup('a.test', 4)).error?.code, 'ENOTFOUND');
  assert.equal(asked.length, 1);
  clock.ms = 5000;
  await cache.lookup('a.test', 4);
  assert.equal(asked.length, 2);
});

test('what was used least recently goes first when it is full', async () => {
  const { cache, asked } = fixture(() => answer(60), { capacity: 3 });
  for (const name of ['a', 'b', 'c', 'a', 'd', 'a', 'c', 'd', 'b']) await cache.lookup(name, 4);
  assert.deepEqual(asked, ['a 4', 'b 4', 'c 4', 'd 4', 'b 4']);
  assert.equal(cache.size, 3);
});

test('20,000 names leave no more than the capacity', async () => {
  const { cache } = fixture(() => answer(60), { capacity: 1000 });
  for (let i = 0; i < 20_000; i++) await cache.lookup(`${i}.test`, 4);
  assert.equal(cache.size, 1000);
});

test('names that are asked for while 10,000 others are, are refused, and the place is free again after an answer', async () => {
  const gate = Promise.withResolvers<Answer>();
  const { cache } = fixture((name) => (name === 'later.test' ? answer(1) : gate.promise));
  const waiting = Array.from({ length: 10_000 }, (_, i) => cache.lookup(`${i}.test`, 4));
  assert.throws(() => cache.lookup('later.test', 4), { code: 'DNS_FAILED' });
  assert.equal(cache.lookup('7.test', 4), waiting[7]);
  gate.resolve(answer(0));
  await Promise.all(waiting);
  assert.equal((await cache.lookup('later.test', 4)).addresses.length, 1);
});
