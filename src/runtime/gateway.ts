/**
 * The gateway: what a user starts and stops. It owns the pool, the shared memory, the log targets and the lanes, and
 * never touches a connection itself.
 */
import { networkInterfaces } from 'node:os';
import type { Endpoint } from '../connection.ts';
import { parsePool, poolRanges } from '../egress/expression.ts';
import { count, type Range } from '../egress/ranges.ts';
import { buildSnapshot, rotatorMemory } from '../egress/rotator.ts';
import { probe, StartError } from '../listener.ts';
import { countersMemory, readStats, type Stats as ConnectionStats } from '../ops/counters.ts';
import { startEcho, type Echo } from '../ops/echo.ts';
import type { Config } from './config.ts';
import { openLane, type Lane, type LaneOptions } from './lane.ts';
import { openOutputs, type Outputs } from './outputs.ts';
import { spawnLane } from './worker-lane.ts';

export { StartError } from '../listener.ts';

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
  /**
   * Puts another pool in place for all new connections; live tunnels keep their egress.
   * @throws PoolError and keeps the old pool.
   */
  replacePool(expression: readonly string[]): PoolSummary;
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
  const ranges = readPool(config.pool);
  if (ranges.length === 0) {
    throw new StartError(
      'the pool is empty: there is no address to leave from',
      'see what it stands for with `gyre pool expand`',
    );
  }
  const outputs = openOutputs(config.log);
  const gateway = new RunningGateway(config, ranges, outputs, adoptHandles);
  try {
    await gateway.start();
  } catch (error) {
    await gateway.close(0);
    throw error;
  }
  return gateway;
}

function readPool(expression: readonly string[]): Range[] {
  return poolRanges(parsePool(expression), networkInterfaces());
}

class RunningGateway implements Gateway {
  readonly #config: Config;
  readonly #outputs: Outputs;
  readonly #adoptHandles: boolean;
  readonly #memory = rotatorMemory();
  readonly #counters: SharedArrayBuffer;
  readonly #lanes: (Lane | undefined)[] = [];
  #ranges: readonly Range[];
  #echo: Echo | undefined = undefined;
  #endpoints: readonly Endpoint[] = [];
  #closed: Promise<void> | undefined = undefined;

  constructor(config: Config, ranges: readonly Range[], outputs: Outputs, adoptHandles: boolean) {
    this.#config = config;
    this.#ranges = ranges;
    this.#outputs = outputs;
    this.#adoptHandles = adoptHandles;
    this.#counters = countersMemory(Math.max(1, config.workers));
  }

  async start(): Promise<void> {
    const { workers, listen, echo } = this.#config;
    for (const address of listen) await probe(address);
    const first = await this.#openLane(0, listen);
    this.#endpoints = first.endpoints;
    // The other threads join on the very ports the first one got.
    const joined = first.endpoints.map(({ address, port }) => ({ host: address, port }));
    await Promise.all(
      Array.from({ length: Math.max(0, workers - 1) }, (_, i) => this.#openLane(i + 1, joined)),
    );
    if (echo !== undefined) this.#echo = await startEcho(echo);
  }

  async #openLane(index: number, listen: LaneOptions['listen']): Promise<Lane> {
    const { workers } = this.#config;
    const options: LaneOptions = {
      index,
      listen,
      config: this.#config,
      reusePort: workers > 1,
      snapshot: buildSnapshot(this.#ranges),
      memory: this.#memory,
      counters: this.#counters,
      accessFormat: this.#outputs.accessFormat,
      adoptHandles: this.#adoptHandles,
    };
    const lane = await (workers === 0
      ? openLane(options, this.#outputs)
      : spawnLane(options, this.#outputs, (error) => this.#lost(index, error)));
    this.#lanes[index] = lane;
    return lane;
  }

  /** A thread died: its tunnels are gone, the others serve on, and a new one takes its place. */
  #lost(index: number, error: Error): void {
    this.#lanes[index] = undefined;
    this.#outputs.log.error('a worker thread died and is replaced', { lane: index, error });
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
    return { addresses: count(this.#ranges) };
  }

  stats(): Stats {
    return { ...readStats(this.#counters), logLinesDropped: this.#outputs.dropped };
  }

  replacePool(expression: readonly string[]): PoolSummary {
    this.#ranges = readPool(expression);
    const snapshot = buildSnapshot(this.#ranges);
    for (const lane of this.#lanes) lane?.replace(snapshot);
    this.#outputs.log.info('pool replaced', { addresses: String(this.pool.addresses) });
    return this.pool;
  }

  close(drainMs: number = this.#config.timeouts.drain): Promise<void> {
    return (this.#closed ??= this.#close(drainMs));
  }

  async #close(drainMs: number): Promise<void> {
    await Promise.all(this.#lanes.map(async (lane) => lane?.close(drainMs)));
    await this.#echo?.close();
    await this.#outputs.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
