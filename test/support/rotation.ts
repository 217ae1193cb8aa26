/** A pool with everything around it that a rotator needs, from pool terms or ranges. */
import type { Egress, Family } from '../../src/connection.ts';
import { parsePool, poolRanges } from '../../src/egress/expression/expression.ts';
import type { Range } from '../../src/egress/pool/ranges.ts';
import {
  buildSnapshot,
  Rotator,
  rotatorMemory,
  type PickRequest,
  type Picks,
  type RotatorMemory,
  type Snapshot,
  type Stickiness,
} from '../../src/egress/rotation/rotator.ts';
import { Slots } from '../../src/egress/pool/slots.ts';
import type { StrategyOptions } from '../../src/egress/rotation/strategies.ts';
import { EgressTable, tableMemory, type TableMemory } from '../../src/egress/pool/table.ts';

export const ranges = (...terms: string[]): Range[] => poolRanges(parsePool(terms), {});

/** A range of its own making, without a word of a pool expression. */
export const span = (family: Family, first: bigint, last: bigint, more: Partial<Range> = {}): Range => ({
  family,
  first,
  last,
  holes: [],
  weight: 1,
  tags: [],
  ...more,
});

export const ROUND_ROBIN: StrategyOptions = {
  name: 'round-robin',
  cursor: 'global',
  hashBy: 'client',
  everyRequests: 0,
  everyMs: 0,
};

/** For rotators that are never asked for a session. */
export const NO_SESSIONS: Stickiness = {
  candidates: () => ({ inside: '', next: () => undefined, settle: () => false }),
};

export class Stage {
  readonly tableMemory: TableMemory;
  readonly table: EgressTable;
  readonly slots: Slots;
  readonly memory: RotatorMemory = rotatorMemory();

  constructor(capacity: number = 131_072) {
    this.tableMemory = tableMemory(capacity);
    this.table = new EgressTable(this.tableMemory);
    this.slots = new Slots(this.table);
  }

  /** Puts a membership in place. */
  snapshot(members: readonly Range[], seed: Uint8Array = new Uint8Array(16)): Snapshot {
    this.slots.assign(members);
    return this.snapshotOf(members, seed);
  }

  /** Of one pool, when others share the membership. */
  snapshotOf(members: readonly Range[], seed: Uint8Array = new Uint8Array(16)): Snapshot {
    return buildSnapshot(members, this.slots, this.table, seed);
  }

  rotator(
    snapshot: Snapshot,
    options: Partial<StrategyOptions> = {},
    sessions: Stickiness = NO_SESSIONS,
    now: () => number = Date.now,
  ): Rotator {
    return new Rotator(this.memory, { ...ROUND_ROBIN, ...options }, snapshot, this.table, sessions, now);
  }

  /** The slot of a single IPv4 or IPv6 address of the membership. */
  slotOf(address: string): number {
    for (const slot of this.slots.members()) if (this.table.address(slot) === address) return slot;
    throw new Error(`${address} has no slot`);
  }
}

export const rotatorOf = (options: Partial<StrategyOptions>, ...terms: string[]): Rotator => {
  const stage = new Stage();
  return stage.rotator(stage.snapshot(ranges(...terms)), options);
};

export const request = (more: Partial<PickRequest> = {}): PickRequest => ({
  family: 4,
  destination: 'a.example',
  user: 'u',
  client: '198.51.100.1',
  ...more,
});

/** Everything a Picks has to give, up to a bound. */
export const drain = (picks: Picks, most: number = Infinity): string[] => {
  const taken: string[] = [];
  for (let egress = picks.next(); egress !== undefined && taken.length < most; egress = picks.next()) {
    taken.push(egress.address);
  }
  return taken;
};

export const pick = (from: Rotator, more: Partial<PickRequest> = {}): Egress =>
  from.pick(request(more)).next()!;

/** The address of one pick. Its tunnel stays open. */
export const first = (from: Rotator, destination = 'a.example', family: Family = 4): string =>
  pick(from, { destination, family }).address;

export const take = (from: Rotator, times: number, destination = 'a.example', family: Family = 4): string[] =>
  Array.from({ length: times }, () => first(from, destination, family));

export const tally = (values: readonly string[]): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
};

/** How far counts are from an even spread: Pearson's chi-square. */
export const chiSquare = (counts: Iterable<number>, expected: number): number =>
  [...counts].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
