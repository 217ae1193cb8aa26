/** A block: too many addresses to take turns, so that it is one member and hands out the next address of its walk. */
import { createHash, hash, randomFillSync } from 'node:crypto';
import type { Family } from '../../connection.ts';
import { formatAddress } from './format.ts';
import { merge, outside, overlapping, type Range, type Span } from './ranges.ts';
import type { EgressTable } from './table.ts';
import { planWalk, walkTo, type Walk } from './walk.ts';

/**
 * What the walk goes over are units: the addresses themselves, or, when whole networks take turns, their numbers.
 * Plain data: survives `postMessage`.
 */
export interface Block {
  readonly family: Family;
  /** The first unit. */
  readonly first: bigint;
  /** Over ranks: the usable units, counted without the holes. */
  readonly walk: Walk;
  /** For each hole: the usable units before it, and the units lost up to its end. */
  readonly holes: readonly { readonly rank: bigint; readonly lost: bigint }[];
  /** How many bits a unit leaves open: 0 when it is an address. */
  readonly hostBits: number;
  /** Where in the units there are addresses to be had; sorted. Empty when a unit is an address. */
  readonly pieces: readonly Span[];
}

/** @param seed With the ends of the range it decides where the walk begins. */
export function buildBlock(range: Range, seed: Uint8Array): Block {
  const { family } = range;
  const hostBits = identityHostBits(range);
  const pieces = outside(range, range.holes);
  const shift = BigInt(hostBits);
  const units = merge(pieces.map(({ first, last }) => ({ first: first >> shift, last: last >> shift })));
  const first = range.first >> shift;
  const holes: { rank: bigint; lost: bigint }[] = [];
  let rank = 0n;
  const last = range.last >> shift;
  // A hole at either end is one like any other: keys draw among all units of the range, see `rankOf`.
  for (const unit of [...units, { first: last + 1n, last }]) {
    const lost = unit.first - first - rank;
    if (lost > (holes.at(-1)?.lost ?? 0n)) holes.push({ rank, lost });
    rank += unit.last - unit.first + 1n;
  }
  const walk = planWalk(rank, walkSeed(range, seed));
  return { family, first, walk, holes, hostBits, pieces: hostBits === 0 ? [] : pieces };
}

/** The host bits of an identity when the range has room for several of them. */
function identityHostBits({ family, first, last, identityBits }: Range): number {
  if (family === 4 || identityBits === undefined) return 0;
  const hostBits = 128 - identityBits;
  return first >> BigInt(hostBits) === last >> BigInt(hostBits) ? 0 : hostBits;
}

function walkSeed({ family, first, last }: Range, seed: Uint8Array): bigint {
  const digest = createHash('sha256').update(seed).update(`${family} ${first} ${last}`).digest('hex');
  return BigInt(`0x${digest}`);
}

/** Address after address of a block for one connection, never the same twice; undefined when there is no other. */
export type Addresses = () => string | undefined;

/** The next ones of the walk that all threads share. */
export function sharedWalk(block: Block, table: EgressTable, slot: number): Addresses {
  let begun: bigint | undefined;
  return () => {
    const step = table.nextStep(slot);
    begun ??= step;
    return step - begun < block.walk.count ? walked(block, step) : undefined;
  };
}

/** The walk from a step on. */
export function walkFrom(block: Block, begin: bigint): Addresses {
  let step = begin;
  return () => (step - begin < block.walk.count ? walked(block, step++) : undefined);
}

/** Those of a key: the same ones in every process, as long as the block is the same. */
export function hashedWalk(block: Block, key: string): Addresses {
  const bits = BigInt(`0x${hash('sha256', key, 'hex')}`);
  const walk = { ...block.walk, offset: rankOf(block, key, bits) };
  let step = 0n;
  return () => (step < walk.count ? addressAt(block, walkTo(walk, step++), bits >> 128n) : undefined);
}

/** Draws among all units before {@link rankOf} gives up on luck: even half of a block left out costs but two on average. */
const MOST_DRAWS = 64;

/**
 * The rank a key has. Drawn among all units, usable or not, until one is usable: so a hole that comes or goes moves only the
 * keys inside it, and not every key of the block.
 */
function rankOf({ walk, holes }: Block, key: string, bits: bigint): bigint {
  const units = walk.count + (holes.at(-1)?.lost ?? 0n);
  let draw = BigInt.asUintN(128, bits);
  for (let draws = 1; draws < MOST_DRAWS; draws++) {
    const rank = usableRank(holes, draw % units);
    if (rank !== undefined) return rank;
    draw = BigInt.asUintN(128, BigInt(`0x${hash('sha256', `${draws} ${key}`, 'hex')}`));
  }
  return draw % walk.count;
}

/** @param unit Counted from the first one, with the holes. @returns undefined inside a hole. */
function usableRank(holes: Block['holes'], unit: bigint): bigint | undefined {
  let low = 0;
  let high = holes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const { rank, lost } = holes[middle]!;
    if (rank + lost <= unit) low = middle + 1;
    else high = middle;
  }
  const rank = unit - (holes[low - 1]?.lost ?? 0n);
  return low < holes.length && rank >= holes[low]!.rank ? undefined : rank;
}

function walked(block: Block, step: bigint): string {
  const host = block.hostBits === 0 ? 0n : randomBits();
  return addressAt(block, walkTo(block.walk, step), host);
}

/**
 * @param rank In `[0, block.walk.count)`.
 * @param host Chooses among the addresses of the unit; any number from 0.
 */
function addressAt(block: Block, rank: bigint, host: bigint): string {
  const unit = unitAt(block, rank);
  return formatAddress(block.family, block.hostBits === 0 ? unit : hostOf(block, unit, host));
}

/** Holes are stepped over by arithmetic, however large they are. */
function unitAt({ first, holes }: Block, rank: bigint): bigint {
  let low = 0;
  let high = holes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holes[middle]!.rank <= rank) low = middle + 1;
    else high = middle;
  }
  return first + rank + (holes[low - 1]?.lost ?? 0n);
}

function hostOf({ hostBits, pieces }: Block, unit: bigint, host: bigint): bigint {
  const first = unit << BigInt(hostBits);
  const last = first + (1n << BigInt(hostBits)) - 1n;
  const parts = overlapping(pieces, { first, last }).map((piece) => ({
    first: piece.first > first ? piece.first : first,
    last: piece.last < last ? piece.last : last,
  }));
  const room = parts.reduce((sum, part) => sum + (part.last - part.first + 1n), 0n);
  let offset = host % room;
  for (const part of parts) {
    const size = part.last - part.first + 1n;
    if (offset < size) return part.first + offset;
    offset -= size;
  }
  throw new RangeError('a unit of a block has no address');
}

/** Drawn in advance: a call to the generator for each connection would cost more than everything else here. */
const randomWords = new BigUint64Array(512);
let wordsLeft = 0;

function randomBits(): bigint {
  if (wordsLeft === 0) {
    randomFillSync(randomWords);
    wordsLeft = randomWords.length;
  }
  return randomWords[--wordsLeft]!;
}
