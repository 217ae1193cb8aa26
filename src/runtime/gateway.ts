/**
 * The gateway: what a user starts and stops. It owns the pool, the shared memory, the log targets and the lanes, and
 * never touches a connection itself.
 */
import { inspect } from 'node:util';
import type { ReloadReport } from '../admin/api.ts';
import type { Control } from '../admin/control.ts';
import { DEFAULT_POOL, type Endpoint } from '../connection.ts';
import { rotatorMemory } from '../egress/rotation/rotator.ts';
import { readPortRange } from '../egress/dial/ports.ts';
import { sessionMemory, type SessionMemory } from '../egress/sessions/sessions.ts';
import { probe } from '../listener.ts';
import { countersMemory, readStats } from '../ops/counters.ts';
import type { Log } from '../ops/log.ts';
import { startEcho, type Echo } from '../ops/echo.ts';
import { defineConfig, type Config, type GyreOptions } from './config.ts';
import { limitMemory, type LimitMemory } from '../policy/limits/memory.ts';
import { GatewayControl } from './control.ts';
import type { Gateway, GatewayOptions, GatewayState, PoolSummary, Stats } from './gateway-types.ts';
import { AdminDoor } from './admin-door.ts';
import { Inherited, ownSockets, type ListeningSocket } from './inherited.ts';
import { KeptFiles } from './kept-files.ts';
import { Lanes, type LanePlan } from './lanes.ts';
import { Membership, type EgressStatus } from './membership.ts';
import { openOutputs, type Outputs } from './outputs.ts';
import { OverloadWatch, overloadMemory } from './overload.ts';
import { Parts } from './parts.ts';
import { PlacedListeners } from './placed-listeners.ts';
import { portionsOf } from './portions.ts';
import { poolsOf, Reloader, type Reloadable } from './reload/reloader.ts';
import type { Reloads } from './reload/reloads.ts';

export { StartError } from '../listener.ts';
export type { Gateway, GatewayOptions, PoolSummary, Stats } from './gateway-types.ts';
export type { EgressStatus } from './membership.ts';

/** @throws StartError, or PoolError. */
export async function startGateway(config: Config, options: GatewayOptions = {}): Promise<Gateway> {
  const gateway = new RunningGateway(config, openOutputs(config.log), options);
  try {
    await gateway.start();
  } catch (error) {
    await gateway.close(0);
    throw error;
  }
  return gateway;
}

class RunningGateway implements Gateway {
  #config: Config;
  #state: GatewayState = 'starting';
  readonly #options: GatewayOptions;
  readonly #reloader: Reloader;
  readonly control: Control;
  readonly #over: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #outputs: Outputs;
  readonly #counters: SharedArrayBuffer;
  readonly #membership: Membership;
  readonly #lanes: Lanes;
  readonly #listeners: PlacedListeners;
  #parts: Parts | undefined = undefined;
  readonly #limits: LimitMemory;
  readonly #overload: OverloadWatch;
  readonly #ports = readPortRange();
  readonly #sessions: SessionMemory = sessionMemory();
  #kept: KeptFiles | undefined = undefined;
  #echo: Echo | undefined = undefined;
  readonly #admin = new AdminDoor();
  #endpoints: readonly Endpoint[] = [];
  #closed: Promise<void> | undefined = undefined;

