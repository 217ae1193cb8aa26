/** A pool as it is at this moment, every source read once, and what there is to say about its sources. */
import { Feed, type FeedOptions, type SourceStatus } from '../egress/sources/feed.ts';
import type { PoolTerm } from '../egress/expression/expression.ts';
import type { Range } from '../egress/pool/ranges.ts';
import { plural } from './terminal.ts';

/** A run of addresses, and the term that brought it in. */
export interface PoolPart {
  readonly range: Range;
  /** The term, free of secrets. */
  readonly source: string;
}

export interface PoolReading {
  /** Disjoint, in the order of the terms. */
  readonly parts: readonly PoolPart[];
  /** One for each term. */
  readonly sources: readonly SourceStatus[];
}

/** Ranges do not say which term they are from: a tag does that no user can write. */
const MARK = '#=';

/**
 * Takes as long as the slowest source, and no longer than the deadline of a {@link Feed}; nothing goes on afterwards.
 * @throws {PoolError} The terms do not fit together or to this host. A source that fails is no error: see its status.
 */
export async function readPool(terms: readonly PoolTerm[], options: FeedOptions = {}): Promise<PoolReading> {
  const marked = terms.map((term, index) =>
    Object.assign({}, term, { tags: [...term.tags, `${MARK}${index}`] }),
  );
  const feed = new Feed(marked, options);
  // A feed lets its process end, even in the middle of a read.
  const awake = setInterval(() => {}, 1000);
  try {
    const ranges = await feed.start();
    return { parts: ranges.map((range) => partOf(range, terms)), sources: feed.status() };
  } finally {
    clearInterval(awake);
    feed.stop();
  }
}

function partOf(range: Range, terms: readonly PoolTerm[]): PoolPart {
  const mark = range.tags.find((tag) => tag.startsWith(MARK))!;
  const tags = range.tags.filter((tag) => tag !== mark);
  return { range: { ...range, tags }, source: terms[Number(mark.slice(MARK.length))]!.text };
}

export function hasFailed({ lastError }: SourceStatus): boolean {
  return lastError !== undefined;
}

/** What a user should know of a term: why it failed, which of its lines were skipped. One sentence each. */
export function complaintsOf({ text, lastError, problems, problemCount }: SourceStatus): string[] {
  const more = problemCount - problems.length;
  return [
    ...(lastError === undefined ? [] : [`${text} failed: ${lastError}`]),
    ...problems.map(({ line, message }) => `${text}: ${line > 0 ? `line ${line}: ` : ''}${message}`),
    ...(more > 0 ? [`${text}: … and ${plural(more, 'more problem')}`] : []),
  ];
}

/** `3 addresses, 1 problem` or `failed: …`. */
export function stateOf({ addresses, excluded, lastError, problemCount }: SourceStatus): string {
  if (lastError !== undefined) return `failed: ${lastError}`;
  return [
    plural(addresses, 'address', 'addresses'),
    ...(excluded ? ['excluded'] : []),
    ...(problemCount > 0 ? [plural(problemCount, 'problem')] : []),
  ].join(', ');
}

/** The kind of a term in a word for people. */
export function kindOf({ kind }: SourceStatus): string {
  return kind === 'span' ? 'written' : kind;
}

/** Numbers as text, as they may exceed a number. */
export function statusAsJson(source: SourceStatus): object {
  const { text, excluded, addresses, lastError, problems, problemCount } = source;
  return {
    source: text,
    kind: kindOf(source),
    excluded,
    addresses: String(addresses),
    error: lastError,
    problems,
    problemCount,
  };
}
