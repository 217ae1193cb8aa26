/** Keeps a pool as its terms say it is, while what they name changes. Runs on one thread, away from connections. */
import { networkInterfaces } from 'node:os';
import {
  combine,
  joinProblems,
  sameRanges,
  summary,
  type Combined,
  type Contribution,
  type Problems,
} from './combine.ts';
import { poolRanges } from '../expression/expression.ts';
import { count, type Range } from '../pool/ranges.ts';
import { awsSource } from './aws.ts';
import { execSource } from './exec.ts';
import { fileSource } from './file.ts';
import { interfaceSource } from './interface.ts';
import type { Problem, Source, SourceOptions } from './source.ts';
import { urlSource } from './url.ts';
import { Supply } from './supply.ts';
import { asRange, type PoolTerm, type SourceTerm } from '../expression/term.ts';

/** Milliseconds every source has for one read, the first one included. */
const READ_MS = 15_000;
/** Milliseconds in which changes of all sources make one. */
const COALESCE_MS = 50;

export interface FeedOptions extends SourceOptions {
  /** Milliseconds one read of a source may take in all, and so the start; default 15 s. */
  readonly readMs?: number;
  /** Hears what a user should know: a source that fails or answers again, and lines that were skipped. */
  readonly report?: (report: SourceReport) => void;
}

/** One thing to tell, once each time it becomes true. */
export interface SourceReport {
  readonly level: 'info' | 'warn';
  /** The term, free of secrets. */
  readonly text: string;
  /** One sentence without a full stop and without secrets. */
  readonly message: string;
}

/** How a term of the pool is doing. */
export interface SourceStatus {
  /** The term, free of secrets. */
  readonly text: string;
  readonly kind: PoolTerm['kind'];
  readonly excluded: boolean;
  /** As it says itself: overlaps and what is excluded elsewhere still count. */
  readonly addresses: bigint;
  /** Milliseconds since the last good answer; undefined when there was none yet, and for addresses written out. */
  readonly ageMs: number | undefined;
  /** Why the last read failed; undefined when it did not. */
  readonly lastError: string | undefined;
  /** Reads that failed, in all. */
  readonly errors: number;
  /** What was skipped or left out: the first ten. */
  readonly problems: readonly Problem[];
  readonly problemCount: number;
}

/** A term and where its addresses come from. */
interface Inlet {
  readonly term: PoolTerm;
  readonly fixed: readonly Range[];
  readonly supply: Supply | undefined;
}

/**
 * The pool of one list of terms from its start to its end. Sources are read each in its own time and all of them off the
 * way of connections; one that fails keeps its last good answer. Addresses that are in the pool already, and more of them
 * than a pool holds, are left out and reported: at run time there is nobody to refuse them to.
 */
export class Feed {
  readonly #inlets: readonly Inlet[];
  readonly #terms: readonly PoolTerm[];
  readonly #options: FeedOptions;
  readonly #listeners = new Set<(ranges: readonly Range[]) => void>();
  #combined: Combined = { ranges: [], problems: [] };
  #timer: NodeJS.Timeout | undefined = undefined;
  #state: 'starting' | 'running' | 'stopped' = 'starting';

  /** Reads nothing yet. */
  constructor(terms: readonly PoolTerm[], options: FeedOptions = {}) {
    this.#terms = terms;
    this.#options = options;
    this.#inlets = terms.map((term) =>
      term.kind === 'span'
        ? { term, fixed: [asRange(term, term)], supply: undefined }
        : { term, fixed: [], supply: this.#supply(term) },
    );
  }

  /**
   * Judges the terms as {@link poolRanges} does, then reads all sources once. One that fails brings nothing yet and is
   * tried again in its time. Call it once.
   * @returns The pool, which may be empty.
   * @throws {PoolError} The terms do not fit together or to this host. No source has been read.
   */
  async start(): Promise<readonly Range[]> {
    const { interfaces = networkInterfaces } = this.#options;
    poolRanges(this.#terms, interfaces());
    const supplies = this.#inlets.flatMap(({ supply }) => supply ?? []);
    await Promise.all(supplies.map((supply) => supply.start()));
    if (this.#state === 'starting') {
      this.#state = 'running';
      this.#join();
    }
    return this.#combined.ranges;
  }

  /** @param listener Hears the whole pool after the start, each time it has become another one. */
  onChange(listener: (ranges: readonly Range[]) => void): void {
    this.#listeners.add(listener);
  }

  /** One entry for each term, in their order. */
  status(): SourceStatus[] {
    return this.#inlets.map(({ term, fixed, supply }, index) => {
      const left = this.#combined.problems[index] ?? NONE;
      const problems = joinProblems(supply?.answer?.problems ?? [], left);
      return {
        text: term.text,
        kind: term.kind,
        excluded: term.excluded,
        addresses: count(supply === undefined ? fixed : (supply.answer?.ranges ?? [])),
        ageMs: supply?.ageMs,
        lastError: supply?.lastError,
        errors: supply?.errors ?? 0,
        problems: problems.first,
        problemCount: problems.count,
      };
    });
  }

  /** Ends everything under way: no listener is called any more. */
  stop(): void {
    this.#state = 'stopped';
    clearTimeout(this.#timer);
    for (const { supply } of this.#inlets) supply?.stop();
  }

  #supply(term: SourceTerm): Supply {
    return new Supply(sourceOf(term, this.#options), {
      limitMs: this.#options.readMs ?? READ_MS,
      changed: () => this.#schedule(),
      report: (level, message) => this.#options.report?.({ level, text: term.text, message }),
    });
  }

  #schedule(): void {
    if (this.#state !== 'running') return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#update();
    }, COALESCE_MS).unref();
  }

  #update(): void {
    const before = this.#combined;
    this.#join();
    if (sameRanges(before.ranges, this.#combined.ranges)) return;
    for (const listener of this.#listeners) listener(this.#combined.ranges);
  }

  #join(): void {
    const before = this.#combined.problems;
    this.#combined = combine(
      this.#inlets.map(({ term, fixed, supply }): Contribution => {
        return { term, ranges: supply === undefined ? fixed : (supply.answer?.ranges ?? []) };
      }),
    );
    for (const [index, problems] of this.#combined.problems.entries()) {
      const news = summary(problems);
      if (news === '' || news === summary(before[index] ?? NONE)) continue;
      this.#options.report?.({ level: 'warn', text: this.#terms[index]!.text, message: news });
    }
  }
}

const NONE: Problems = { count: 0, first: [] };

function sourceOf(term: SourceTerm, options: SourceOptions): Source {
  switch (term.kind) {
    case 'interface':
      return interfaceSource(term, options);
    case 'file':
      return fileSource(term, options);
    case 'url':
      return urlSource(term, options);
    case 'aws':
      return awsSource(term, options);
    // A command.
    default:
      return execSource(term, options);
  }
}
