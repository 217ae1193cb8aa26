/**
 * Which blocks of the sources have run: V8 counts them itself, in the very code that is shipped, at almost no cost.
 *
 * Counting must begin before a source is compiled: start this first, then import what is to be watched.
 */
import { Session, type Profiler } from 'node:inspector';

export class Coverage {
  readonly #session = new Session();
  readonly #prefix: string;
  /** For each function a mark for each character of its text that has run. */
  readonly #ran = new Map<string, Uint8Array>();

  /** @param prefix Only scripts whose URL begins like this are watched. */
  constructor(prefix: string) {
    this.#prefix = prefix;
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Whether any block ran since the last reading that is not noted yet. Notes nothing. */
  peek(): boolean {
    return this.#read(false) > 0;
  }

  /** Notes what ran since the last reading. @returns How many characters of the sources had never run before. */
  take(): number {
    return this.#read(true);
  }

  /** Begins anew: nothing has run. */
  forget(): void {
    this.#ran.clear();
    this.#counts();
  }

  stop(): void {
    this.#session.post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }

  /** In one's own thread a session answers before `post` returns. Reading sets the counts to zero. */
  #counts(): Profiler.ScriptCoverage[] {
    let counts: Profiler.ScriptCoverage[] = [];
    this.#session.post('Profiler.takePreciseCoverage', (error, answer) => {
      if (error !== null) throw error;
      counts = answer.result;
    });
    return counts;
  }

  #read(note: boolean): number {
    let fresh = 0;
    for (const { url, functions } of this.#counts()) {
      if (!url.startsWith(this.#prefix)) continue;
      for (const { ranges } of functions) fresh += this.#compare(url, ranges, note);
    }
    return fresh;
  }

  /** @param ranges The function itself, then parts of it whose count differs from the part around them. */
  #compare(url: string, ranges: readonly Profiler.CoverageRange[], note: boolean): number {
    const [whole] = ranges;
    // A function that begins where the file does is the module itself, which has run once and holds all others.
    if (whole === undefined || whole.count === 0 || whole.startOffset === 0) return 0;
    const key = `${url} ${whole.startOffset} ${whole.endOffset}`;
    const noted = this.#ran.get(key) ?? new Uint8Array(whole.endOffset - whole.startOffset);
    const now = new Uint8Array(noted.length);
    for (const { startOffset, endOffset, count } of ranges) {
      now.fill(count === 0 ? 0 : 1, startOffset - whole.startOffset, endOffset - whole.startOffset);
    }
    if (note) this.#ran.set(key, noted);
    return addNew(now, noted, note);
  }
}

/** Counts the characters that are marked in `now` only; with `note` marks them in `noted` too. */
function addNew(now: Uint8Array, noted: Uint8Array, note: boolean): number {
  let fresh = 0;
  for (let at = 0; at < now.length; at++) {
    if (now[at] === 0 || noted[at] === 1) continue;
    fresh++;
    if (note) noted[at] = 1;
  }
  return fresh;
}
