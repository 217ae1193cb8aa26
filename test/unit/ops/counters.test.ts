import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Connection } from '../../../src/connection.ts';
import { FAILURES, ProxyError, type FailureCode } from '../../../src/errors.ts';
import {
  Counters,
  countersMemory,
  readActive,
  readHistograms,
  readLatency,
  readStats,
  writeOffCounters,
} from '../../../src/ops/counters.ts';

const CODES = Object.keys(FAILURES) as FailureCode[];

function connection(changes: Partial<Connection> = {}): Connection {
  return Object.assign(new Connection('0-1', { address: '127.0.0.1', port: 1 }, 0), changes);
}

test('fresh memory is all zero, and every failure has a number', () => {
  const stats = readStats(countersMemory(3));
  assert.deepEqual(Object.keys(stats.failures), CODES);
  const numbers = (value: unknown): number[] =>
    typeof value === 'number' ? [value] : Object.values(value as object).flatMap(numbers);
  assert.ok(numbers(stats).length > CODES.length + 30);
  assert.ok(numbers(stats).every((number) => number === 0));
  assert.deepEqual(Object.keys(stats.byInbound), ['socks5', 'socks4', 'http-connect', 'http-forward']);
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

test('what a dead thread had open is lost, once, and all that came is accounted for', () => {
  const memory = countersMemory(2);
  const dead = new Counters(memory, 0);
  const [done, ...open] = [connection({ phase: 'relay', inbound: 'socks5' }), connection(), connection()];
  for (const record of [done, ...open]) dead.opened(record);
  dead.closed(done);
  new Counters(memory, 1).opened(connection());
  assert.deepEqual(readActive(memory), [2, 1]);
  writeOffCounters(memory, 0);
  writeOffCounters(memory, 0);
  assert.ok(new Counters(memory, 0));
  assert.deepEqual(readActive(memory), [0, 1]);
  const { accepted, active, results, tunnels } = readStats(memory);
  assert.deepEqual([results.unknown.lost, results.socks5.ok, tunnels], [2, 1, 1]);
  assert.equal(accepted, active + results.unknown.lost + results.socks5.ok);
});

test('how it ended: in order, broken off, or before there was a tunnel', () => {
  const memory = countersMemory(1);
  const counters = new Counters(memory, 0);
  const ends: Partial<Connection>[] = [
    { phase: 'relay', inbound: 'socks5' },
    { phase: 'relay', inbound: 'socks5', failure: new ProxyError('TARGET_RESET') },
    { phase: 'reply', inbound: 'socks5', failure: new ProxyError('CLIENT_GONE') },
    { phase: 'sniff', failure: new ProxyError('UNKNOWN_PROTOCOL') },
  ];
  for (const end of ends) {
    const record = connection(end);
    counters.opened(record);
    counters.closed(record);
  }
  const { results, byInbound, tunnels } = readStats(memory);
  assert.deepEqual(results.socks5, { ok: 1, broken: 1, failed: 1, lost: 0 });
  assert.deepEqual(results.unknown, { ok: 0, broken: 0, failed: 1, lost: 0 });
  assert.deepEqual([byInbound.socks5, tunnels], [3, 2]);
});

test('bytes are counted while they pass and not again at the end', () => {
  const memory = countersMemory(1);
  const counters = new Counters(memory, 0);
  const tunnel = connection({ phase: 'relay' });
  const bytes = (): number[] => [readStats(memory).sent, readStats(memory).received];
  counters.opened(tunnel);
  for (const [sent, received] of [
    [5, 0],
    [5, 7],
    [2 ** 33, 8],
  ] as const) {
    Object.assign(tunnel, { sent, received });
    counters.moved(tunnel);
    assert.deepEqual(bytes(), [sent, received]);
  }
  tunnel.received = 9;
  counters.closed(tunnel);
  assert.deepEqual(bytes(), [2 ** 33, 9]);
});

test('a handshake is measured once, whether or not a dial follows; a dial only when it reached the target', () => {
  const memory = countersMemory(2);
  const counters = new Counters(memory, 0);
  const reached = connection({ phase: 'dial', handshakeMs: 3, dialMs: 40, attempts: 3 });
  counters.dialled(reached);
  reached.phase = 'relay';
  counters.closed(reached);
  new Counters(memory, 1).closed(connection({ phase: 'dial', handshakeMs: 3, dialMs: 5000, attempts: 1 }));
  counters.closed(connection({ phase: 'handshake' }));
  const { handshake, resolve, dial } = readHistograms(memory);
  assert.deepEqual([handshake.count, resolve.count, dial.count], [2, 0, 1]);
  assert.deepEqual([handshake.sum, dial.sum], [0.006, 0.04]);
  const { attempts, failovers } = readStats(memory);
  assert.deepEqual([attempts, failovers], [4, 2]);
  assert.deepEqual(readLatency(memory).resolve, { count: 0, p50Ms: null, p90Ms: null, p99Ms: null });
  assert.deepEqual(readLatency(memory).dial, { count: 1, p50Ms: 37.5, p90Ms: 47.5, p99Ms: 49.75 });
});

test('limits are told apart by what they limit and by whose they are', () => {
  const memory = countersMemory(1);
  const counters = new Counters(memory, 0);
  const failure = new ProxyError('TOO_MANY_CONNECTIONS');
  failure.limit = { name: 'connections', holder: 'user' };
  counters.closed(connection({ failure }));
  counters.closed(connection({ failure: new ProxyError('QUOTA_EXCEEDED') }));
  counters.loginRefused('throttled');
  const { limitsReached, loginsRefused } = readStats(memory);
  assert.deepEqual(limitsReached.connections, { global: 0, listener: 0, client: 0, user: 1 });
  assert.deepEqual(limitsReached.quota, { global: 0, listener: 0, client: 0, user: 0 });
  assert.deepEqual(loginsRefused, { credentials: 0, throttled: 1 });
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
    for (let i = 0; i < ${rounds}; i++) {
      record.countedSent = 0;
      counters.opened(record);
      counters.closed(record);
    }`;
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
