/** A pool that changes all the time, under load: nobody who connects and nobody who is connected may notice. */
import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Gateway } from '../../src/runtime/gateway.ts';
import { eventually, gateway, socksTunnel } from '../support/gateway.ts';
import { Target, type Peer } from '../support/peer.ts';

const CLIENTS = 8;
const TUNNELS = 20;
/** In every pool; the long tunnels leave from here. */
const KEPT = '127.0.2.1-127.0.2.20';
/** The others: overlapping neighbours, and two that have nothing in common with each other. */
const POOLS = [
  [KEPT, '127.0.3.0-127.0.3.63'],
  [KEPT, '127.0.3.32-127.0.3.95', '!127.0.3.40'],
  ['127.0.3.90', KEPT],
  ['127.0.3.64/26', '127.0.2.1-127.0.2.10*3', '127.0.2.11-127.0.2.20;country=de'],
  ['127.0.3.0/30', '127.0.4.0/22', KEPT],
] as const;

test('K11: 1,000 pool changes under load: no connection fails, no tunnel is cut', async () => {
  await using proxy = await gateway({ pool: KEPT, workers: 2 });
  await using load = await Load.start(proxy);
  for (let change = 0; change < 1000; change++) {
    await proxy.replacePool(POOLS[change % POOLS.length]!);
    // Some connections for each pool.
    if (change % 2 === 0) await load.more(4);
  }
  await proxy.replacePool(['127.0.5.1-127.0.5.4', '127.0.2.1']);
  await load.assertUnharmed();
  await assertUses(proxy, ['127.0.2.1', '127.0.5.1', '127.0.5.2', '127.0.5.3', '127.0.5.4']);
});

test('K11: 200 changes between pools that have nothing in common: no connection fails', async () => {
  await using proxy = await gateway({ pool: '127.0.6.1-127.0.6.8', workers: 2 });
  await using load = await Load.start(proxy);
  for (let change = 0; change < 200; change++) {
    await proxy.replacePool([change % 2 === 0 ? '127.0.7.1-127.0.7.8' : '127.0.6.1-127.0.6.8']);
    await load.more(4);
  }
  // Their addresses have left: they drain.
  await load.assertUnharmed();
  await assertUses(proxy, addresses('127.0.6', 8));
});

test('K11: a file of addresses replaced 50 times under load: no connection fails, no tunnel is cut', async () => {
  using folder = temporary();
  const file = join(folder.path, 'pool.txt');
  /** By renaming: whoever reads it meets the one or the other. */
  const write = (lines: readonly string[]): void => {
    writeFileSync(`${file}.new`, lines.map((line) => `${line}\n`).join(''));
    renameSync(`${file}.new`, file);
  };
  write([KEPT]);
  await using proxy = await gateway({ pool: `file:${file}`, workers: 2 });
  await using load = await Load.start(proxy);
  for (let change = 1; change <= 50; change++) {
    const others = change % 2 === 0 ? `127.0.8.1-127.0.8.${change}` : `127.0.8.20-127.0.8.${20 + change}`;
    write([`# change ${change}`, KEPT, others]);
    const size = BigInt(TUNNELS + change + (change % 2));
    // Every other one is overtaken by the next.
    if (change % 2 === 0) await eventually(`pool ${change}`, () => proxy.pool.addresses === size);
    await load.more(4);
  }
  await load.assertUnharmed();
  await assertUses(proxy, [...addresses('127.0.2', 20), ...addresses('127.0.8', 50)]);
});

/** Clients that connect again and again, and tunnels that stand and talk. */
class Load implements AsyncDisposable {
  readonly #proxy: Gateway;
  readonly #target: Target;
  readonly #tunnels: Peer[] = [];
  readonly #talk: Promise<void>[] = [];
  readonly #clients: Promise<void>[];
  #ended = false;
  #connected = 0;
  #heard = 0;
  #failure: Error | undefined = undefined;

  private constructor(proxy: Gateway, target: Target) {
    this.#proxy = proxy;
    this.#target = target;
    this.#clients = Array.from({ length: CLIENTS }, () => this.#connect());
  }

  static async start(proxy: Gateway): Promise<Load> {
    const target = await Target.listen((socket) => socket.pipe(socket));
    const load = new Load(proxy, target);
    for (let i = 0; i < TUNNELS; i++) {
      const { client } = await socksTunnel(proxy, target.port);
      load.#tunnels.push(client);
      load.#talk.push(load.#converse(client));
    }
    return load;
  }

  /** Waits for connections that begin from now on, and for a word of some long tunnel. */
  async more(count: number): Promise<void> {
    const [connected, heard] = [this.#connected + count + CLIENTS, this.#heard];
    await eventually('more connections', () => {
      if (this.#failure !== undefined) throw this.#failure;
      return this.#connected >= connected && this.#heard > heard;
    });
  }

  /** Ends the load: nothing has failed, and the counters agree. */
  async assertUnharmed(): Promise<void> {
    const { length } = this.#tunnels;
    this.#ended = true;
    await Promise.all([...this.#clients, ...this.#talk]);
    if (this.#failure !== undefined) throw this.#failure;
    await eventually('only the long tunnels are left', () => this.#proxy.stats().active === length);
    for (const tunnel of this.#tunnels) await this.#word(tunnel);
    for (const tunnel of this.#tunnels) tunnel.end();
    await eventually('nothing is active', () => this.#proxy.stats().active === 0);
    const { accepted, tunnels, failures } = this.#proxy.stats();
    assert.deepEqual([accepted, tunnels], [this.#connected + length, this.#connected + length]);
    assert.deepEqual(
      Object.entries(failures).filter(([, count]) => count > 0),
      [],
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    for (const tunnel of this.#tunnels) tunnel[Symbol.dispose]();
    await this.#target[Symbol.asyncDispose]();
    await Promise.all([...this.#clients, ...this.#talk]);
  }

  async #connect(): Promise<void> {
    try {
      while (!this.#ended) {
        const { client } = await socksTunnel(this.#proxy, this.#target.port);
        await this.#word(client);
        client.end();
        await client.waitClosed();
        this.#connected++;
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  async #converse(tunnel: Peer): Promise<void> {
    try {
      while (!this.#ended) {
        await this.#word(tunnel);
        this.#heard++;
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  async #word(peer: Peer): Promise<void> {
    peer.text('word');
    assert.equal((await peer.read(4)).toString(), 'word');
  }

  #fail(error: unknown): void {
    if (!this.#ended) this.#failure ??= error as Error;
  }
}

/** The pool in use consists of these addresses, of all of them and of no others. */
async function assertUses(proxy: Gateway, pool: readonly string[]): Promise<void> {
  await using target = await Target.listen((socket) => socket.end());
  const turn = async (): Promise<string[]> => {
    const seen: string[] = [];
    for (let i = 0; i < pool.length; i++) {
      const { client, bound } = await socksTunnel(proxy, target.port);
      seen.push(bound.address);
      client.end();
      await client.waitClosed();
    }
    return seen.toSorted();
  };
  // Both threads have it when the connections made before have been counted: nothing to wait for.
  assert.deepEqual(await turn(), pool.toSorted());
}

const addresses = (network: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${network}.${i + 1}`);

function temporary(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'gyre-pool-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}
