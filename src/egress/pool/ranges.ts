/** Sets of addresses as plain data: what a pool expression comes down to, and what a snapshot is built from. */
import type { Family } from '../../connection.ts';
import { formatAddress } from './format.ts';

/** Addresses as integers, both ends included. */
export interface Span {
  readonly first: bigint;
  readonly last: bigint;
}

/** A run of addresses of one family. Survives `postMessage`. */
export interface Range extends Span {
  readonly family: Family;
  /** Addresses left out: sorted, disjoint, inside the range. Only a block has any. */
  readonly holes: readonly Span[];
  /** Turns an address gets under the `weighted` strategy, where others get one; a whole number from 1. */
  readonly weight: number;
  /** `country=de`: a client that asks for a tag gets only addresses that carry it. */
  readonly tags: readonly string[];
  /**
   * 64: a larger IPv6 prefix takes turns by whole /64s, with random host bits, because targets count a /64 as one client.
   * Means nothing for a range that does not reach beyond one /64, nor for IPv4.
   */
  readonly identityBits?: number;
}

/** A range with more addresses than this is a block: one member of the rotation, walked and never enumerated. */
const BLOCK_ABOVE = 65_536n;

/** Blocks one pool may hold. */
export const MAX_BLOCKS = 1024;

/** Judged by the size as written, so that an exclusion never turns a block into thousands of members. */
export function isBlock(range: Span): boolean {
  return size(range) > BLOCK_ABOVE;
}

/** Addresses that may be used: holes do not count. */
export function count(ranges: readonly Range[]): bigint {
  return ranges.reduce((sum, range) => sum + size(range) - total(range.holes), 0n);
}

/**
 * The addresses as text: ranges as written, ascending within each.
 * @param limit Most addresses to yield: a /64 has more than anyone can wait for.
 */
export function* expand(ranges: readonly Range[], limit: number): Generator<string, void, undefined> {
  let left = limit;
  for (const range of ranges) {
    for (const { first, last } of outside(range, range.holes)) {
      for (let value = first; value <= last; value++) {
        if (left-- <= 0) return;
        yield formatAddress(range.family, value);
      }
    }
  }
}

/**
 * The range without the gaps: in pieces, or, when it is a block, whole and with holes. A block keeps its weight of one
 * member that way. Nothing is left of a range that lies in the gaps altogether.
 * @param gaps Sorted and disjoint, of the range's family; see {@link merge}.
 */
export function subtract(range: Range, gaps: readonly Span[]): Range[] {
  const cut = overlapping(gaps, range);
  if (cut.length === 0) return [range];
  const holes = merge([...range.holes, ...cut.map((gap) => clip(gap, range))]);
  const pieces = outside(range, holes);
  if (pieces.length === 0) return [];
  if (isBlock(range)) return [{ ...range, holes }];
  return pieces.map((piece) => Object.assign({}, range, piece, { holes: [] }));
}

/** Sorted, with touching and overlapping spans joined. */
export function merge(spans: readonly Span[]): Span[] {
  const merged: Span[] = [];
  for (const span of spans.toSorted(byFirst)) {
    const previous = merged.at(-1);
    if (previous === undefined || span.first > previous.last + 1n) merged.push(span);
    else if (span.last > previous.last)
      merged[merged.length - 1] = { first: previous.first, last: span.last };
  }
  return merged;
}

/** Those of the sorted, disjoint spans that share an address with `span`. */
export function overlapping<T extends Span>(sorted: readonly T[], span: Span): T[] {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]!.last < span.first) low = middle + 1;
    else high = middle;
  }
  let end = low;
  while (end < sorted.length && sorted[end]!.first <= span.last) end++;
  return sorted.slice(low, end);
}

export function byFirst(a: Span, b: Span): number {
  return a.first < b.first ? -1 : a.first > b.first ? 1 : 0;
}

/** What is left of a span between sorted, disjoint holes inside it. */
export function outside(range: Span, holes: readonly Span[]): Span[] {
  const pieces: Span[] = [];
  let first = range.first;
  for (const hole of holes) {
    if (first < hole.first) pieces.push({ first, last: hole.first - 1n });
    first = hole.last + 1n;
  }
  if (first <= range.last) pieces.push({ first, last: range.last });
  return pieces;
}

function clip(span: Span, to: Span): Span {
  return {
    first: span.first > to.first ? span.first : to.first,
    last: span.last < to.last ? span.last : to.last,
  };
}

function size(span: Span): bigint {
  return span.last - span.first + 1n;
}

function total(spans: readonly Span[]): bigint {
  return spans.reduce((sum, span) => sum + size(span), 0n);
}
