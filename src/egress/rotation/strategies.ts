/**
 * The strategies: which member of a rotation is the next one to leave from. Each is one function, made for one rotation on
 * one thread and thrown away with it; what they must agree on over all threads is in shared memory.
 */
import { hashedWalk, walkFrom, type Addresses, type Block } from '../pool/block.ts';
import type { Cursors, CursorScope, TurnRequest } from './cursors.ts';
import { fewestFirst } from './fewest.ts';
import { fnv1a, rendezvous, scramble } from './hash.ts';
import { oldestFirst } from './oldest.ts';
import type { Rotation } from '../pool/snapshot.ts';
import type { EgressTable } from '../pool/table.ts';

/** What a strategy may know of the connection. */
export interface ChoiceRequest extends TurnRequest {
  /** The client's address. */
  readonly client: string;
}

export interface StrategyOptions {
  readonly name: StrategyName;
  /** Whose turns are counted together, for round-robin and weighted. */
  readonly cursor: CursorScope;
  /** What `hash` goes by. */
  readonly hashBy: 'client' | 'user' | 'destination';
  /** `sequential` moves on after so many requests; 0 = it does not. */
  readonly everyRequests: number;
  /** `sequential` moves on after so many milliseconds; 0 = it does not. */
  readonly everyMs: number;
}

/** What a strategy works on. */
export interface Seat {
  /** Not empty. */
  readonly rotation: Rotation;
  readonly table: EgressTable;
  readonly cursors: Cursors;
  readonly options: StrategyOptions;
  /** Milliseconds, the same on all threads. */
  readonly now: () => number;
}

export interface Chooser {
  /** @returns a usable slot, or {@link NONE}. */
  choose(request: ChoiceRequest): number;
  /** The addresses inside a block that was chosen just now; without it, the next ones of the walk. */
  inside?(block: Block, request: ChoiceRequest): Addresses;
  /** The choice itself has counted the tunnel (`table.opened`): it was made by that count. */
  readonly opens?: true;
  /** To be told of egresses that were handed out for another try. */
  retried?(slot: number): void;
}

export interface Strategy {
  /** One line for people. */
  readonly summary: string;
  readonly prepare: (seat: Seat) => Chooser;
}

export type StrategyName =
  | 'round-robin'
  | 'random'
  | 'least-recently-used'
  | 'least-connections'
  | 'weighted'
  | 'hash'
  | 'sequential';

export const STRATEGIES: Readonly<Record<StrategyName, Strategy>> = {
  'round-robin': { summary: 'every address in turn, exactly, over all threads', prepare: roundRobin },
  random: { summary: 'any address, all equally likely', prepare: random },
  'least-recently-used': {
    summary: 'the address that was not used for longest',
    prepare: leastRecentlyUsed,
  },
  'least-connections': {
    summary: 'the address with the fewest live tunnels',
    prepare: leastConnections,
  },
  weighted: { summary: 'in turn, each as often as its weight says, evenly mixed', prepare: weighted },
  hash: {
    summary: 'always the same address for the same client, user or destination',
    prepare: hashed,
  },
  sequential: {
    summary: 'one address for a number of requests or a length of time, then the next',
    prepare: sequential,
  },
};

export const NONE = -1;

const GOLDEN = 0.618_033_988_749_894_8;
/** Draws before `random` gives up on luck. */
const MOST_DRAWS = 8;
/** Keys whose address `hash` keeps in mind. */
const MOST_KEYS = 65_536;

function roundRobin({ rotation: { order }, table, cursors }: Seat): Chooser {
  return { choose: (request) => usableFrom(order, cursors.take(request, order.length), table) };
}

function weighted({ rotation: { schedule }, table, cursors }: Seat): Chooser {
  return { choose: (request) => usableFrom(schedule, cursors.take(request, schedule.length), table) };
}

function random({ rotation: { order }, table }: Seat): Chooser {
  return {
    choose() {
      let index = 0;
      for (let draw = 0; draw < MOST_DRAWS; draw++) {
        index = Math.floor(Math.random() * order.length);
        if (table.usable(order[index]!)) break;
      }
      return usableFrom(order, index, table);
    },
  };
}

function leastRecentlyUsed({ rotation: { order }, table }: Seat): Chooser {
  return { choose: oldestFirst(order, table), retried: (slot) => table.touch(slot) };
}

function leastConnections({ rotation, table, cursors }: Seat): Chooser {
  // By the golden ratio, any number of threads begin far from each other.
  const begin = (): number => Math.floor(((cursors.count(rotation) * GOLDEN) % 1) * rotation.order.length);
  return { opens: true, choose: fewestFirst(rotation.order, table, begin) };
}

function hashed({ rotation: { order }, table, options: { hashBy } }: Seat): Chooser {
  const known = new Map<string, number>();
  const all = (): boolean => true;
  const usable = (slot: number): boolean => table.usable(slot);
  return {
    choose({ [hashBy]: key }) {
      let slot = known.get(key);
      if (slot === undefined) {
        slot = highestScore(order, key, table, all);
        if (known.size >= MOST_KEYS) known.clear();
        known.set(key, slot);
      }
      // While it is down its keys have a home in the next best one; they come back with it.
      return table.usable(slot) ? slot : highestScore(order, key, table, usable);
    },
    inside: (block, { [hashBy]: key }) => hashedWalk(block, key),
  };
}

function highestScore(
  order: Int32Array,
  key: string,
  table: EgressTable,
  eligible: (slot: number) => boolean,
): number {
  const hash = scramble(fnv1a(key));
  let best = NONE;
  let highest = -1;
  for (let index = 0; index < order.length; index++) {
    const slot = order[index]!;
    const score = rendezvous(hash, table.addressHash(slot));
    if (score <= highest || !eligible(slot)) continue;
    best = slot;
    highest = score;
  }
  return best;
}

function sequential({ rotation: { order }, table, cursors, options, now }: Seat): Chooser {
  const { everyRequests, everyMs } = options;
  let round = 0;
  return {
    choose(request) {
      const requests = everyRequests > 0 ? Math.floor(cursors.count(request) / everyRequests) : 0;
      const periods = everyMs > 0 ? Math.floor(now() / everyMs) : 0;
      const step = requests + periods;
      round = Math.floor(step / order.length);
      return usableFrom(order, step % order.length, table);
    },
    // A block stays at one address as long as the strategy stays at the block.
    inside: (block) => walkFrom(block, BigInt(round)),
  };
}

/** The usable slot at an index or, failing that, the one that follows most closely. */
export function usableFrom(slots: Int32Array, start: number, table: EgressTable): number {
  for (let left = slots.length, index = start; left > 0; left--) {
    if (table.usable(slots[index]!)) return slots[index]!;
    if (++index === slots.length) index = 0;
  }
  return NONE;
}
