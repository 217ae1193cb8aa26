/** How many, how often and how much: limits of all, of a listener, of a client and of a user, over real sockets. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import type { GyreOptions, LimitSettings } from '../../src/runtime/config/options.ts';
import type { Gateway } from '../../src/runtime/gateway.ts';
import { anyTarget } from '../support/any-target.ts';
import {
  ask,
  come,
  LOGIN_WAYS,
  outcome,
  WAYS_IN,
  type Told,
  type WayIn,
  type Wish,
} from '../support/four-ways.ts';
import { eventually, gateway } from '../support/gateway.ts';
import type { Peer, Target } from '../support/peer.ts';

const folder = mkdtempSync(join(tmpdir(), 'gyre-limits-'));
after(() => rmSync(folder, { recursive: true }));

const MOST = 40;
const MORE = 50;

/** Whom a limit is for, and how the client hears that. */
interface Kind {
  readonly whose: string;
  readonly ways: readonly WayIn[];
  readonly login?: string;
  readonly options: (terms: LimitSettings) => Partial<GyreOptions>;
  /** Somebody it is not for, if there can be one. */
  readonly other?: Partial<Wish>;
}

const USERS = ['ann', 'bob'].map((name) => ({ name, password: 'x' }));

const KINDS: Readonly<Record<string, Kind>> = {
  'all connections': {
    whose: 'of all clients together',
    ways: WAYS_IN,
    options: (all) => ({ limits: { all } }),
  },
  'a listener': {
    whose: 'of this listener',
    ways: WAYS_IN,
    options: (limits) => ({ listen: { address: '127.0.0.1:0', limits } }),
  },
  'a client': {
    whose: 'of this client address',
    ways: WAYS_IN,
    options: (client) => ({ limits: { client } }),
    other: { from: '127.0.0.66' },
  },
  'each user': {
    whose: 'of this user',
    ways: LOGIN_WAYS,
    login: 'ann-session-a:x',
    options: (user) => ({ users: USERS, limits: { user } }),
    other: { login: 'bob:x' },
  },
  'one user': {
    whose: 'of this user',
    ways: LOGIN_WAYS,
    login: 'ann:x',
    options: (limits) => ({ users: [{ ...USERS[0]!, limits }, USERS[1]!] }),
    other: { login: 'bob:x' },
  },
};

/** What is said to who is too much, by way. */
const refusals = (sentence: string): Record<WayIn, string> => ({
  SOCKS5: '05 02',
  SOCKS4: '5b',
  CONNECT: `429 ${sentence}`,
  'plain HTTP': `429 ${sentence}`,
});

interface Entry {
  readonly told: Told;
  readonly way: WayIn;
}

const asMany = (count: number, { ways }: Pick<Kind, 'ways'>, wish: Wish): Promise<Entry[]> =>
  Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const way = ways[i % ways.length]!;
      return { told: await ask(way, { ...wish, path: '/hold' }), way };
    }),
  );

/** Ends it in one of the ways there are; twice, where that is possible. */
function leave({ client, word }: Told, way: WayIn, turn: number): void {
  // Who has only ended may still wait for the answer to a forwarded request.
  if (turn % 4 === 0 || (way === 'plain HTTP' && word === 'granted')) return client.reset();
  if (turn % 4 === 1) return void client.socket.destroy();
  client.end();
  if (turn % 4 === 2) setImmediate(() => client.socket.destroy());
}

