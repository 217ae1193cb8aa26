/**
 * The pools as the main thread keeps them: what their sources say, who of them is fit, and the snapshots the lanes pick from.
 *
 * Sources and health change at any time; lanes only ever see whole snapshots.
 */
import type { FailureCode } from '../errors.ts';
import { parsePool } from '../egress/expression/expression.ts';
import { Feed, type SourceReport } from '../egress/sources/feed.ts';
import { Health, type HealthOptions, type Member } from '../egress/health/health.ts';
import type { PortRange } from '../egress/dial/ports.ts';
import { count, isBlock, type Range } from '../egress/pool/ranges.ts';
import { buildSnapshot } from '../egress/rotation/rotator.ts';
import { Slots } from '../egress/pool/slots.ts';
import { EgressTable, tableMemory, type EgressState, type TableMemory } from '../egress/pool/table.ts';
import type { Log } from '../ops/log.ts';
import type { Snapshots } from './lane.ts';

/** How often slots of addresses that have left, and have no tunnels any more, are freed; milliseconds. */
const SWEEP_MS = 5000;

/** One egress of a pool, as it stands. A block, too big to be enumerated, is one as a whole. */
export interface EgressStatus {
  readonly pool: string;
  /** Of a block, one of its addresses. */
  readonly address: string;
  readonly block: boolean;
  readonly state: EgressState;
  /** Live tunnels, over all threads. */
  readonly tunnels: number;
  /** Tunnels it has source ports for, beside those, all of them to one destination. Undefined for a block. */
  readonly freePorts: number | undefined;
}

export class Membership {
  readonly memory: TableMemory = tableMemory();
  readonly #table = new EgressTable(this.memory);
  readonly #slots = new Slots(this.#table);
  readonly #health: Health;
  readonly #log: Log;
  /** Hands new snapshots to the lanes. */
  readonly #publish: (snapshots: Snapshots) => void;
  readonly #feeds = new Map<string, Feed>();
  /** By pool. */
  #ranges: ReadonlyMap<string, readonly Range[]> = new Map();
  #sweeping: NodeJS.Timeout | undefined = undefined;

  constructor(health: HealthOptions, log: Log, publish: (snapshots: Snapshots) => void) {
    this.#log = log;
    this.#publish = publish;
    this.#health = new Health(this.#table, health, () => this.#publish(this.snapshots()), log);
  }

  /** Of a pool, usable or not. */
  addresses(pool: string): bigint {
    return count(this.#ranges.get(pool) ?? []);
  }

  /** Starts to look after the members. */
  start(): void {
    this.#health.start();
    this.#sweeping = setInterval(() => this.#slots.sweep(), SWEEP_MS).unref();
  }

  stop(): void {
    clearInterval(this.#sweeping);
    this.#health.stop();
    for (const feed of this.#feeds.values()) feed.stop();
  }

  /**
   * Reads the expression of a pool and puts its addresses in place of those before.
   * @throws PoolError or RangeError, and keeps what there was.
   */
  async read(pool: string, expression: readonly string[]): Promise<void> {
    const feed = new Feed(parsePool(expression), { report: (report) => this.#tell(pool, report) });
    try {
      this.#assign(pool, await feed.start());
    } catch (error) {
      feed.stop();
      throw error;
    }
    this.#feeds.get(pool)?.stop();
    this.#feeds.set(pool, feed);
    feed.onChange((ranges) => this.#changed(pool, ranges));
  }

  snapshots(): Snapshots {
    const entries = [...this.#ranges].map(([pool, ranges]) => {
      return [pool, buildSnapshot(ranges, this.#slots, this.#table)] as const;
    });
    return new Map(entries);
  }

  /** Every egress, pool by pool, in the order of the expressions. */
  *egresses(ports: PortRange): Generator<EgressStatus, void> {
    for (const [pool, ranges] of this.#ranges) {
      for (const range of ranges) {
        const block = isBlock(range);
        for (const slot of this.#slots.of(range)) {
          const tunnels = this.#table.active(slot);
          const freePorts = block ? undefined : Math.max(0, ports.order.length - tunnels);
          const [address, state] = [this.#table.address(slot), this.#table.state(slot)];
          yield { pool, address, block, state, tunnels, freePorts };
        }
      }
    }
  }

  /** A lane's connections fail by fault of this egress. */
  failed(slot: number, code: FailureCode, times: number): void {
    this.#health.failed(slot, code, times);
  }

  /** A lane has taken this egress out. */
  ejected(slot: number, code: FailureCode): void {
    this.#health.ejected(slot, code);
  }

  /** A lane's thread has died: the tunnels it had are no longer live. */
  writeOff(ledger: SharedArrayBuffer): void {
    this.#table.writeOff(ledger);
  }

  #changed(pool: string, ranges: readonly Range[]): void {
    try {
      this.#assign(pool, ranges);
    } catch (error) {
      this.#log.error('a pool has changed, but there is no room for it: the old one stays in use', {
        pool,
        error,
      });
      return;
    }
    this.#log.info('a pool has changed', { pool, addresses: String(this.addresses(pool)) });
    this.#publish(this.snapshots());
  }

  #assign(pool: string, ranges: readonly Range[]): void {
    const all = new Map(this.#ranges).set(pool, ranges);
    this.#slots.assign([...all.values()].flat());
    this.#ranges = all;
    this.#health.membership(this.#members());
  }

  #members(): Member[] {
    const members = new Map<number, Member & { readonly pools: string[] }>();
    for (const [pool, ranges] of this.#ranges) {
      for (const range of ranges) {
        for (const slot of this.#slots.of(range)) {
          const known = members.get(slot);
          if (known !== undefined) known.pools.push(pool);
          else members.set(slot, this.#member(slot, range, pool));
        }
      }
    }
    return [...members.values()];
  }

  #member(slot: number, range: Range, pool: string): Member & { readonly pools: string[] } {
    const address = this.#table.address(slot);
    return { slot, address, family: range.family, block: isBlock(range), pools: [pool] };
  }

  #tell(pool: string, { level, text, message }: SourceReport): void {
    this.#log[level](message, { pool, source: text });
  }
}
