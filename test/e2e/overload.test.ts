/** A process that runs out of descriptors, memory or disk: it lives, rests, blames no address, and recovers by itself. */
import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import bcrypt from 'bcryptjs';
import { anyTarget } from '../support/any-target.ts';
import { ask, come, httpHead, outcome, WAYS_IN, type Told, type Wish } from '../support/four-ways.ts';
import { eventually, gateway } from '../support/gateway.ts';
import type { Report } from '../support/gateway-main.ts';
import { gatewayProcess, type GatewayProcess } from '../support/gateway-process.ts';
import { startGyre } from '../support/program-gyre.ts';

const OPEN_FILES = 256;
const MIB = 2 ** 20;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Clients at once, of all protocols. */
const storm = (count: number, wish: Wish): Promise<Told[]> =>
  Promise.all(
    Array.from({ length: count }, (_, i) => ask(WAYS_IN[i % WAYS_IN.length]!, { ...wish, path: '/hold' })),
  );

/** Of those who are inside, tunnels pass bytes on. */
async function assertServed(inside: readonly Told[], wish: Wish): Promise<void> {
  using tunnel = await ask('CONNECT', wish);
  assert.equal(tunnel.word, 'granted');
  tunnel.client.text('word');
  assert.equal((await tunnel.client.read(4)).toString(), 'word');
  for (const { client } of inside) assert.ok(!client.closed);
}

/** Neither now nor ever before, as far as the log knows. */
async function assertNoBlame(proxy: GatewayProcess): Promise<void> {
  const { egresses } = await proxy.report();
  for (const { address, state } of egresses) assert.match(state, /^(?:new|up)$/, address);
  assert.doesNotMatch(proxy.log(), /eject|127\.0\.0\.[2-9]/);
  assert.doesNotMatch(proxy.log(), /thread died/);
}

for (const workers of [0, 2]) {
  for (const descriptors of [0, 0.95]) {
    describe(`${OPEN_FILES} descriptors, ${workers} workers, descriptors: ${descriptors}`, () => {
      test('I9, I10: more clients at once than there are descriptors', async () => {
        await using target = await anyTarget();
        const options = { workers, overload: { descriptors }, timeouts: { handshake: '4s' } };
        await using proxy = await gatewayProcess(options, OPEN_FILES);
        const wish = { proxy: proxy.ports[0]!, port: target.port };

        // Those who say nothing hold every descriptor there is, until their deadline.
        const silent = await Promise.all(Array.from({ length: 2 * OPEN_FILES }, () => come(wish)));
        const used = proxy.cpu();
        await sleep(2500);
        const busy = proxy.cpu() - used;
        assert.ok(busy < 1.25, `it works without anything to do: ${busy.toFixed(2)} s of 2.5 s`);
        await eventually('it recovers alone', async () => (await outcome('SOCKS5', wish)) === 'granted');
        for (const peer of silent) peer.socket.destroy();

        const all = await storm(2 * OPEN_FILES, wish);
        const words = new Set(all.map(({ word }) => word.replace(/^503 .*/, '503')));
        for (const word of words) assert.match(word, /^(?:granted|05 01|5b|503|closed|reset)$/);
        assert.ok(words.size > 1, 'somebody was refused');
        const inside = all.filter(({ word }) => word === 'granted');
        const [leaving, staying] = [inside.slice(inside.length >> 1), inside.slice(0, inside.length >> 1)];
        for (const told of all) if (!staying.includes(told)) told.client.reset();
        assert.ok(leaving.length > 0);
        await eventually(
          'it lets clients in again',
          async () => (await outcome('SOCKS5', wish)) === 'granted',
        );
        await assertServed(staying, wish);
        for (const { client } of staying) client.reset();
        await eventually('nothing is active', async () => (await proxy.report()).stats.active === 0);

        const { stats } = await proxy.report();
        const { DESCRIPTORS_EXHAUSTED, OVERLOADED, INTERNAL } = stats.failures;
        assert.ok(DESCRIPTORS_EXHAUSTED + OVERLOADED > 0);
        assert.equal(INTERNAL, 0);
        await assertNoBlame(proxy);
        assert.equal(proxy.death(), undefined);
      });
    });
  }

  test(`clients that come one by one are turned away before the descriptors are used up, ${workers} workers`, async () => {
    await using target = await anyTarget();
    await using proxy = await gatewayProcess({ workers }, OPEN_FILES);
    const wish = { proxy: proxy.ports[0]!, port: target.port, path: '/hold' };
    const inside: Told[] = [];
    await eventually('somebody is turned away', async () => {
      const told = await ask(WAYS_IN[inside.length % WAYS_IN.length]!, wish);
      if (told.word === 'granted') inside.push(told);
      // Two descriptors each, and twice a second somebody looks.
      await sleep(15);
      return told.word !== 'granted';
    });
    const { stats } = await proxy.report();
    assert.equal(stats.failures.DESCRIPTORS_EXHAUSTED, 0);
    assert.equal(stats.failures.OVERLOADED, 1);
    // Lanes turn clients away at once; who tells looks twice a second.
    const tells = /overloaded: new clients are refused.*descriptors/;
    await eventually('it is told', () => tells.test(proxy.log()));
    for (const { client } of inside.splice(0, 20)) client.reset();
    await eventually('it lets clients in again', async () => (await outcome('SOCKS5', wish)) === 'granted');
    await assertServed(inside, wish);
    await eventually('the end is told', () => /no longer overloaded/.test(proxy.log()));
    await assertNoBlame(proxy);
    for (const { client } of inside) client.reset();
  });
}