for (const [name, kind] of Object.entries(KINDS)) {
  describe(`limits of ${name}`, () => {
    test(`${MOST} connections are let in of ${MOST + MORE} at once over 4 threads, after every storm`, async () => {
      await using target = await anyTarget();
      await using proxy = await gateway({ workers: 4, ...kind.options({ connections: MOST }) });
      const wish = { proxy: proxy.endpoints[0]!.port, port: target.port, login: kind.login };
      for (let storm = 0; storm < 3; storm++) {
        const all = await asMany(MOST + MORE, kind, wish);
        const inside = all.filter(({ told }) => told.word === 'granted');
        assert.equal(inside.length, MOST, `in storm ${storm}`);
        const wanted = refusals(`too many connections ${kind.whose}`);
        for (const { told, way } of all) {
          if (told.word !== 'granted') assert.equal(told.word, wanted[way]);
          if (told.word.startsWith('429')) assert.ok(told.retryAfter! >= 1);
        }
        if (kind.other !== undefined)
          assert.equal(await outcome(kind.ways[0]!, { ...wish, ...kind.other }), 'granted');
        await leaveAll(all, target, proxy);
      }
    });

    test('new connections: the first 5 of 20, and the others hear when to come again', async () => {
      await using target = await anyTarget();
      await using proxy = await gateway({ workers: 4, ...kind.options({ rate: '5/h' }) });
      const wish = { proxy: proxy.endpoints[0]!.port, port: target.port, login: kind.login };
      const all = await asMany(20, kind, wish);
      try {
        assert.equal(all.filter(({ told }) => told.word === 'granted').length, 5);
        for (const { told, way } of all) {
          if (told.word === 'granted') continue;
          // One every twelve minutes.
          if (told.retryAfter !== undefined) assert.ok(told.retryAfter > 600 && told.retryAfter <= 720);
          const sentence = `too many new connections ${kind.whose}: try again in ${told.retryAfter} s`;
          assert.equal(told.word, refusals(sentence)[way]);
        }
        if (kind.other !== undefined)
          assert.equal(await outcome(kind.ways[0]!, { ...wish, ...kind.other }), 'granted');
        await eventually('they are counted', () => proxy.stats().failures.RATE_LIMITED === 15);
      } finally {
        for (const { told } of all) told[Symbol.dispose]();
      }
    });

    test('a quota: who has used it up is cut, and refused until the next period', async () => {
      await using target = await anyTarget();
      const quotaFile = join(folder, name.replaceAll(' ', '-'));
      const { limits, ...rest } = kind.options({ quota: '1MB/month' });
      const options = { workers: 2, ...rest, limits: { ...limits, quotaFile } };
      const assertRefused = async (wish: Wish): Promise<void> => {
        for (const way of kind.ways) {
          using told = await ask(way, wish);
          const sentence = `the quota of bytes ${kind.whose} is used up: try again in ${told.retryAfter} s`;
          assert.equal(told.word, refusals(sentence)[way]);
          if (told.retryAfter !== undefined) assert.ok(told.retryAfter <= 31 * 86_400);
        }
        if (kind.other !== undefined)
          assert.equal(await outcome(kind.ways[0]!, { ...wish, ...kind.other }), 'granted');
      };
      {
        await using proxy = await gateway(options);
        const wish = { proxy: proxy.endpoints[0]!.port, port: target.port, login: kind.login };
        // Half of the quota, in bytes that are echoed: then all of it.
        using first = await ask('CONNECT', wish);
        await echoed(first.client, 250_000);
        first.client.end();
        await first.client.rest();
        using second = await ask(kind.ways[0]!, wish);
        await echoed(second.client, 300_000);
        await second.client.rest();
        await eventually('it is cut for that', () => proxy.stats().failures.QUOTA_EXCEEDED === 1);
        await assertRefused(wish);
      }
      await using proxy = await gateway(options);
      await assertRefused({ proxy: proxy.endpoints[0]!.port, port: target.port, login: kind.login });
    });
  });
}

async function echoed({ socket }: Peer, bytes: number): Promise<void> {
  let left = bytes;
  const back = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      left -= chunk.length;
      if (left <= 0) resolve();
    });
  });
  socket.write(Buffer.alloc(bytes));
  await back;
}

/** All at the same time, and the target as well: every connection ends from both sides. */
async function leaveAll(all: readonly Entry[], target: Target, proxy: Gateway): Promise<void> {
  for (const [i, { told, way }] of all.entries()) leave(told, way, i);
  await eventually('nothing is active', () => proxy.stats().active === 0 && target.connections === 0);
}

