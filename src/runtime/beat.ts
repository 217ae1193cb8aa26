/**
 * Signs of life: each lane counts its beats in shared memory, and the main thread looks whether they go on.
 *
 * A message could say the same, but a thread that is blocked would have to be asked, and its silence told from that of
 * one that is only busy. A counter costs a timer in the lane and one load in the main thread.
 */

/** How often a lane beats; milliseconds. */
const BEAT_MS = 200;
/** How far back {@link loopDelay} looks, at least; beats. */
const WINDOW = 25;

/** Words of a lane: beats, and how late the worst one was, in this window and in the one before; a cache line each. */
const [BEATS, WORST, WORST_BEFORE, STRIDE] = [0, 1, 2, 16] as const;

/** Shared by the main thread and all lanes. */
export function beatMemory(lanes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(lanes * STRIDE * Int32Array.BYTES_PER_ELEMENT);
}

/** A lane's part: beats from its construction on. */
export class Beat {
  readonly #words: Int32Array;
  readonly #timer: NodeJS.Timeout;
  #at = performance.now();

  /** @param lane From 0 on. What a thread that died has left there is forgotten. */
  constructor(memory: SharedArrayBuffer, lane: number) {
    this.#words = wordsOf(memory, lane);
    this.#words.fill(0, WORST);
    this.#timer = setInterval(() => this.#beat(), BEAT_MS).unref();
    Atomics.add(this.#words, BEATS, 1);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #beat(): void {
    const now = performance.now();
    const late = Math.max(0, Math.round(now - this.#at - BEAT_MS));
    this.#at = now;
    const words = this.#words;
    if (words[BEATS]! % WINDOW === 0) {
      words[WORST_BEFORE] = words[WORST]!;
      words[WORST] = 0;
    }
    words[WORST] = Math.max(words[WORST]!, late);
    Atomics.add(words, BEATS, 1);
  }
}

/** How often a lane has beaten, since nobody knows when; wraps. */
export function beats(memory: SharedArrayBuffer, lane: number): number {
  return Atomics.load(wordsOf(memory, lane), BEATS);
}

/** How late the timers of a lane were at worst in the last 5 to 10 seconds; milliseconds. */
export function loopDelay(memory: SharedArrayBuffer, lane: number): number {
  const words = wordsOf(memory, lane);
  return Math.max(words[WORST]!, words[WORST_BEFORE]!);
}

function wordsOf(memory: SharedArrayBuffer, lane: number): Int32Array {
  return new Int32Array(memory, lane * STRIDE * Int32Array.BYTES_PER_ELEMENT, STRIDE);
}
