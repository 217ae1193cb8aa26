/**
 * The gateway: what a user starts and stops. It owns the pool, the shared memory, the log targets and the lanes, and
 * never touches a connection itself.
 */
import { DEFAULT_POOL, type Endpoint } from '../connection.ts';
import { rotatorMemory } from '../egress/rotation/rotator.ts';
import { readPortRange } from '../egress/dial/ports.ts';
import { sessionMemory, Sessions, type SessionMemory } from '../egress/sessions/sessions.ts';
import { probe, StartError } from '../listener.ts';
import { countersMemory, readStats, type Stats as ConnectionStats } from '../ops/counters.ts';
import { startEcho, type Echo } from '../ops/echo.ts';
import { Certificates } from './certificates.ts';
import type { Config } from './config.ts';
import type { Account } from '../policy/users/account.ts';
import { limitMemory, type LimitMemory } from '../policy/limits/memory.ts';
import { Lanes, type LanePlan } from './lanes.ts';
import { Membership, type EgressStatus } from './membership.ts';
import { openOutputs, type Outputs } from './outputs.ts';
import { OverloadWatch, overloadMemory } from './overload.ts';
import { QuotaFile } from './quota-file.ts';
import { SessionFile } from './session-file.ts';
import { UsersFile } from './users-file.ts';

export { StartError } from '../listener.ts';
export type { EgressStatus } from './membership.ts';

/** What has happened since the start, over all threads. */
export interface Stats extends ConnectionStats {
  /** Log and access lines that found no room because their target was too slow or full. */
  readonly logLinesDropped: number;
}

/** How big a pool is. */
export interface PoolSummary {
  readonly addresses: bigint;
}

/** A running proxy. Close it, or hold it with `await using`. */
export interface Gateway extends AsyncDisposable {
  /** Where it listens, in the order of the config. */
  readonly endpoints: readonly Endpoint[];
  /** The first listener as an `http://` proxy URL, which every client takes; the same port speaks SOCKS5. */
  readonly url: string;
  /** The "what is my address" responder, when it is on. */
  readonly echo: Endpoint | undefined;
  readonly pool: PoolSummary;
  stats(): Stats;
  /** Every egress with its state, live tunnels and free source ports; a block is one as a whole. */
  egresses(): Iterable<EgressStatus>;
  /**
   * Puts another pool in place for all new connections; live tunnels keep their egress.
   * @param name Of a named pool; without it, the one that is used when nobody names one.
   * @throws PoolError and keeps the old pool; RangeError when there is no room for it beside what still drains.
   */
  replacePool(expression: readonly string[], name?: string): Promise<PoolSummary>;
  /**
   * Stops accepting at once and lets live tunnels end.
   * @param drainMs How long they may take, in milliseconds; default the config's `timeouts.drain`. Then they are cut.
   */
  close(drainMs?: number): Promise<void>;
}

/**
 * @param adoptHandles False forces the slower reads of `leg.ts`, which are there for Node versions without the fast ones.
 * @throws StartError, or PoolError.
 */
export async function startGateway(config: Config, adoptHandles = true): Promise<Gateway> {
  const gateway = new RunningGateway(config, openOutputs(config.log), adoptHandles);
  try {
    await gateway.start();
  } catch (error) {
    await gateway.close(0);
    throw error;
  }
  return gateway;
}

class RunningGateway implements Gateway {
  readonly #config: Config;
  readonly #outputs: Outputs;
  readonly #counters: SharedArrayBuffer;
  readonly #membership: Membership;
  readonly #lanes: Lanes;
  readonly #certificates: Certificates;
  readonly #usersFile: UsersFile | undefined;
  readonly #limits: LimitMemory;
  readonly #overload: OverloadWatch;
  readonly #ports = readPortRange();
  readonly #sessions: SessionMemory = sessionMemory();
  #sessionFile: SessionFile | undefined = undefined;
  #quotaFile: QuotaFile | undefined = undefined;
  #echo: Echo | undefined = undefined;
  #endpoints: readonly Endpoint[] = [];
  #closed: Promise<void> | undefined = undefined;