test('too much memory in use: new clients are turned away, those inside go on, and then all is well again', async () => {
  await using target = await anyTarget();
  // A share of what the control group may use, so that it is 200 MiB more than a gateway needs.
  const { rss, constrained } = await atRest();
  assert.ok(constrained > 0, 'how much memory there is can be told');
  const memory = (rss + 200 * MIB) / constrained;
  await using proxy = await gatewayProcess({ overload: { memory } });
  const wish = { proxy: proxy.ports[0]!, port: target.port };
  using tunnel = await ask('SOCKS5', wish);
  assert.equal(tunnel.word, 'granted');
  for (let round = 0; round < 2; round++) {
    await proxy.hold(400 * MIB);
    await eventually('clients are turned away', async () => (await outcome('CONNECT', wish)) === 'reset');
    for (const way of WAYS_IN) assert.equal(await outcome(way, wish), 'reset');
    tunnel.client.text('word');
    assert.equal((await tunnel.client.read(4)).toString(), 'word');
    await proxy.hold(0);
    await eventually('clients are let in', async () => (await outcome('CONNECT', wish)) === 'granted');
  }
  assert.equal(proxy.log().match(/"overloaded: new clients are refused"/g)?.length, 2);
  assert.equal(proxy.log().match(/"no longer overloaded"/g)?.length, 2);
  const { stats } = await proxy.report();
  assert.ok(stats.failures.OVERLOADED >= 10);
  await assertNoBlame(proxy);
});

async function atRest(): Promise<Report> {
  await using proxy = await gatewayProcess({});
  return await proxy.report();
}

test('what needs a descriptor while there is none fails, and is made up for', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gyre-overload-'));
  await using target = await anyTarget();
  const [hash, usersFile] = [bcrypt.hashSync('x', 4), join(folder, 'users')];
  writeFileSync(usersFile, `cid:${hash}\n`);
  try {
    await using proxy = await gatewayProcess(
      {
        usersFile,
        pools: { made: 'exec:/bin/echo 127.0.0.3' },
        health: {
          probe: { target: `tcp://127.0.0.1:${target.port}`, interval: '200ms', timeout: '100ms', fall: 1 },
        },
        overload: { descriptors: 0 },
        timeouts: { handshake: '4s' },
        limits: { user: { quota: '1GB/day' }, quotaFile: join(folder, 'quotas') },
      },
      OPEN_FILES,
    );
    const wish = { proxy: proxy.ports[0]!, port: target.port };
    // In time to be let in; what they want takes a thread, a name server and a connection.
    const early = await Promise.all([come(wish), come(wish), come(wish)]);
    await eventually('they are in', async () => (await proxy.report()).stats.active === early.length);
    const silent = await Promise.all(Array.from({ length: 2 * OPEN_FILES }, () => come(wish)));
    for (const [i, host] of ['127.0.0.1', 'some.test', 'localhost'].entries()) {
      early[i]!.text(httpHead(`CONNECT ${host}:${target.port} HTTP/1.1`, 'cid:x'));
      assert.match((await early[i]!.readHttp()).head, /^HTTP\/1\.1 (?:200|502|503) /);
    }
    writeFileSync(`${usersFile}.new`, `cid:${hash}\nbob:${hash}\n`);
    renameSync(`${usersFile}.new`, usersFile);
    await eventually(
      'somebody comes in',
      async () => (await outcome('CONNECT', { ...wish, login: 'cid:x' })) === 'granted',
    );
    await eventually(
      'and the new user',
      async () => (await outcome('SOCKS5', { ...wish, login: 'bob:x' })) === 'granted',
    );
    await eventually(
      'the pool that a command prints is there',
      async () => (await outcome('SOCKS5', { ...wish, login: 'cid-pool-made:x' })) === 'granted',
    );
    for (const { state } of (await proxy.report()).egresses) assert.match(state, /^(?:new|up)$/);
    assert.equal(proxy.death(), undefined);
    for (const peer of [...silent, ...early]) peer.socket.destroy();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('L9: a full disk costs lines of the access log, which are counted, and no connection', async () => {
  await using target = await anyTarget();
  await using proxy = await gateway({ workers: 4, log: { access: '/dev/full', format: 'json' } });
  const wish = { proxy: proxy.endpoints[0]!.port, port: target.port };
  for (let round = 0; round < 10; round++) {
    const all = await Promise.all(WAYS_IN.map((way) => outcome(way, wish)));
    assert.deepEqual(
      all,
      WAYS_IN.map(() => 'granted'),
    );
  }
  await eventually('all lines are counted', () => proxy.stats().logLinesDropped >= 40);
  assert.equal(proxy.stats().accepted, 40);
});

for (const [what, redirection] of [
  ['a full disk behind it', '2>/dev/full'],
  ['nobody who listens', '2>&-'],
] as const) {
  test(`L9: the log itself with ${what}: the proxy serves`, async () => {
    await using target = await anyTarget();
    const flags = [
      '--listen',
      '127.0.0.1:0',
      '--pool',
      '127.0.0.2-127.0.0.5',
      '--allow-private',
      '--workers',
      '2',
    ];
    const prefix = ['bash', '-c', `exec "$@" ${redirection}`, 'bash'];
    await using gyre = await startGyre([...flags, '--log-level', 'debug'], { prefix });
    for (let round = 0; round < 5; round++) {
      for (const way of WAYS_IN)
        assert.equal(await outcome(way, { proxy: gyre.port, port: target.port }), 'granted');
    }
  });
}
