/**
 * A gateway's whole world, in two network namespaces: on the left the gateway and its clients, on the right its targets and
 * a listener on the cable that notes where packets come from.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { GyreOptions } from '../../src/runtime/config.ts';
import { cable, Namespace, type Conversation } from './netns.ts';
import type { Order, Protocol, Trip } from './netns-client.ts';
import { PYTHON, ROOT } from './program-case.ts';
import { startGyre, type GyreProcess } from './program-gyre.ts';

/** What a case in this world needs. */
export const WORLD_NEEDS: readonly string[] = [ROOT, 'ip', PYTHON];
export const TARGET = '10.9.0.100';
export const TARGET_6 = '2001:db8:ffff::100';
/** On the left host, the kernel's own first choice towards the targets, and never in a pool. */
export const OUTSIDE = '10.9.0.1';
const OUTSIDE_6 = '2001:db8:ffff::1';

const TARGETS = fileURLToPath(new URL('netns-target.ts', import.meta.url));
const LISTENER = fileURLToPath(new URL('netns-wire.py', import.meta.url));
const CLIENTS = fileURLToPath(new URL('netns-client.ts', import.meta.url));

/** What the listener on the cable has noted. */
interface Noted {
  /** Packets by source address. */
  readonly sources: Readonly<Record<string, number>>;
  readonly dropped: number;
}

export class World implements AsyncDisposable {
  readonly #leaving: AsyncDisposableStack;
  readonly #clients: Conversation;
  readonly #wire: Conversation;
  readonly left: Namespace;
  /** A name server of the left host, for `six.test`, `four.test` and `both.test`. */
  readonly names: string;

  private constructor(
    leaving: AsyncDisposableStack,
    left: Namespace,
    clients: Conversation,
    wire: Conversation,
    names: string,
  ) {
    this.#leaving = leaving;
    this.left = left;
    this.#clients = clients;
    this.#wire = wire;
    this.names = names;
  }

  /** @param name Short, and no other test file's. */
  static async create(name: string): Promise<World> {
    await using leaving = new AsyncDisposableStack();
    const left = leaving.use(await Namespace.create(`gyre-${name}-${process.pid}`));
    const right = leaving.use(await Namespace.create(`gyre-${name}-far-${process.pid}`));
    await cable(left, right);
    for (const [side, four, six] of [
      [left, OUTSIDE, OUTSIDE_6],
      [right, TARGET, TARGET_6],
    ] as const) {
      await side.ip('address', 'add', `${four}/24`, 'dev', 'veth0');
      await side.ip('address', 'add', `${six}/64`, 'dev', 'veth0', 'nodad');
    }
    await right.ip('-6', 'route', 'add', '2001:db8::/32', 'via', OUTSIDE_6, 'dev', 'veth0');
    const target = right.start(process.execPath, TARGETS);
    const wire = right.start(PYTHON, LISTENER);
    const clients = left.start(process.execPath, CLIENTS);
    assert.deepEqual([await target.hear(), await wire.hear()], ['7001 7002', 'ready']);
    return new World(leaving.move(), left, clients, wire, await clients.hear());
  }

  /** Addresses for pools, whether they are there already or not. */
  async add(...addresses: readonly string[]): Promise<void> {
    for (const address of addresses) {
      // Without a preferred lifetime it is used by those who bind it, and never of the kernel's own accord.
      const six = ['nodad', 'preferred_lft', '0'];
      const [bits, more] = address.includes(':') ? [64, six] : [24, []];
      await this.left.ip('address', 'replace', `${address}/${bits}`, 'dev', 'veth0', ...more);
    }
  }

  async remove(address: string): Promise<void> {
    await this.left.ip('address', 'delete', `${address}/${address.includes(':') ? 64 : 24}`, 'dev', 'veth0');
  }

  /** The real command line, on the left, on two threads. */
  async gateway(options: GyreOptions): Promise<Gateway> {
    return Gateway.start(this, options);
  }

