/**
 * 1,000 reloads under load, valid and broken ones by turns: nobody who connects and nobody who is connected may notice, and
 * nothing may be left behind.
 */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createGateway } from '../../src/index.ts';
import type { GyreOptions } from '../../src/runtime/config.ts';
import { closedPort, Target, type Peer } from '../support/peer.ts';
import { residentBytes } from '../support/resident.ts';
import { configText, connectBy, passes, Served } from '../support/served.ts';
import { makeCertificate } from '../support/tls.ts';

const RELOADS = 1000;
const CLIENTS = 8;
const TUNNELS = 20;
/** In the middle and at the end of as many reloads the process is looked at. */
const HALF = RELOADS / 2;
const USER = { name: 'alice', password: 'one' };

interface Extent {
  readonly descriptors: number;
  readonly threads: number;
  readonly resident: number;
}

function extentOf(pid: number): Extent {
  const threads = readdirSync(`/proc/${pid}/task`).length;
  return { descriptors: readdirSync(`/proc/${pid}/fd`).length, threads, resident: residentBytes(pid) };
}

test(`${RELOADS} reloads under load: nothing refused, nothing dropped, nothing left behind`, async (t) => {
  await using target = await Target.listen((socket) => socket.pipe(socket));
  const [kept, second, third, echo] = [
    await closedPort(),
    await closedPort(),
    await closedPort(),
    await closedPort(),
  ];
  const base: Partial<GyreOptions> = {
    listen: `127.0.0.1:${kept}`,
    users: [USER],
    log: { level: 'info', format: 'json', access: 'off' },
  };
  await using served = await Served.start(base);
  await makeCertificate(served.folder);
  const file = (name: string): string => join(served.folder, name);
  writeFileSync(file('users'), '');
  writeFileSync(file('pool'), '127.0.0.30\n127.0.0.31\n');
  const tls = { cert: file('target.pem'), key: file('target.key') };
  /** Every kind of change, and of mistake, by turns; the first listener and the user are always there. */
  const turns: readonly (Partial<GyreOptions> | string)[] = [
    { pool: ['127.0.0.2-127.0.0.9', '127.0.0.40-127.0.0.60'] },
    '{{{',
    { listen: [`127.0.0.1:${second}`, { address: `127.0.0.1:${kept}`, limits: { connections: 500 } }] },
    configText({ listen: `127.0.0.1:${target.port}` }),
    { pools: { de: '127.0.0.30', fr: `file:${file('pool')}` }, strategy: 'least-connections' },
    '',
    {
      listen: [`127.0.0.1:${kept}`, { address: `tls://127.0.0.1:${third}`, ...tls }],
      usersFile: file('users'),
    },
    configText({ pool: 'file:/nonexistent/pool' }),
    { users: [USER, { name: 'bob', password: 'two' }], limits: { user: { connections: 400 } } },
    configText({ usersFile: '/nonexistent/users' }),
    {
      echo: `127.0.0.1:${echo}`,
      health: { failures: 3, probe: { target: `tcp://127.0.0.1:${target.port}` } },
    },
    '- 1\n',
    {
      dns: { servers: '127.0.0.1:5353' },
      timeouts: { idle: '2h', drain: '200ms' },
      overload: { loopDelay: '5s' },
    },
    configText({
      listen: { address: `tls://127.0.0.1:${third}`, cert: '/nonexistent/c', key: '/nonexistent/k' },
    }),
    { log: { level: 'debug', format: 'json', access: file('access.log') }, watch: true },
    { userCheck: { url: 'http://127.0.0.1:9/check' }, sessions: { by: 'client' } },
  ];
  const load = new Load(kept, target);
  let extent: Extent | undefined;
  let failed = 0;
  for (let i = 0; i < RELOADS; i++) {
    const turn = turns[i % turns.length]!;
    const { level } = await served.reload(typeof turn === 'string' ? turn : { ...base, ...turn });
    assert.equal(
      level,
      typeof turn === 'string' ? 'error' : 'info',
      JSON.stringify([turn, served.lines.at(-1)]),
    );
    if (typeof turn === 'string') failed++;
    served.lines.length = 0;
    if (i % 4 === 0) await load.more(2);
    if (i % turns.length !== turns.length - 1) continue;
    // At the same place of each round, so that there is the same to be had.
    if (i + 1 >= HALF) extent ??= extentOf(served.pid);
  }
  assert.ok(failed > RELOADS / 3);
  const made = await load.end();
  assert.ok(made > RELOADS / 4);
  await served.reload(base);
  await served.settled(extent!.descriptors);
  const now = extentOf(served.pid);
  t.diagnostic(JSON.stringify({ made, extent, now }));
  assert.equal(now.threads, extent!.threads);
  // Heaps still grow into their size at that time; what one reload leaves behind is looked at below.
  assert.ok(now.resident < extent!.resident + 160 * 2 ** 20, JSON.stringify([extent, now]));
  assert.equal(unread(kept), 0);
});

