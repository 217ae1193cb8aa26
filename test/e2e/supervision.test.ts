/** A worker thread that dies, or stands still, costs its own tunnels and nothing else; another one takes its place. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import type { TunnelView } from '../../src/admin/api.ts';
import { ownSockets } from '../../src/runtime/inherited.ts';
import type { Gateway } from '../../src/runtime/gateway.ts';
import { eventually, gateway, socksTunnel } from '../support/gateway.ts';
import { visit } from '../support/load.ts';
import { Target, type Peer } from '../support/peer.ts';
import { ThreadFaults } from '../support/thread-faults.ts';

const CLIENTS = 40;
const THROW = "setTimeout(() => { throw new Error('a fault for a test') })";

/** A tunnel as its client and its target have it. */
interface Pair {
  readonly client: Peer;
  readonly target: Peer;
}

async function tunnels(proxy: Gateway, target: Target, count: number): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (let i = 0; i < count; i++) {
    const { client } = await socksTunnel(proxy, target.port);
    pairs.push({ client, target: await target.accept() });
  }
  return pairs;
}

/** Both ways. */
async function carries({ client, target }: Pair): Promise<void> {
  client.text('ping');
  assert.equal((await target.read(4)).toString(), 'ping');
  target.text('pong');
  assert.equal((await client.read(4)).toString(), 'pong');
}

async function views(proxy: Gateway): Promise<readonly TunnelView[]> {
  return (await proxy.control.tunnels({}, 'age', 1000)).items;
}

const threads = (proxy: Gateway): [state: string, restarts: number][] =>
  proxy.control.status().threads.map(({ state, restarts }) => [state, restarts]);

const held = (proxy: Gateway): number => [...proxy.egresses()].reduce((sum, { tunnels }) => sum + tunnels, 0);

const FAULTS: readonly (readonly [row: string, what: string, code: string, error: RegExp])[] = [
  ['L5: a worker thread that throws', 'throws', THROW, /a fault for a test/],
  [
    'L5: a worker thread with an unhandled rejection',
    'rejects',
    "void Promise.reject(new Error('a promise for a test'))",
    /a promise for a test/,
  ],
  [
    'L5: a worker thread with an error event nobody listens to',
    'emits',
    "process.getBuiltinModule('net').connect(1, '127.0.0.1')",
    /ECONNREFUSED/,
  ],
  [
    'L4: a worker thread that is out of memory',
    'grows',
    'setTimeout(() => { const all = []; for (;;) all.push({ one: [1] }); })',
    /ERR_WORKER_OUT_OF_MEMORY|memory limit/,
  ],
  ['L6: a worker thread that stands still', 'blocks', 'setTimeout(() => { for (;;); })', /has not moved for/],
];

suite('a fault in one worker thread', () => {
  for (const [row, what, code, error] of FAULTS) {
    test(`${row} is replaced, and takes its own tunnels only`, async () => {
      // Threads that start from here on get as much; the rest of this process has what it has.
      if (what === 'grows') setFlagsFromString('--max-old-space-size=64');
      using faults = new ThreadFaults();
      await using target = await Target.listen();
      await using proxy = await gateway({
        workers: 2,
        limits: { client: { connections: CLIENTS } },
        timeouts: { stall: '1s' },
      });
      const pairs = await tunnels(proxy, target, CLIENTS);
      const ports = new Set(
        (await views(proxy)).filter(({ thread }) => thread === 0).map(({ client }) => client),
      );
      const of = (own: boolean): Pair[] =>
        pairs.filter(({ client }) => ports.has(`127.0.0.1:${client.socket.localPort}`) === own);
      const [lost, kept] = [of(true), of(false)];
      assert.ok(lost.length > 0 && kept.length > 0, `${lost.length} and ${kept.length} tunnels`);

      faults.run(0, code);
      await Promise.all(lost.map(({ client }) => client.rest()));
      await Promise.all(kept.map((pair) => carries(pair)));
      await eventually('another thread has its place', () => threads(proxy)[0]![1] > 0);
      await eventually('it serves', () => threads(proxy).every(([state]) => state === 'serving'));
      assert.deepEqual(threads(proxy), [
        ['serving', 1],
        ['serving', 0],
      ]);
      const died = proxy.control.log(100).filter(({ message }) => message.startsWith('a worker thread died'));
      assert.equal(died.length, 1);
      assert.match(JSON.stringify(died[0]!.fields), error);
      assert.equal(died[0]!.fields['in_ms'], 0, 'the first one is replaced at once');

      // Everything that threads count together.
      assert.equal(proxy.stats().active, kept.length);
      assert.equal(held(proxy), kept.length);
      assert.equal((await views(proxy)).length, kept.length);
      const [endpoint] = proxy.endpoints;
      assert.equal(ownSockets([endpoint!]).length, 2, 'both threads listen');
      const more = await tunnels(proxy, target, lost.length);
      await assert.rejects(socksTunnel(proxy, target.port), /refused with REP 2/, 'one more than the limit');
      await Promise.all([...kept, ...more].map((pair) => carries(pair)));
      for (const { client } of [...kept, ...more]) client.end();
      for (const { target } of [...kept, ...more]) target.end();
      await eventually('all are gone', () => proxy.stats().active === 0 && held(proxy) === 0);
      const { byAddress } = await visit(proxy, 50, 5);
      assert.equal(byAddress.size, 8);
    });
  }

  test('L4: threads that die again and again are replaced later and later', async () => {
    using faults = new ThreadFaults();
    await using proxy = await gateway({ workers: 2 });
    for (let death = 1; death <= 4; death++) {
      faults.run(1, THROW);
      await eventually(
        `thread ${death} has its place`,
        () => threads(proxy)[1]![1] === death && threads(proxy)[1]![0] === 'serving',
      );
    }
    const waits = proxy.control
      .log(100)
      .filter(({ message }) => message.startsWith('a worker thread died'))
      .map(({ fields }) => [fields['lane'], fields['in_ms']]);
    assert.deepEqual(waits, [
      [1, 0],
      [1, 100],
      [1, 200],
      [1, 400],
    ]);
    assert.equal((await visit(proxy, 20, 2)).byAddress.size, 8);
  });

  test('L6: nobody is replaced for standing still when that is switched off', async () => {
    using faults = new ThreadFaults();
    await using proxy = await gateway({ workers: 2, timeouts: { stall: '0s', drain: '0s' } });
    faults.run(0, 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500)');
    await eventually('it was late', () => proxy.control.status().threads[0]!.loopDelayMs >= 1000);
    assert.deepEqual(threads(proxy), [
      ['serving', 0],
      ['serving', 0],
    ]);
  });

  test('L6: a thread that stands still does not hold up the end', async () => {
    using faults = new ThreadFaults();
    const proxy = await gateway({ workers: 2, timeouts: { stall: '0s' } });
    faults.run(0, 'setTimeout(() => { for (;;); })');
    await eventually('it does not answer', async () => {
      const { silent } = await proxy.control.tunnels({}, 'age', 1);
      return silent.includes(0);
    });
    await proxy.close(0);
    assert.equal(proxy.state, 'draining');
  });
});