  async order<Answer>(order: Order): Promise<Answer> {
    this.#clients.say(JSON.stringify(order));
    return JSON.parse(await this.#clients.hear()) as Answer;
  }

  /** Asserts that all packets on the cable so far came from addresses of the pool, and that others would have been seen. */
  async assertOnlyFrom(inPool: (address: string) => boolean): Promise<string[]> {
    const { sources, dropped } = await this.#noted();
    assert.equal(dropped, 0, 'the listener on the cable missed packets');
    const strangers = Object.keys(sources).filter((address) => !inPool(address));
    assert.deepEqual(strangers, [], 'packets left from addresses outside the pool');
    for (const [host, outside] of [
      [TARGET, OUTSIDE],
      [TARGET_6, OUTSIDE_6],
    ] as const) {
      assert.equal(await this.order({ do: 'leave', from: outside, host, port: 7001 }), outside);
      assert.ok(outside in (await this.#noted()).sources, `a packet from ${outside} went unnoticed`);
    }
    return Object.keys(sources);
  }

  async #noted(): Promise<Noted> {
    this.#wire.say('');
    return JSON.parse(await this.#wire.hear()) as Noted;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#leaving.disposeAsync();
  }
}

export interface Load {
  /** By turns. @default both */
  readonly protocols?: readonly Protocol[];
  /** @default the IPv4 address of the target */
  readonly host?: string;
  /** 7001 or 7002. @default 7001 */
  readonly port?: number;
  /** @default 1 */
  readonly concurrency?: number;
  /** Tunnels stay open. @default false */
  readonly hold?: boolean;
}

/** One line of the access log. */
export interface AccessLine {
  readonly egress: string | null;
  readonly attempts: number;
  readonly dial_ms: number;
  readonly end: string;
  readonly time: string;
}

/** A running gateway of a {@link World}. */
export class Gateway implements AsyncDisposable {
  readonly #world: World;
  readonly #gyre: GyreProcess;
  readonly #folder: string;
  #read = 0;

  private constructor(world: World, gyre: GyreProcess, folder: string) {
    this.#world = world;
    this.#gyre = gyre;
    this.#folder = folder;
  }

  static async start(world: World, options: GyreOptions): Promise<Gateway> {
    const folder = mkdtempSync(join(tmpdir(), 'gyre-world-'));
    const config = {
      listen: '127.0.0.1:0',
      workers: 2,
      targets: { allowPrivate: true },
      dns: { servers: [world.names] },
      ...options,
      log: { format: 'json', access: join(folder, 'access.log') },
      timeouts: { drain: '0s', ...options.timeouts },
    };
    writeFileSync(join(folder, 'gyre.json'), JSON.stringify(config));
    try {
      const prefix = ['ip', 'netns', 'exec', world.left.name];
      return new Gateway(world, await startGyre(['--config', join(folder, 'gyre.json')], { prefix }), folder);
    } catch (error) {
      rmSync(folder, { recursive: true });
      throw error;
    }
  }

  /** So many clients, one connection each; none of them throws. */
  open(count: number, load: Load = {}): Promise<Trip[]> {
    const {
      protocols = ['socks5', 'http'],
      host = TARGET,
      port = 7001,
      concurrency = 1,
      hold = false,
    } = load;
    return this.#world.order({
      do: 'open',
      protocols,
      proxy: this.#gyre.port,
      host,
      port,
      count,
      concurrency,
      hold,
    });
  }

  /** Like {@link open}, and all of them get through, from the address that the proxy names. @returns these addresses. */
  async visit(count: number, load: Load = {}): Promise<string[]> {
    return sources(await this.open(count, load), this.#gyre.log());
  }

  /** @returns those tunnels that still carry a byte there and back. */
  alive(trips: readonly Trip[]): Promise<number[]> {
    return this.#world.order({ do: 'echo', ids: trips.map(({ id }) => id) });
  }

  /** The target ends these tunnels. */
  async end(trips: readonly Trip[]): Promise<void> {
    await this.#world.order({ do: 'end', ids: trips.map(({ id }) => id) });
  }

  /** How often the log says something of an egress. */
  said(message: string, egress: string): number {
    const lines = this.#gyre.log().split('\n');
    return lines.filter((line) => line.includes(`"${message}"`) && line.includes(`"${egress}"`)).length;
  }

  /** The next lines of the access log, once they are written, in the order in which the connections came. */
  async account(count: number): Promise<AccessLine[]> {
    let lines: string[] = [];
    await until(`${count} more lines in the access log`, () => {
      lines = readFileSync(join(this.#folder, 'access.log'), 'utf8').split('\n').slice(this.#read, -1);
      return lines.length >= count;
    });
    this.#read += count;
    const parsed = lines.slice(0, count).map((line) => JSON.parse(line) as AccessLine);
    // Two threads hand theirs in by bundles.
    return parsed.sort((a, b) => a.time.localeCompare(b.time));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#gyre[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true });
  }
}

/**
 * Where trips came from, all of which must have reached the target, from where the proxy says.
 * @param log For the error, when one has not.
 */
export function sources(trips: readonly Trip[], log = ''): string[] {
  for (const trip of trips) {
    assert.ok(trip.seen !== undefined && trip.seen === trip.named, `${JSON.stringify(trip)}\n${log}`);
  }
  return trips.map(({ seen }) => seen!);
}

/** Waits for what no event announces; 15 seconds at most. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`still not so after 15 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