  constructor(config: Config, outputs: Outputs, adoptHandles: boolean) {
    this.#config = config;
    this.#outputs = outputs;
    this.#limits = limitMemory(config.limits);
    this.#counters = countersMemory(Math.max(1, config.workers));
    this.#membership = new Membership(config.health, outputs.log, (snapshots) =>
      this.#lanes.update({ snapshots }),
    );
    const plan: LanePlan = {
      config,
      memory: rotatorMemory(),
      table: this.#membership.memory,
      sessions: this.#sessions,
      limits: this.#limits,
      overload: overloadMemory(Math.max(1, config.workers)),
      ports: config.ports === 'own' ? this.#ports : undefined,
      counters: this.#counters,
      accessFormat: outputs.accessFormat,
      adoptHandles,
    };
    this.#lanes = new Lanes(plan, outputs, this.#membership);
    this.#certificates = new Certificates(config.listen, outputs.log, (certificates) =>
      this.#lanes.update({ certificates }),
    );
    const { usersFile } = config;
    this.#usersFile =
      usersFile === undefined
        ? undefined
        : new UsersFile(usersFile, outputs.log, (users) =>
            this.#lanes.update({ accounts: this.#all(users) }),
          );
    this.#overload = new OverloadWatch(plan.overload, config.overload, outputs.log);
  }

  async start(): Promise<void> {
    const { listen, echo, pool, pools, sessions } = this.#config;
    if (sessions.file !== undefined) {
      this.#sessionFile = new SessionFile(sessions.file, new Sessions(this.#sessions), this.#outputs.log);
    }
    const { quotaFile } = this.#config.limits;
    if (quotaFile !== undefined) this.#quotaFile = new QuotaFile(quotaFile, this.#limits, this.#outputs.log);
    for (const [name, expression] of [[DEFAULT_POOL, pool] as const, ...Object.entries(pools)]) {
      await this.#readPool(name, expression);
    }
    const certificates = await this.#certificates.load();
    const fromFile = (await this.#usersFile?.load()) ?? [];
    for (const { at } of echo === undefined ? listen : [...listen, { at: echo }]) {
      if ('port' in at) await probe(at);
    }
    const snapshots = this.#membership.snapshots();
    this.#endpoints = await this.#lanes.open({ snapshots, certificates, accounts: this.#all(fromFile) });
    this.#certificates.start();
    this.#usersFile?.start();
    this.#overload.start();
    this.#membership.start();
    if (echo !== undefined) this.#echo = await startEcho(echo);
  }

  /** @throws StartError for a name that both have. */
  #all(fromFile: readonly Account[]): readonly Account[] {
    const { users } = this.#config;
    const names = new Set(users.map(({ name }) => name));
    const twice = fromFile.find(({ name }) => names.has(name));
    if (twice === undefined) return [...users, ...fromFile];
    throw new StartError(
      `the user ${JSON.stringify(twice.name)} is in the configuration and in ${this.#config.usersFile}`,
      'leave one of the two out',
    );
  }

  async #readPool(name: string, expression: readonly string[]): Promise<void> {
    await this.#membership.read(name, expression);
    if (this.#membership.addresses(name) > 0n) return;
    const which = name === DEFAULT_POOL ? 'the pool' : `the pool ${name}`;
    throw new StartError(
      `${which} is empty: there is no address to leave from`,
      'see what it stands for with `gyre pool expand`',
    );
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  get url(): string {
    const { address, port } = this.#endpoints[0]!;
    const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
    return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  }

  get echo(): Endpoint | undefined {
    return this.#echo?.endpoint;
  }

  get pool(): PoolSummary {
    return { addresses: this.#membership.addresses(DEFAULT_POOL) };
  }

  stats(): Stats {
    return { ...readStats(this.#counters), logLinesDropped: this.#outputs.dropped };
  }

  egresses(): Iterable<EgressStatus> {
    return this.#membership.egresses(this.#ports);
  }

  async replacePool(expression: readonly string[], name: string = DEFAULT_POOL): Promise<PoolSummary> {
    await this.#membership.read(name, expression);
    this.#lanes.update({ snapshots: this.#membership.snapshots() });
    const addresses = this.#membership.addresses(name);
    this.#outputs.log.info('pool replaced', { pool: name, addresses: String(addresses) });
    return { addresses };
  }

  close(drainMs: number = this.#config.timeouts.drain): Promise<void> {
    return (this.#closed ??= this.#close(drainMs));
  }

  async #close(drainMs: number): Promise<void> {
    this.#membership.stop();
    this.#certificates.stop();
    this.#usersFile?.stop();
    this.#overload.stop();
    await this.#lanes.close(drainMs);
    await this.#echo?.close();
    this.#sessionFile?.close();
    this.#quotaFile?.close();
    await this.#outputs.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