test('600 reloads leave nothing on the heap', async (t) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const [port, probed, echo] = [await closedPort(), await closedPort(), await closedPort()];
  const base: GyreOptions = { listen: '127.0.0.1:0', pool: '127.0.0.2-127.0.0.9', workers: 0 };
  const turns: readonly GyreOptions[] = [
    base,
    { ...base, listen: ['127.0.0.1:0', `127.0.0.1:${port}`], pool: '127.0.0.4-127.0.0.20' },
    { ...base, strategy: 'hash', dns: { servers: '127.0.0.1:5353' }, pools: { de: '127.0.0.30' } },
    { ...base, userCheck: { url: 'http://127.0.0.1:9/' }, overload: { loopDelay: '5s' } },
    { ...base, health: { probe: { target: `tcp://127.0.0.1:${probed}` } }, echo: `127.0.0.1:${echo}` },
  ];
  const broken = { ...base, usersFile: '/nonexistent/users' };
  await using proxy = await createGateway({ ...base, log: { level: 'error' } });
  const reload = async (count: number): Promise<number> => {
    for (let i = 0; i < count; i++) {
      // Each is a line of the log.
      const options = i % 30 === 0 ? broken : turns[i % turns.length]!;
      const { ok, problems } = await proxy.reload({ ...options, log: { access: 'off' } });
      assert.equal(ok, options !== broken, JSON.stringify(problems));
    }
    collect();
    await new Promise(setImmediate);
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = await reload(300);
  const grown = (await reload(600)) - before;
  t.diagnostic(`${grown} bytes more`);
  assert.ok(grown < 3 * 2 ** 20, `${grown} bytes more`);
});

/** Bytes, or connections, that wait at a listener and that nobody takes. */
function unread(port: number): number {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const lines = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  const waiting = lines.filter(([, local, , state]) => state === '0A' && local!.endsWith(`:${hex}`));
  return waiting.reduce((sum, fields) => sum + Number.parseInt(fields[4]!.split(':')[1]!, 16), 0);
}

/** Clients that connect again and again, and tunnels that stand and talk. */
class Load {
  readonly #port: number;
  readonly #target: Target;
  readonly #tunnels: Peer[] = [];
  readonly #work: Promise<void>[];
  #ended = false;
  #made = 0;
  #failure: Error | undefined = undefined;

  constructor(port: number, target: Target) {
    this.#port = port;
    this.#target = target;
    this.#work = [
      ...Array.from({ length: CLIENTS }, () => this.#again()),
      ...Array.from({ length: TUNNELS }, () => this.#stay()),
    ];
  }

  /** Waits for connections that begin from now on. */
  async more(count: number): Promise<void> {
    const wanted = this.#made + count + CLIENTS;
    while (this.#made < wanted) {
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise(setImmediate);
    }
  }

  /** The tunnels have lived through all of it. @returns how many connections were made. */
  async end(): Promise<number> {
    this.#ended = true;
    await Promise.all(this.#work);
    if (this.#failure !== undefined) throw this.#failure;
    assert.equal(this.#tunnels.length, TUNNELS);
    for (const tunnel of this.#tunnels) assert.ok(await passes(tunnel));
    for (const tunnel of this.#tunnels) {
      tunnel.end();
      await tunnel.waitClosed();
    }
    return this.#made;
  }

  async #again(): Promise<void> {
    await this.#guarded(async () => {
      const client = await this.#connect();
      assert.ok(await passes(client));
      client.end();
      await client.waitClosed();
      this.#made++;
    });
  }

  async #stay(): Promise<void> {
    const tunnel = await this.#connect();
    this.#tunnels.push(tunnel);
    await this.#guarded(async () => {
      assert.ok(await passes(tunnel));
    });
  }

  async #connect(): Promise<Peer> {
    const { client, rep } = await connectBy(this.#port, this.#target.port, [USER.name, USER.password]);
    assert.equal(rep, 0);
    return client;
  }

  async #guarded(turn: () => Promise<void>): Promise<void> {
    try {
      while (!this.#ended && this.#failure === undefined) await turn();
    } catch (error) {
      this.#failure ??= error as Error;
    }
  }
}
