/** The search: change inputs, run them, keep those that reach something new, go on from there. */
import type { Target } from '../target.ts';
import type { Coverage } from './coverage.ts';
import { Mutator } from './mutate.ts';
import { Random } from './random.ts';

export interface Crash {
  readonly input: Buffer;
  readonly error: unknown;
}

export interface Progress {
  /** New inputs tried; seeds and replays are not among them. */
  readonly runs: number;
  readonly corpus: number;
  /** Characters of the sources that have run. */
  readonly covered: number;
  readonly outcomes: number;
}

export interface CampaignOptions {
  readonly target: Target;
  readonly coverage: Coverage;
  readonly seeds: readonly Buffer[];
  readonly runs: number;
  /** The same seed and the same seeds make the same run. */
  readonly seed: number;
  /** Hears of every input before it is run. */
  readonly watch?: (input: Buffer) => void;
}

/** Milliseconds of CPU one input may take. Inputs are a few kilobytes: a parser that needs longer can be made to stall. */
const SLOWEST_MS = 500;
const SMALLEST_BATCH = 32;
const LARGEST_BATCH = 1024;
/** Every second input is made from one of the last ones found: they lead to more. */
const RECENT = 16;
/** A target with more outcomes than this names inputs, not outcomes; they lead nowhere. */
const MOST_OUTCOMES = 500;

export class Campaign {
  readonly corpus: Buffer[] = [];
  crash: Crash | undefined;
  readonly #options: CampaignOptions;
  readonly #random: Random;
  readonly #mutator: Mutator;
  readonly #outcomes = new Set<string>();
  #runs = 0;
  #covered = 0;
  #batch = SMALLEST_BATCH;

  constructor(options: CampaignOptions) {
    const { longest, words } = options.target;
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#mutator = new Mutator(this.#random, longest, words);
  }

  get progress(): Progress {
    const { size } = this.#outcomes;
    return { runs: this.#runs, corpus: this.corpus.length, covered: this.#covered, outcomes: size };
  }

  /** Ends after all runs or with the first crash. Yields between batches. */
  *go(): Generator<Progress, void> {
    const { seeds, runs, coverage } = this.#options;
    for (const seed of seeds.length > 0 ? seeds : [Buffer.alloc(0)]) {
      if (this.#run(seed) === undefined) return;
      this.corpus.push(seed);
    }
    this.#covered += coverage.take();
    while (this.#runs < runs) {
      const found = this.#tryBatch(Math.min(this.#batch, runs - this.#runs));
      if (this.crash !== undefined) return;
      this.#batch = found
        ? Math.max(SMALLEST_BATCH, this.#batch / 2)
        : Math.min(LARGEST_BATCH, this.#batch * 2);
      yield this.progress;
    }
  }

  /**
   * Reading what has run costs as much as hundreds of inputs, so it is done once for a batch; only when the batch reached
   * something new, it is halved and run again until it is known which of its inputs did.
   */
  #tryBatch(size: number): boolean {
    const before = this.corpus.length;
    const batch: Buffer[] = [];
    while (batch.length < size) {
      const input = this.#mutator.mutate(this.#choose(), this.#random.pick(this.corpus));
      batch.push(input);
      this.#runs++;
      const known = this.#outcomes.size;
      if (this.#run(input) === undefined) return true;
      if (this.#outcomes.size > known) this.corpus.push(input);
    }
    if (this.#options.coverage.peek()) this.#locate(batch);
    return this.corpus.length > before;
  }

  #locate(batch: readonly Buffer[]): void {
    for (const input of batch) if (this.#run(input) === undefined) return;
    const { coverage } = this.#options;
    if (batch.length === 1) {
      const fresh = coverage.take();
      this.#covered += fresh;
      if (fresh > 0) this.corpus.push(batch[0]!);
    } else if (coverage.peek()) {
      this.#locate(batch.slice(0, batch.length / 2));
      this.#locate(batch.slice(batch.length / 2));
    }
  }

  #choose(): Buffer {
    const { length } = this.corpus;
    const from = this.#random.once(2) ? Math.max(0, length - RECENT) : 0;
    return this.corpus[from + this.#random.below(length - from)]!;
  }

  /** @returns The outcome; undefined for a crash. */
  #run(input: Buffer): string | undefined {
    const { target, watch } = this.#options;
    try {
      watch?.(input);
      const begun = performance.now();
      const outcome = target.run(input);
      if (performance.now() - begun > SLOWEST_MS) refuseSlow(target, input);
      if (this.#outcomes.size < MOST_OUTCOMES) this.#outcomes.add(outcome);
      return outcome;
    } catch (error) {
      this.crash = { input, error };
      return undefined;
    }
  }
}

/** A busy machine makes any input slow: only the thread's own CPU time counts, and only if it is slow every time. */
export function refuseSlow(target: Target, input: Buffer, limitMs: number = SLOWEST_MS): void {
  for (let time = 0; time < 3; time++) {
    const before = process.threadCpuUsage();
    target.run(input);
    const { user, system } = process.threadCpuUsage(before);
    if ((user + system) / 1000 < limitMs) return;
  }
  throw new Error(`one input takes more than ${limitMs} ms of CPU`);
}