  constructor(config: Config, outputs: Outputs, options: GatewayOptions) {
    this.#config = config;
    this.#options = options;
    this.#outputs = outputs;
    this.#limits = limitMemory(config.limits);
    this.#listeners = new PlacedListeners(this.#limits);
    this.#counters = countersMemory(Math.max(1, config.workers));
    this.#membership = new Membership(
      config.health,
      outputs.log,
      (snapshots) => void this.#lanes.update({ snapshots }),
    );
    const plan: LanePlan = {
      workers: config.workers,
      memory: rotatorMemory(),
      table: this.#membership.memory,
      sessions: this.#sessions,
      limits: this.#limits,
      overload: overloadMemory(Math.max(1, config.workers)),
      ports: this.#ports,
      counters: this.#counters,
      adoptHandles: options.adoptHandles !== false,
    };
    this.#lanes = new Lanes(plan, outputs, this.#membership);
    this.#overload = new OverloadWatch(plan.overload, config.overload, outputs.log);
    this.#reloader = new Reloader(this.#reloadable(), options);
    this.control = this.#control();
  }

  #control(): Control {
    return new GatewayControl({
      counters: this.#counters,
      state: () => this.#state,
      config: () => this.#config,
      endpoints: () => this.#endpoints,
      logLinesDropped: () => this.#outputs.dropped,
      membership: this.#membership,
      lanes: this.#lanes,
      sessions: this.#sessions,
      limits: this.#limits,
      ports: this.#ports,
      ring: this.#outputs.ring,
      reloads: this.reloads,
      fileAccounts: () => this.#parts?.fromFile ?? [],
      close: (drainMs) => void this.close(drainMs),
    });
  }

  async start(): Promise<void> {
    const { echo } = this.#config;
    const listen = this.#listeners.plan(this.#config);
    const { inherited = new Inherited() } = this.#options;
    const portions = await portionsOf(inherited, listen, this.#config, this.#outputs.log);
    // First, so that who probes is told that it starts; what it may need of the lanes is not there yet.
    if (portions.admin === undefined) await this.#openAdmin(undefined);
    const placeOf = (slot: number): number | undefined => this.#listeners.placeOf(slot);
    this.#kept = new KeptFiles(this.#config, this.#sessions, this.#limits, this.#outputs.log, placeOf);
    const pools = await this.#membership.prepare(poolsOf(this.#config));
    pools.put();
    this.#parts = await this.#read(this.#config);
    for (const { at, key } of listen) if ('port' in at && !portions.lanes.has(key)) await probe(at);
    if (echo !== undefined && portions.echo === undefined) await probe(echo);
    const snapshots = this.#membership.snapshots();
    const { pems: certificates, accounts } = this.#parts;
    const { accessFormat } = this.#outputs;
    const reserved = [this.#admin.endpoint ?? portions.admin?.endpoint].filter((one) => one !== undefined);
    const state = { config: this.#config, listen, snapshots, certificates, accounts, accessFormat, reserved };
    this.#endpoints = await this.#lanes.open(
      state,
      portions.lanes,
      inherited.activated ? () => void this.close() : undefined,
    );
    this.#listeners.take(listen, this.#endpoints);
    this.#parts.start();
    this.#overload.start();
    this.#membership.start();
    if (echo !== undefined) this.#echo = await startEcho(echo, portions.echo?.fds[0]);
    // Not before: the process before this one answers that it is ready.
    if (portions.admin !== undefined) await this.#openAdmin(portions.admin.fds[0]);
    if (this.#state !== 'starting') return;
    this.#state = 'ready';
    this.#reloader.start();
  }

  #openAdmin(fd: number | undefined): Promise<void> {
    return this.#admin.open(this.#config, this.control, this.#outputs.log, fd);
  }

  #read(config: Config): Promise<Parts> {
    return Parts.read(config, this.#outputs.log, (changes) => void this.#lanes.update(changes));
  }

  get state(): GatewayState {
    return this.#state;
  }

  /** Whoever prints a gateway must not print the passwords of its configuration. */
  [inspect.custom](): string {
    return `Gateway (${this.#state})`;
  }

  get config(): Config {
    return this.#config;
  }

  get reloads(): Reloads {
    return this.#reloader.reloads;
  }

  reload(options: GyreOptions): Promise<ReloadReport> {
    const { define = defineConfig } = this.#options;
    return this.reloads.ask(() => ({ config: define(options), file: undefined, notes: [] }), 'api');
  }

  #reloadable(): Reloadable {
    const [outputs, membership, lanes] = [this.#outputs, this.#membership, this.#lanes];
    const [listeners, overload] = [this.#listeners, this.#overload];
    return {
      standing: { outputs, membership, lanes, listeners, overload },
      state: () => this.#state,
      inUse: () => ({
        config: this.#config,
        parts: this.#parts!,
        echo: this.#echo,
        endpoints: this.#endpoints,
      }),
      take: ({ config, parts, echo, endpoints }) => {
        this.#config = config;
        this.#parts = parts;
        this.#echo = echo;
        this.#endpoints = endpoints;
      },
      read: (config) => this.#read(config),
    };
  }

  get closed(): Promise<void> {
    return this.#over.promise;
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

  get admin(): Endpoint | undefined {
    return this.#admin.endpoint;
  }

  dashboard(withToken: boolean): string | undefined {
    return this.#admin.dashboard(withToken);
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
    await this.#lanes.update({ snapshots: this.#membership.snapshots() });
    const addresses = this.#membership.addresses(name);
    this.#outputs.log.info('pool replaced', { pool: name, addresses: String(addresses) });
    return { addresses };
  }

  get log(): Log {
    return this.#outputs.log;
  }

  get beating(): boolean {
    return this.#lanes.beating;
  }

  handOver(): readonly ListeningSocket[] {
    this.#kept?.save();
    const all = [...this.#endpoints, this.#echo?.endpoint, this.#admin.endpoint];
    return ownSockets(all.filter((endpoint) => endpoint !== undefined));
  }

  close(drainMs: number = this.#config.timeouts.drain, handedOver = false): Promise<void> {
    this.#state = 'draining';
    this.#closed ??= this.#close(drainMs, handedOver).finally(this.#over.resolve);
    return this.#closed;
  }

  async #close(drainMs: number, handedOver: boolean): Promise<void> {
    this.#membership.stop();
    this.#parts?.stop();
    this.#reloader.stop();
    this.#overload.stop();
    const drained = this.#lanes.close(drainMs, handedOver);
    // Who asks is to be answered by the process that serves.
    if (handedOver) await Promise.all([this.#admin.close(true), this.#echo?.close()]);
    await drained;
    if (!handedOver) await this.#echo?.close();
    this.#kept?.close(handedOver);
    // Last of all: who watches a drain sees it to its end.
    await this.#admin.close(false);
    await this.#outputs.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
