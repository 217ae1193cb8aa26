import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Connection } from '../../../src/connection.ts';
import { FAILURES, ProxyError, type FailureCode } from '../../../src/errors.ts';
import { Counters, countersMemory, readStats } from '../../../src/ops/counters.ts';

const CODES = Object.keys(FAILURES) as FailureCode[];

function connection(changes: Partial<Connection> = {}): Connection {
  return Object.assign(new Connection('0-1', { address: '127.0.0.1', port: 1 }, 0), changes);
}

test('fresh memory is all zero, and every failure has a number', () => {
  const stats = readStats(countersMemory(3));
  assert.deepEqual(Object.keys(stats.failures), CODES);
  assert.ok(Object.values(stats.failures).every((count) => count === 0));
  assert.deepEqual(
    { ...stats, failures: undefined },
    {
      accepted: 0,
      active: 0,
      tunnels: 0,
      sent: 0,
      received: 0,
      byInbound: { socks5: 0, socks4: 0, 'http-connect': 0, 'http-forward': 0 },
      failures: undefined,
    },
  );
});

test('a tunnel is active while it lasts and counted when it ends', () => {
  const memory = countersMemory(1);
  const counters = new Counters(memory, 0);
  const tunnel = connection({ phase: 'relay', inbound: 'socks5', sent: 5, received: 7 });
  counters.opened(tunnel);
  assert.equal(readStats(memory).accepted, 1);
  assert.equal(readStats(memory).active, 1);
  assert.equal(readStats(memory).tunnels, 0);
  counters.closed(tunnel);
  const { accepted, active, tunnels, sent, received, byInbound } = readStats(memory);
  assert.deepEqual([accepted, active, tunnels, sent, received], [1, 0, 1, 5, 7]);
  assert.deepEqual(byInbound, { socks5: 1, socks4: 0, 'http-connect': 0, 'http-forward': 0 });
});

test('a refusal is no tunnel', () => {
  const memory = countersMemory(1);
  const counters = new Counters(memory, 0);
  const refused = connection({
    phase: 'authorize',
    inbound: 'http-connect',
    failure: new ProxyError('TARGET_DENIED'),
  });
  counters.opened(refused);
  counters.closed(refused);
  const { tunnels, byInbound, failures } = readStats(memory);
  assert.equal(tunnels, 0);
  assert.deepEqual(byInbound, { socks5: 0, socks4: 0, 'http-connect': 1, 'http-forward': 0 });
  assert.equal(failures.TARGET_DENIED, 1);
  assert.equal(
    Object.values(failures).reduce((sum, count) => sum + count, 0),
    1,
  );
});

test('each failure has a place of its own', () => {
  const memory = countersMemory(2);
  const counters = new Counters(memory, 1);
  for (const [i, code] of CODES.entries()) {
    for (let n = 0; n <= i; n++) {
      const failed = connection({ failure: new ProxyError(code) });
      counters.opened(failed);
      counters.closed(failed);
    }
  }
  const { failures, active, accepted, sent } = readStats(memory);
  assert.deepEqual(
    Object.values(failures),
    CODES.map((_, i) => i + 1),
  );
  assert.equal(active, 0);
  assert.equal(accepted, (CODES.length * (CODES.length + 1)) / 2);
  assert.equal(sent, 0);
});

test('sums beyond 32 bits stay exact', () => {
  const memory = countersMemory(1);
  const counters = new Counters(memory, 0);
  for (const received of [2 ** 40, 1]) {
    const tunnel = connection({ received });
    counters.opened(tunnel);
    counters.closed(tunnel);
  }
  assert.equal(readStats(memory).received, 2 ** 40 + 1);
});

test('a thread that takes over keeps the sums and starts with nothing active', () => {
  const memory = countersMemory(2);
  const neighbour = new Counters(memory, 1);
  neighbour.opened(connection());
  const dead = new Counters(memory, 0);
  dead.opened(connection());
  dead.opened(connection());
  assert.equal(readStats(memory).active, 3);
  const heir = new Counters(memory, 0);
  assert.equal(readStats(memory).active, 1);
  heir.opened(connection());
  assert.equal(readStats(memory).accepted, 4);
});

test('threads count beside each other and lose nothing', async () => {
  const rounds = 20_000;
  const memory = countersMemory(3);
  const source = `
    import { workerData } from 'node:worker_threads';
    const { Counters } = await import(workerData.counters);
    const { Connection } = await import(workerData.connection);
    const counters = new Counters(workerData.memory, workerData.thread);
    const record = new Connection('0-1', { address: '127.0.0.1', port: 1 }, 0);
    Object.assign(record, { phase: 'relay', inbound: 'socks5', sent: 3 });
    for (let i = 0; i < ${rounds}; i++) { counters.opened(record); counters.closed(record); }`;
  const url = (path: string): string => new URL(path, import.meta.url).href;
  await Promise.all(
    [0, 1, 2].map(async (thread) => {
      const workerData = {
        memory,
        thread,
        counters: url('../../../src/ops/counters.ts'),
        connection: url('../../../src/connection.ts'),
      };
      const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
        workerData,
      });
      assert.deepEqual(await once(worker, 'exit'), [0]);
    }),
  );
  const { accepted, active, tunnels, sent } = readStats(memory);
  assert.deepEqual([accepted, active, tunnels, sent], [3 * rounds, 0, 3 * rounds, 9 * rounds]);
});
