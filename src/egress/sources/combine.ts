/** The answers of all terms of a pool → one pool, whatever they brought: nothing here is refused, only left out and reported. */
import { disjoint } from '../expression/disjoint.ts';
import {
  count,
  isBlock,
  MAX_BLOCKS,
  merge,
  overlapping,
  subtract,
  type Range,
  type Span,
} from '../pool/ranges.ts';
import { nameOf } from './list.ts';
import type { Problem } from './source.ts';
import type { PoolTerm } from '../expression/term.ts';

/** Single addresses one pool may have; blocks do not count. */
export const MOST_ADDRESSES = 65_536;

/** Problems kept by their text; of all others only the number is. */
const MOST_KEPT = 10;

export interface Contribution {
  readonly term: PoolTerm;
  /** Disjoint among themselves. */
  readonly ranges: readonly Range[];
}

/** Many problems, of which the first few are worth reading. */
export interface Problems {
  readonly count: number;
  readonly first: readonly Problem[];
}

export interface Combined {
  /** Disjoint, in the order of the terms. */
  readonly ranges: readonly Range[];
  /** For each contribution, what of it was left out. */
  readonly problems: readonly Problems[];
}

/**
 * Takes out what is excluded. Of addresses that several terms bring in, the first term keeps them. What is over
 * {@link MOST_ADDRESSES} or too many blocks is cut off at the end.
 */
export function combine(contributions: readonly Contribution[]): Combined {
  const notes = contributions.map(() => new Notes());
  const gaps = { 4: gapsOf(contributions, 4), 6: gapsOf(contributions, 6) };
  const ranges: Range[] = [];
  const owners: number[] = [];
  for (const [owner, { term, ranges: brought }] of contributions.entries()) {
    if (term.excluded) continue;
    for (const range of brought) {
      for (const piece of without(range, gaps[range.family])) {
        ranges.push(piece);
        owners.push(owner);
      }
    }
  }
  const { kept, clashes } = disjoint(ranges);
  for (const { index, with: by } of clashes) {
    const { text } = contributions[owners[by]!]!.term;
    notes[owners[index]!]!.add(
      () => `${nameOf(ranges[index]!)} is in the pool already, from ${text}, which keeps it`,
    );
  }
  return { ranges: cut(kept, owners, notes), problems: notes };
}

function gapsOf(contributions: readonly Contribution[], family: 4 | 6): Span[] {
  return merge(
    contributions.flatMap(({ term, ranges }) =>
      term.excluded ? ranges.filter((range) => range.family === family) : [],
    ),
  );
}

function without(range: Range, gaps: readonly Span[]): readonly Range[] {
  return overlapping(gaps, range).length === 0 ? [range] : subtract(range, gaps);
}

function cut(
  kept: readonly (readonly Range[])[],
  owners: readonly number[],
  notes: readonly Notes[],
): Range[] {
  const ranges: Range[] = [];
  let room = MOST_ADDRESSES;
  let blocks = 0;
  for (const [index, pieces] of kept.entries()) {
    for (const piece of pieces) {
      const fits = isBlock(piece) ? blocks < MAX_BLOCKS : room > 0;
      const size = isBlock(piece) ? 0 : Number(count([piece]));
      if (fits) ranges.push(size > room ? { ...piece, last: piece.first + BigInt(room) - 1n } : piece);
      if (isBlock(piece)) blocks++;
      if (!fits || size > room) notes[owners[index]!]!.add(() => `${nameOf(piece)} ${tooMany(piece)}`);
      room = Math.max(0, room - size);
    }
  }
  return ranges;
}

function tooMany(piece: Range): string {
  return isBlock(piece)
    ? `is left out: the pool has ${MAX_BLOCKS} prefixes with more than ${MOST_ADDRESSES} addresses already`
    : `is left out, or a part of it: the pool has ${MOST_ADDRESSES} single addresses already`;
}

/** Sentences are made for those that are kept only: there may be as many problems as addresses. */
class Notes implements Problems {
  readonly first: Problem[] = [];
  count = 0;

  add(message: () => string): void {
    if (this.count++ < MOST_KEPT) this.first.push({ line: 0, message: message() });
  }
}

/** The first of many problems as one sentence that counts the others; empty when there are none. */
export function summary({ count, first: [first] }: Problems): string {
  if (first === undefined) return '';
  const more = count > 1 ? ` (and ${count - 1} more)` : '';
  return `${first.line > 0 ? `line ${first.line}: ` : ''}${first.message}${more}`;
}

/** One list of problems after another. */
export function joinProblems(answer: readonly Problem[], left: Problems): Problems {
  return {
    count: answer.length + left.count,
    first: [...answer.slice(0, MOST_KEPT), ...left.first].slice(0, MOST_KEPT),
  };
}

/** Whether two pools are the same to a rotation, order included. */
export function sameRanges(a: readonly Range[], b: readonly Range[]): boolean {
  return a.length === b.length && a.every((range, index) => sameRange(range, b[index]!));
}

function sameRange(a: Range, b: Range): boolean {
  return (
    a === b ||
    (sameSpan(a, b) &&
      a.family === b.family &&
      a.weight === b.weight &&
      a.identityBits === b.identityBits &&
      a.tags.length === b.tags.length &&
      a.tags.every((tag, index) => tag === b.tags[index]) &&
      a.holes.length === b.holes.length &&
      a.holes.every((hole, index) => sameSpan(hole, b.holes[index]!)))
  );
}

function sameSpan(a: Span, b: Span): boolean {
  return a.first === b.first && a.last === b.last;
}
