/**
 * The pools as the main thread keeps them: what their sources say, who of them is fit, and the snapshots the lanes pick from.
 *
 * Sources and health change at any time; lanes only ever see whole snapshots.
 */
import { isDeepStrictEqual } from 'node:util';
import type { FailureCode } from '../errors.ts';
import { parsePool } from '../egress/expression/expression.ts';
import { Feed, type SourceReport, type SourceStatus } from '../egress/sources/feed.ts';
import { Health, type HealthOptions, type Member } from '../egress/health/health.ts';
import type { PortRange } from '../egress/dial/ports.ts';
import { count, isBlock, type Range } from '../egress/pool/ranges.ts';
import { buildSnapshot } from '../egress/rotation/rotator.ts';
import { Slots } from '../egress/pool/slots.ts';
import { EgressTable, tableMemory, type EgressState, type TableMemory } from '../egress/pool/table.ts';
import type { Log } from '../ops/log.ts';
import type { Snapshots } from './lane.ts';
import { PoolChange } from './pool-change.ts';
import { Roll } from './roll.ts';

/** How often slots of addresses that have left, and have no tunnels any more, are freed; milliseconds. */
const SWEEP_MS = 5000;

/** As everybody is shown it: who was taken out by hand drains as well. */
export type ShownState = Exclude<EgressState, 'out'>;

/** One egress of a pool, as it stands. A block, too big to be enumerated, is one as a whole. */
export interface EgressStatus {
  readonly pool: string;
  /** Of a block, one of its addresses. */
  readonly address: string;
  readonly block: boolean;
  readonly state: ShownState;
  /** Live tunnels, over all threads. */
  readonly tunnels: number;
  /** Tunnels it has source ports for, beside those, all of them to one destination. Undefined for a block. */
  readonly freePorts: number | undefined;
  /** Connections that failed by its fault, since it is in the pool. */
  readonly faults: number;
}

export class Membership {
  readonly memory: TableMemory = tableMemory();
  readonly table: EgressTable = new EgressTable(this.memory);
  readonly health: Health;
  readonly #slots = new Slots(this.table);
  readonly #log: Log;
  /** Hands new snapshots to the lanes. */
  readonly #publish: (snapshots: Snapshots) => void;
  readonly #feeds = new Map<string, Feed>();
  /** What the feeds read, by pool. */
  #expressions = new Map<string, readonly string[]>();
  /** By pool. */
  #ranges: ReadonlyMap<string, readonly Range[]> = new Map();
  /** Made when somebody asks. */
  readonly #rolls = new Map<string, Roll>();
  #sweeping: NodeJS.Timeout | undefined = undefined;

  constructor(health: HealthOptions, log: Log, publish: (snapshots: Snapshots) => void) {
    this.#log = log;
    this.#publish = publish;
    this.health = new Health(this.table, health, () => this.#publish(this.snapshots()), log);
  }

  /** The names of all pools. */
  get pools(): readonly string[] {
    return [...this.#ranges.keys()];
  }

  /** Undefined when there is no such pool. */
  roll(pool: string): Roll | undefined {
    const ranges = this.#ranges.get(pool);
    if (ranges === undefined) return undefined;
    let roll = this.#rolls.get(pool);
    if (roll === undefined) this.#rolls.set(pool, (roll = new Roll(ranges, this.#slots)));
    return roll;
  }

  state(slot: number): ShownState {
    const state = this.table.state(slot);
    return state === 'out' ? 'draining' : state;
  }

  /** How the terms of a pool are doing. */
  sources(pool: string): readonly SourceStatus[] {
    return this.#feeds.get(pool)?.status() ?? [];
  }

  /** Of a pool, usable or not. */
  addresses(pool: string): bigint {
    return count(this.#ranges.get(pool) ?? []);
  }

  /** Looks after the members by other rules from now on. @throws TypeError, and keeps those before. */
  configure(health: HealthOptions): void {
    this.health.configure(health);
  }

  /** Starts to look after the members. */
  start(): void {
    this.health.start();
    this.#sweeping = setInterval(() => this.#slots.sweep(), SWEEP_MS).unref();
  }

  stop(): void {
    clearInterval(this.#sweeping);
    this.health.stop();
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
    this.#expressions.set(pool, expression);
    feed.onChange((ranges) => this.#changed(pool, ranges));
  }

  /**
   * Reads those of the pools whose expression is another one than before.
   * @param pools All there are to be, by name.
   * @throws PoolError; StartError for one without an address. Nothing has changed then.
   */
  async prepare(pools: ReadonlyMap<string, readonly string[]>): Promise<PoolChange> {
    const change = new PoolChange(
      (pool) => (report) => this.#tell(pool, report),
      (ranges, feeds) => this.#put(pools, ranges, feeds),
    );
    const other = [...pools].filter(
      ([pool, terms]) => !isDeepStrictEqual(terms, this.#expressions.get(pool)),
    );
    await change.read(other);
    return change;
  }

  snapshots(): Snapshots {
    const entries = [...this.#ranges].map(([pool, ranges]) => {
      return [pool, buildSnapshot(ranges, this.#slots, this.table)] as const;
    });
    return new Map(entries);
  }

  /** Every egress, pool by pool, in the order of the expressions. */
  *egresses(ports: PortRange): Generator<EgressStatus, void> {
    for (const [pool, ranges] of this.#ranges) {
      for (const range of ranges) {
        const block = isBlock(range);
        for (const slot of this.#slots.of(range)) {
          const tunnels = this.table.active(slot);
          const freePorts = block ? undefined : Math.max(0, ports.order.length - tunnels);
          const [address, state] = [this.table.address(slot), this.state(slot)];
          yield { pool, address, block, state, tunnels, freePorts, faults: this.table.faults(slot) };
        }
      }
    }
  }

  /** A lane's connections fail by fault of this egress. */
  failed(slot: number, code: FailureCode, times: number): void {
    this.health.failed(slot, code, times);
  }

  /** A lane has taken this egress out. */
  ejected(slot: number, code: FailureCode): void {
    this.health.ejected(slot, code);
  }

  /** A lane's thread has died: the tunnels it had are no longer live. */
  writeOff(ledger: SharedArrayBuffer): void {
    this.table.writeOff(ledger);
  }

  /** @throws RangeError when there is no room; nothing has changed then. */
  #put(
    pools: ReadonlyMap<string, readonly string[]>,
    fresh: ReadonlyMap<string, readonly Range[]>,
    feeds: ReadonlyMap<string, Feed>,
  ): void {
    this.#assignAll(
      new Map([...pools.keys()].map((pool) => [pool, fresh.get(pool) ?? this.#ranges.get(pool)!])),
    );
    for (const [pool, feed] of this.#feeds) {
      if (pools.has(pool) && !feeds.has(pool)) continue;
      feed.stop();
      this.#feeds.delete(pool);
    }
    for (const [pool, feed] of feeds) {
      this.#feeds.set(pool, feed);
      feed.onChange((ranges) => this.#changed(pool, ranges));
    }
    this.#expressions = new Map(pools);
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
    this.#assignAll(new Map(this.#ranges).set(pool, ranges));
  }

  #assignAll(all: ReadonlyMap<string, readonly Range[]>): void {
    this.#slots.assign([...all.values()].flat());
    this.#ranges = all;
    this.#rolls.clear();
    this.health.membership(this.#members());
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
    const address = this.table.address(slot);
    return { slot, address, family: range.family, block: isBlock(range), pools: [pool] };
  }

  #tell(pool: string, { level, text, message }: SourceReport): void {
    this.#log[level](message, { pool, source: text });
  }
}
