/** A text with addresses, as files, URLs and commands give it → ranges, and a word about every line that is none. */
import { setImmediate } from 'node:timers/promises';
import { disjoint } from '../expression/disjoint.ts';
import { formatAddress } from '../pool/format.ts';
import { PoolError, quote } from '../expression/pool-error.ts';
import { merge, overlapping, subtract, type Range } from '../pool/ranges.ts';
import { asRange, parseTerm, type PoolTerm, type SpanTerm } from '../expression/term.ts';
import { SourceError, type Problem, type SourceAnswer } from './source.ts';

/** What the term that names the text says about all of its addresses. */
export type ListMarks = Pick<PoolTerm, 'weight' | 'tags'>;

export interface ListAnswer extends SourceAnswer {
  readonly lines: number;
}

/** Terms of one text that are read; as many single addresses as a pool may have. */
const MOST_TERMS = 65_536;
/** With more bad lines than this, the text is something else than a list of addresses. */
const MOST_BAD = 10_000;
/** Lines between two pauses that let other work on this thread go on. */
const BREATH = 1000;
const MOST_WEIGHT = 1000;

/**
 * One line holds one term, or several with commas between them; `#` begins a comment. A term is an address, a range or a
 * prefix, with a weight and tags if it likes, or `!` and what to leave out of this text's own addresses. Weights multiply
 * with the one of the text, tags come on top of its tags and are stronger.
 *
 * A term that is none is skipped and reported.
 * @throws {SourceError} Nothing in it is an address.
 */
export async function readList(text: string, marks: ListMarks): Promise<ListAnswer> {
  const read = new Reading(marks);
  let lines = 0;
  for (let from = 0; from < text.length && !read.full; lines++) {
    const end = text.indexOf('\n', from);
    const line = text.slice(from, end === -1 ? text.length : end);
    from = end === -1 ? text.length : end + 1;
    read.line(line, lines + 1);
    if (lines % BREATH === BREATH - 1) await setImmediate();
  }
  return { ...read.finish(), lines };
}

/** Remembers whether there were addresses: an answer without any is not believed after one that had some. */
export function listReader(marks: ListMarks): (bytes: Uint8Array) => Promise<ListAnswer> {
  let had = false;
  return async (bytes) => {
    const answer = await readList(decode(bytes), marks);
    if (answer.ranges.length === 0 && had) throw new SourceError('it has no addresses any more');
    had ||= answer.ranges.length > 0;
    return answer;
  };
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new SourceError('it is not UTF-8 text');
  }
}

class Reading {
  readonly #marks: ListMarks;
  readonly #problems: Problem[] = [];
  readonly #ranges: Range[] = [];
  /** For each range where it stands. */
  readonly #lines: number[] = [];
  readonly #excluded: SpanTerm[] = [];
  #bad = 0;

  constructor(marks: ListMarks) {
    this.#marks = marks;
  }

  /** There is no sense in going on. */
  get full(): boolean {
    return this.#ranges.length > MOST_TERMS || this.#bad > MOST_BAD;
  }

  line(text: string, line: number): void {
    const comment = text.indexOf('#');
    const terms = (comment === -1 ? text : text.slice(0, comment)).trim();
    if (terms === '') return;
    for (const term of terms.split(',')) {
      if (this.full) return;
      this.#term(term.trim(), line);
    }
  }

  #term(text: string, line: number): void {
    try {
      const term = parseTerm(text);
      if (term.kind !== 'span') throw new PoolError('a list cannot name another source', text);
      if (term.excluded) this.#excluded.push(term);
      else this.#include(term, line);
    } catch (error) {
      if (!(error instanceof PoolError)) throw error;
      this.#bad++;
      const hint = error.hint === undefined || error.hint.length > 100 ? '' : `; ${error.hint}`;
      this.#problems.push({ line, message: `${error.message}${hint}` });
    }
  }

  #include(term: SpanTerm, line: number): void {
    const wanted = term.weight * this.#marks.weight;
    const weight = Math.min(MOST_WEIGHT, wanted);
    if (weight < wanted)
      this.#problems.push({ line, message: `its weight ${wanted} is too much and counts as ${MOST_WEIGHT}` });
    this.#ranges.push(asRange(term, { ...term, weight, tags: joinTags(this.#marks.tags, term.tags) }));
    this.#lines.push(line);
  }

  finish(): SourceAnswer {
    const first = this.#problems[0];
    if (first !== undefined && (this.#ranges.length === 0 || this.#bad > MOST_BAD)) {
      const many = this.#bad > MOST_BAD ? `more than ${MOST_BAD} terms are bad` : 'not one line is good';
      throw new SourceError(`${many}: line ${first.line}: ${first.message}`);
    }
    if (this.#ranges.length > MOST_TERMS) {
      const line = this.#lines.pop()!;
      this.#ranges.pop();
      this.#problems.push({ line, message: `it has more than ${MOST_TERMS} terms: the rest is left out` });
    }
    const { kept, clashes } = disjoint(this.#ranges);
    for (const { index, with: by } of clashes) {
      const message = `${nameOf(this.#ranges[index]!)} overlaps line ${this.#lines[by]}, which keeps the address`;
      this.#problems.push({ line: this.#lines[index]!, message });
    }
    return { ranges: this.#excluding(kept.flat()), problems: this.#problems.sort(byLine) };
  }

  #excluding(ranges: readonly Range[]): Range[] {
    if (this.#excluded.length === 0) return [...ranges];
    const gaps = {
      4: merge(this.#excluded.filter(({ family }) => family === 4)),
      6: merge(this.#excluded.filter(({ family }) => family === 6)),
    };
    return ranges.flatMap((range) =>
      overlapping(gaps[range.family], range).length > 0 ? subtract(range, gaps[range.family]) : [range],
    );
  }
}

function byLine(a: Problem, b: Problem): number {
  return a.line - b.line;
}

/** The later ones win for a key in both. */
function joinTags(earlier: readonly string[], later: readonly string[]): readonly string[] {
  if (earlier.length === 0) return later;
  if (later.length === 0) return earlier;
  const keyed = [...earlier, ...later].map((tag) => [tag.slice(0, tag.indexOf('=')), tag] as const);
  return [...new Map(keyed).values()].sort();
}

/** A range for people. */
export function nameOf({ family, first, last }: Range): string {
  const from = formatAddress(family, first);
  return quote(first === last ? from : `${from}-${formatAddress(family, last)}`);
}
