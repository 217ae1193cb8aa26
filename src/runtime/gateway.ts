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
import { Lanes } from './lanes.ts';
import { openOutputs, type Outputs } from './outputs.ts';

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
  readonly #counters: SharedArrayBuffer;
  readonly #lanes: Lanes;
  #ranges: readonly Range[];
  #echo: Echo | undefined = undefined;
  #endpoints: readonly Endpoint[] = [];
  #closed: Promise<void> | undefined = undefined;

  constructor(config: Config, ranges: readonly Range[], outputs: Outputs, adoptHandles: boolean) {
    this.#config = config;
    this.#ranges = ranges;
    this.#outputs = outputs;
    this.#counters = countersMemory(Math.max(1, config.workers));
    const { accessFormat } = outputs;
    const plan = { config, memory: rotatorMemory(), counters: this.#counters, accessFormat, adoptHandles };
    this.#lanes = new Lanes(plan, outputs, buildSnapshot(ranges));
  }

  async start(): Promise<void> {
    const { listen, echo } = this.#config;
    for (const address of echo === undefined ? listen : [...listen, echo]) await probe(address);
    this.#endpoints = await this.#lanes.open();
    if (echo !== undefined) this.#echo = await startEcho(echo);
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
    this.#lanes.replace(buildSnapshot(this.#ranges));
    this.#outputs.log.info('pool replaced', { addresses: String(this.pool.addresses) });
    return this.pool;
  }

  close(drainMs: number = this.#config.timeouts.drain): Promise<void> {
    return (this.#closed ??= this.#close(drainMs));
  }

  async #close(drainMs: number): Promise<void> {
    await this.#lanes.close(drainMs);
    await this.#echo?.close();
    await this.#outputs.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
