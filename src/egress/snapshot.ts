/** An immutable pool membership, ready for index arithmetic and small enough to post to every thread. */
import { createHash, randomBytes } from 'node:crypto';
import type { Family } from '../connection.ts';
import { count, isBlock, MAX_BLOCKS, type Range } from './ranges.ts';
import { planWalk, type Walk } from './walk.ts';

/** Plain data: survives `postMessage`. Build it once, on one thread, with {@link buildSnapshot}. */
export interface Snapshot {
  readonly v4: Rotation;
  readonly v6: Rotation;
}

/** The members of one family: every address of a range is one, a block is one as a whole. */
export interface Rotation {
  readonly family: Family;
  readonly members: number;
  /** How many members come before each segment: ascending from 0. */
  readonly starts: readonly number[];
  /** A range by its first address, as a number for IPv4 and a bigint for IPv6; or a block. */
  readonly segments: readonly (number | bigint | Block)[];
}

/** Too many addresses to take turns: as one member it hands out the next address of its walk. */
export interface Block {
  /** Index of its step counter in the shared memory. */
  readonly slot: number;
  readonly first: bigint;
  /** Over ranks: the usable addresses, counted without the holes. */
  readonly walk: Walk;
  /** For each hole: the usable addresses before it, and the addresses lost up to its end. */
  readonly holes: readonly { readonly rank: bigint; readonly lost: bigint }[];
}

/** Where walks begin is this process's secret, and stays the same for an unchanged block when the pool is replaced. */
const SEED = randomBytes(16);

/**
 * @param ranges Disjoint, as `poolRanges` gives them.
 * @param seed Decides where the walk through each block begins.
 */
export function buildSnapshot(ranges: readonly Range[], seed: Uint8Array = SEED): Snapshot {
  const blocks = ranges.filter(isBlock);
  const slots = new Map(blocks.map((range, index) => [range, index % MAX_BLOCKS]));
  return { v4: buildRotation(4, ranges, slots, seed), v6: buildRotation(6, ranges, slots, seed) };
}

function buildRotation(
  family: Family,
  ranges: readonly Range[],
  slots: ReadonlyMap<Range, number>,
  seed: Uint8Array,
): Rotation {
  const starts: number[] = [];
  const segments: (number | bigint | Block)[] = [];
  let members = 0;
  for (const range of ranges) {
    if (range.family !== family) continue;
    const slot = slots.get(range);
    starts.push(members);
    if (slot !== undefined) segments.push(buildBlock(range, slot, seed));
    else segments.push(family === 4 ? Number(range.first) : range.first);
    members += slot === undefined ? Number(count([range])) : 1;
  }
  return { family, members, starts, segments };
}

function buildBlock(range: Range, slot: number, seed: Uint8Array): Block {
  const digest = createHash('sha256')
    .update(seed)
    .update(`${range.family} ${range.first} ${range.last}`)
    .digest('hex');
  let lost = 0n;
  const holes = range.holes.map((hole) => {
    const rank = hole.first - range.first - lost;
    lost += hole.last - hole.first + 1n;
    return { rank, lost };
  });
  return { slot, first: range.first, walk: planWalk(count([range]), BigInt(`0x${digest}`)), holes };
}

/** The usable address of a rank in `[0, block.walk.count)`. Holes are stepped over by arithmetic, however large they are. */
export function addressAt(block: Block, rank: bigint): bigint {
  let low = 0;
  let high = block.holes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (block.holes[middle]!.rank <= rank) low = middle + 1;
    else high = middle;
  }
  return block.first + rank + (block.holes[low - 1]?.lost ?? 0n);
}

/** The segment that holds a member in `[0, rotation.members)`. */
export function segmentOf(rotation: Rotation, member: number): number {
  const { starts } = rotation;
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (starts[middle]! <= member) low = middle;
    else high = middle - 1;
  }
  return low;
}

/**
 * Whether an address belongs to the pool. Not for the hot path: it looks at every segment.
 * @param value Of the rotation's family.
 */
export function includes({ segments, starts, members }: Rotation, value: bigint): boolean {
  return segments.some((segment, index) => {
    if (typeof segment === 'object') return inBlock(segment, value);
    const length = BigInt((starts[index + 1] ?? members) - starts[index]!);
    const first = BigInt(segment);
    return value >= first && value < first + length;
  });
}

/** A hole counts as inside: nearly ours is close enough for what this answers. */
function inBlock({ first, walk, holes }: Block, value: bigint): boolean {
  return value >= first && value < first + walk.count + (holes.at(-1)?.lost ?? 0n);
}