test('a limit of connections holds for those before the request, over 4 threads', async () => {
  await using target = await anyTarget();
  await using proxy = await gateway({ workers: 4, limits: { handshakes: 10 } });
  const wish = { proxy: proxy.endpoints[0]!.port, port: target.port };
  for (let storm = 0; storm < 2; storm++) {
    const silent: Peer[] = [];
    try {
      for (let i = 0; i < 10; i++) silent.push(await come(wish));
      await eventually('all are accepted', () => proxy.stats().active === 10);
      for (const way of WAYS_IN) assert.match(await outcome(way, wish), /^(?:closed|reset)$/);
      assert.equal(await outcome('SOCKS5', { ...wish, from: '127.0.0.66' }), 'granted');
    } finally {
      for (const peer of silent) peer.socket.destroy();
    }
    await eventually('nothing is active', () => proxy.stats().active === 0);
    for (const way of WAYS_IN) assert.equal(await outcome(way, wish), 'granted');
    await eventually('nothing is active', () => proxy.stats().active === 0);
  }
  assert.equal(proxy.stats().failures.TOO_MANY_CONNECTIONS, 8);
});

test('a client that was asked for a password counts as one before the request, for as long as it stays', async () => {
  await using proxy = await gateway({ limits: { handshakes: 10 }, users: USERS });
  const wish = { proxy: proxy.endpoints[0]!.port, port: 1 };
  const waiting = await Promise.all(Array.from({ length: 30 }, () => ask('plain HTTP', wish)));
  try {
    // Whoever was refused is gone, or was told to go.
    const open = waiting.filter(
      ({ client, word }) => word.startsWith('407') && !client.ended && !client.closed,
    );
    assert.ok(open.length <= 10, `${open.length} that nobody knows stay`);
  } finally {
    for (const told of waiting) told[Symbol.dispose]();
  }
});

test('the places of a thread that dies can be had again, all and no more', async () => {
  const workers: Worker[] = [];
  const collect = (worker: Worker): void => void workers.push(worker);
  process.on('worker', collect);
  try {
    await using target = await anyTarget();
    await using proxy = await gateway({ workers: 4, limits: { client: { connections: MOST } } });
    const wish = { proxy: proxy.endpoints[0]!.port, port: target.port };
    const kind = { ways: WAYS_IN };
    const before = await asMany(MOST, kind, wish);
    assert.ok(before.every(({ told }) => told.word === 'granted'));
    await workers[0]!.terminate();
    await eventually('a new thread has started', () => workers.length === 5);
    await once(workers[4]!, 'message');
    const left = (): number =>
      before.filter(({ told: { client } }) => !client.ended && !client.closed).length;
    await eventually('the dead one holds no counter', () => proxy.stats().active === left());
    const free = MOST - left();
    assert.ok(free > 0, 'the thread had connections');
    const after = await asMany(free + MORE, kind, wish);
    assert.equal(after.filter(({ told }) => told.word === 'granted').length, free);
    await leaveAll([...before, ...after], target, proxy);
    const again = await asMany(MOST + MORE, kind, wish);
    assert.equal(again.filter(({ told }) => told.word === 'granted').length, MOST);
    await leaveAll(again, target, proxy);
  } finally {
    process.off('worker', collect);
  }
});

test('a forwarded answer is cut when the quota is used up, and does not look whole', async () => {
  await using target = await anyTarget();
  await using proxy = await gateway({ users: USERS, limits: { user: { quota: '1MB/month' } } });
  const wish = { proxy: proxy.endpoints[0]!.port, port: target.port, login: 'ann:x' };
  using told = await ask('plain HTTP', { ...wish, path: '/endless' });
  assert.equal(told.word, 'granted');
  told.client.socket.resume();
  await told.client.waitClosed();
  assert.equal(told.client.error?.code, 'ECONNRESET');
  await eventually('it is cut for that', () => proxy.stats().failures.QUOTA_EXCEEDED === 1);
  assert.match(await outcome('plain HTTP', wish), /^429 the quota/);
});
