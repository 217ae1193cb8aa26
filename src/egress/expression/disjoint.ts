/** Takes overlaps out of lists that nobody can be asked to correct: what comes first keeps the address. */
import { byFirst, outside, subtract, type Range, type Span } from '../pool/ranges.ts';

/** A range that lost addresses. */
export interface Clash {
  readonly index: number;
  /** Index of an earlier range that has some of them. */
  readonly with: number;
}

export interface Disjoint {
  /** For each range what is left of it. */
  readonly kept: readonly (readonly Range[])[];
  /** In the order of the ranges. */
  readonly clashes: readonly Clash[];
}

/** Part of a range without its holes. */
interface Piece extends Span {
  readonly index: number;
}

/** In n log n for n ranges, however they overlap. */
export function disjoint(ranges: readonly Range[]): Disjoint {
  const kept: Range[][] = ranges.map((range) => [range]);
  const blockers = new Map<number, number>();
  for (const family of [4, 6] as const) {
    const pieces: Piece[] = [];
    for (const [index, range] of ranges.entries()) {
      if (range.family !== family) continue;
      for (const { first, last } of outside(range, range.holes)) pieces.push({ first, last, index });
    }
    pieces.sort(byFirst);
    if (!overlaps(pieces)) continue;
    const { won, beaten } = sweep(pieces);
    for (const [index, by] of beaten) {
      blockers.set(index, by);
      kept[index] = without(ranges[index]!, won.get(index) ?? []);
    }
  }
  const clashes = [...blockers].map(([index, by]) => ({ index, with: by }));
  return { kept, clashes: clashes.sort((a, b) => a.index - b.index) };
}

/** @param sorted By first address. */
function overlaps(sorted: readonly Span[]): boolean {
  return sorted.some((span, index) => index > 0 && sorted[index - 1]!.last >= span.first);
}

/** What remains when only these spans of a range are kept. */
function without(range: Range, keep: readonly Span[]): Range[] {
  return subtract({ ...range, holes: [] }, outside(range, keep));
}

/**
 * Goes through the addresses in ascending order, from one to the next where a piece begins or ends; between two of these the
 * piece with the lowest index has them all.
 */
function sweep(sorted: readonly Piece[]): { won: Map<number, Span[]>; beaten: Map<number, number> } {
  const won = new Map<number, Span[]>();
  const beaten = new Map<number, number>();
  const open = new Heap();
  const edges = [...new Set(sorted.flatMap(({ first, last }) => [first, last + 1n]))].sort(ascending);
  let next = 0;
  for (const [at, edge] of edges.entries()) {
    const before = open.top(edge);
    const begun: Piece[] = [];
    for (let piece = sorted[next]; piece?.first === edge; piece = sorted[++next]) {
      open.push(piece);
      begun.push(piece);
    }
    const winner = open.top(edge);
    if (winner === undefined) continue;
    for (const loser of before === undefined ? begun : [before, ...begun]) {
      if (loser !== winner && !beaten.has(loser.index)) beaten.set(loser.index, winner.index);
    }
    give(won, winner.index, { first: edge, last: edges[at + 1]! - 1n });
  }
  return { won, beaten };
}

function give(won: Map<number, Span[]>, index: number, span: Span): void {
  const spans = won.get(index);
  const previous = spans?.at(-1);
  if (spans === undefined) won.set(index, [span]);
  else if (previous?.last === span.first - 1n) spans[spans.length - 1] = { ...previous, last: span.last };
  else spans.push(span);
}

function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Pieces with the lowest index on top. Those that have ended are left in until they get there. */
class Heap {
  readonly #pieces: Piece[] = [];

  push(piece: Piece): void {
    const pieces = this.#pieces;
    let at = pieces.push(piece) - 1;
    for (let up = (at - 1) >> 1; at > 0 && pieces[up]!.index > piece.index; up = (at - 1) >> 1) {
      pieces[at] = pieces[up]!;
      at = up;
    }
    pieces[at] = piece;
  }

  /** The piece with the lowest index that has not ended before an address. */
  top(address: bigint): Piece | undefined {
    while (this.#pieces.length > 0 && this.#pieces[0]!.last < address) this.#pop();
    return this.#pieces[0];
  }

  #pop(): void {
    const pieces = this.#pieces;
    const moved = pieces.pop()!;
    if (pieces.length === 0) return;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      if (down + 1 < pieces.length && pieces[down + 1]!.index < pieces[down]!.index) down++;
      if (down >= pieces.length || pieces[down]!.index >= moved.index) break;
      pieces[at] = pieces[down]!;
      at = down;
    }
    pieces[at] = moved;
  }
}
