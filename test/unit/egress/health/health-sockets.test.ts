/** Health with its real tools: sockets on loopback, and an address no host has. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttp } from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { Health, type HealthOptions, type HealthStatus } from '../../../../src/egress/health/health.ts';
import { probeBind, probeTarget } from '../../../../src/egress/health/probe.ts';
import { EgressTable, tableMemory, type EgressState } from '../../../../src/egress/pool/table.ts';
import { REAL_TOOLS, type HealthTools } from '../../../../src/egress/health/health-tools.ts';

const HEALTH = new URL('../../../../src/egress/health/health.ts', import.meta.url).href;
const TABLE = new URL('../../../../src/egress/pool/table.ts', import.meta.url).href;
const SILENT = { warn: () => {}, info: () => {} };
const QUICK: HealthOptions = { failures: 1, floor: 0, backoffMs: { first: 10, last: 10 } };

async function listen(t: TestContext, server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => {})));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

/** Members by slot, and a way to wait for what happens to them. */
function start(
  t: TestContext,
  addresses: string[],
  options: HealthOptions,
  tools: Partial<HealthTools> = {},
) {
  const table = new EgressTable(tableMemory(16));
  // Keeps the process alive while nothing but unref'd timers are waited for.
  const alive = setInterval(() => {}, 1000);
  const changes = new EventTarget();
  const changed = () => changes.dispatchEvent(new Event('change'));
  const health = new Health(table, options, changed, SILENT, { ...REAL_TOOLS, ...tools });
  t.after(() => {
    health.stop();
    clearInterval(alive);
  });
  for (const slot of addresses.keys()) table.setState(slot, 'new');
  health.membership(addresses.map((address, slot) => ({ slot, address, family: 4, block: false })));
  health.start();
  const reaches = async (slot: number, state: EgressState): Promise<HealthStatus> => {
    while (table.state(slot) !== state)
      await once(changes, 'change', { signal: AbortSignal.timeout(15_000) });
    return health.status(slot)!;
  };
  return { table, health, reaches };
}

test('what can be bound returns, what is not on the host does not', async (t) => {
  const { promise: looked, resolve } = Promise.withResolvers<void>();
  let binds = 0;
  const bind: typeof probeBind = async (origin, ms, signal) => {
    const finding = await probeBind(origin, ms, signal);
    if (origin.address === '203.0.113.1' && ++binds === 2) resolve();
    return finding;
  };
  const { table, health, reaches } = start(t, ['127.0.0.9', '203.0.113.1'], QUICK, { bind });
  for (const slot of [0, 1]) {
    table.ejectNow(slot);
    health.ejected(slot, 'EGRESS_NOT_ON_HOST');
  }
  await reaches(0, 'new');
  await looked;
  const { state, lastError } = health.status(1)!;
  assert.deepEqual([state, lastError], ['down', 'EADDRNOTAVAIL']);
});

test('an HTTP target that one egress cannot use: it goes, and returns when it can', async (t) => {
  let angry = true;
  const server = createHttp(({ socket }, response) => {
    const blocked = angry && socket.remoteAddress === '127.0.0.6';
    response.writeHead(blocked ? 403 : 200).end(`you are ${socket.remoteAddress}\n`);
  });
  const target = `http://127.0.0.1:${await listen(t, server)}/`;
  const probe = { target, intervalMs: 50, timeoutMs: 5000, concurrency: 2, rise: 2, fall: 2 };
  const { health, reaches } = start(t, ['127.0.0.5', '127.0.0.6'], { ...QUICK, probe });
  assert.equal((await reaches(1, 'down')).lastError, 'HTTP status 403');
  assert.equal(health.status(0)?.ejections, 0);
  angry = false;
  assert.equal((await reaches(1, 'up')).publicAddress, '127.0.0.6');
});

for (const [what, behave] of [
  ['hangs', () => {}],
  ['closes at once', (socket: Socket) => socket.destroy()],
] as const) {
  test(`an HTTP target that ${what}, for everybody: nobody goes`, async (t) => {
    const port = await listen(t, createServer(behave));
    let probes = 0;
    const { promise: enough, resolve } = Promise.withResolvers<void>();
    const ask: typeof probeTarget = async (...args) => {
      const finding = await probeTarget(...args);
      assert.equal(finding.verdict, 'bad');
      if (++probes === 9) resolve();
      return finding;
    };
    const target = `http://127.0.0.1:${port}/`;
    const probe = { target, intervalMs: 20, timeoutMs: 20, concurrency: 3, rise: 1, fall: 1 };
    const { table, health } = start(t, ['127.0.0.5', '127.0.0.6', '127.0.0.7'], { ...QUICK, probe }, { ask });
    await enough;
    for (const slot of [0, 1, 2]) assert.ok(table.usable(slot));
    health.stop();
  });
}

test('TCP: as many connections as allowed at once, and no more', async (t) => {
  let open = 0;
  let most = 0;
  const good = new Set<string>();
  const { promise: all, resolve } = Promise.withResolvers<void>();
  const ask: typeof probeTarget = async (origin, ...rest) => {
    most = Math.max(most, ++open);
    const finding = await probeTarget(origin, ...rest);
    open--;
    if (finding.verdict === 'good' && good.add(origin.address).size === 12) resolve();
    return finding;
  };
  const target = `tcp://127.0.0.1:${await listen(t, createServer())}`;
  const probe = { target, intervalMs: 50, timeoutMs: 5000, concurrency: 4, rise: 1, fall: 1 };
  const addresses = Array.from({ length: 12 }, (_, index) => `127.0.1.${index}`);
  start(t, addresses, { ...QUICK, probe }, { ask });
  await all;
  assert.equal(most, 4);
});

for (const [what, last] of [
  ['stopped in the midst of probes', 'health.stop()'],
  ['never stopped, but idle', ''],
] as const) {
  test(`a process whose health is ${what} ends by itself`, async (t) => {
    const server = createServer(() => {});
    const target = `http://127.0.0.1:${await listen(t, server)}/`;
    const intervalMs = last === '' ? 3_600_000 : 1;
    const probe = { target, intervalMs, timeoutMs: 3_600_000, concurrency: 4, rise: 1, fall: 1 };
    const code = `
      const { Health } = await import('${HEALTH}');
      const { EgressTable, tableMemory } = await import('${TABLE}');
      const table = new EgressTable(tableMemory(4));
      table.setState(0, 'new');
      table.setState(1, 'new');
      const log = { warn() {}, info() {} };
      const health = new Health(table, ${JSON.stringify({ ...QUICK, probe })}, () => {}, log);
      health.membership([0, 1].map((slot) => ({ slot, address: '127.0.0.' + (3 + slot), family: 4, block: false })));
      health.start();
      health.failed(0, 'EGRESS_FORBIDDEN', 9);
      ${last === '' ? '' : "await new Promise((go) => process.stdin.once('data', go)); process.stdin.destroy();"}
      ${last}
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    t.after(() => child.kill('SIGKILL'));
    const exit = once(child, 'exit', { signal: AbortSignal.timeout(30_000) });
    if (last !== '') {
      await once(server, 'connection', { signal: AbortSignal.timeout(30_000) });
      child.stdin.write('stop\n');
    }
    assert.deepEqual(await exit, [0, null]);
  });
}
