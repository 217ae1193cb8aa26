/** An immutable pool membership: what a thread picks from until it is sent the next one. */
import { randomBytes } from 'node:crypto';
import type { Family } from '../../connection.ts';
import { buildBlock, type Block } from './block.ts';
import { isBlock, type Range } from './ranges.ts';
import { smoothSchedule } from './schedule.ts';
import type { Slots } from './slots.ts';
import { buildSpans, type Spans } from './spans.ts';
import type { EgressTable } from './table.ts';

/** Plain data: survives `postMessage`, and what is large in it is shared. Build it with {@link buildSnapshot}. */
export interface Snapshot extends Rotations {
  /** By slot. */
  readonly blocks: ReadonlyMap<number, Block>;
  /** By tag as written, `country=de`: the members that carry it. */
  readonly tags: Readonly<Record<string, Rotations>>;
  /** Every address of the pool, usable or not. */
  readonly spans: Spans;
}

export interface Rotations {
  readonly v4: Rotation;
  readonly v6: Rotation;
}

/** The usable members of one family. */
export interface Rotation {
  readonly family: Family;
  /** Slots, in the order of the pool expression: every address of a range is one, a block is one as a whole. */
  readonly order: Int32Array;
  /** Slots, each as often as its weight says; `order` itself when all weigh the same. */
  readonly schedule: Int32Array;
}

/** Where walks begin is this process's secret, and stays the same for an unchanged block when the pool is replaced. */
const SEED = randomBytes(16);

/**
 * Main thread only: again after every change of membership, and when an egress goes down or comes back.
 * @param ranges What `slots` were last assigned for, or the part of it that is this pool.
 * @param seed Decides where the walk through each block begins.
 */
export function buildSnapshot(
  ranges: readonly Range[],
  slots: Slots,
  table: EgressTable,
  seed: Uint8Array = SEED,
): Snapshot {
  const pool = new Draft();
  const tagged = new Map<string, Draft>();
  const blocks = new Map<number, Block>();
  const seen = new Uint8Array(table.capacity);
  for (const range of ranges) {
    const members = slots.of(range).filter((slot) => table.usable(slot) && seen[slot]!++ === 0);
    if (isBlock(range)) for (const slot of members) blocks.set(slot, buildBlock(range, seed));
    pool.add(range, members);
    for (const tag of range.tags) draftOf(tagged, tag).add(range, members);
  }
  const tags = Object.fromEntries([...tagged].map(([tag, draft]) => [tag, draft.finish()]));
  return { ...pool.finish(), blocks, tags, spans: buildSpans(ranges) };
}

function draftOf(drafts: Map<string, Draft>, tag: string): Draft {
  let draft = drafts.get(tag);
  if (draft === undefined) drafts.set(tag, (draft = new Draft()));
  return draft;
}

/** Rotations that are being collected. */
class Draft {
  readonly #slots: Record<Family, number[]> = { 4: [], 6: [] };
  readonly #weights: Record<Family, number[]> = { 4: [], 6: [] };

  add({ family, weight }: Range, members: Int32Array): void {
    for (const slot of members) {
      this.#slots[family].push(slot);
      this.#weights[family].push(weight);
    }
  }

  finish(): Rotations {
    return { v4: this.#rotation(4), v6: this.#rotation(6) };
  }

  #rotation(family: Family): Rotation {
    const slots = this.#slots[family];
    const weights = this.#weights[family];
    const order = shared(slots);
    if (weights.every((weight) => weight === weights[0])) return { family, order, schedule: order };
    return { family, order, schedule: shared(smoothSchedule(weights).map((member) => slots[member]!)) };
  }
}

function shared(slots: ArrayLike<number>): Int32Array {
  const array = new Int32Array(new SharedArrayBuffer(slots.length * Int32Array.BYTES_PER_ELEMENT));
  array.set(slots);
  return array;
}
