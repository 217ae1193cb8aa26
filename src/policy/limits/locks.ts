/**
 * Locks over shared memory for what takes a fraction of a microsecond.
 *
 * Counts have to be exact, so a lock is never taken from a holder that is only slow. One that died with it is known by its
 * thread, and gives it up when the thread is written off.
 */
import { threadId } from 'node:worker_threads';

/** Who holds a lock: never 0, which is nobody's. */
export const OWN_TOKEN: number = threadId + 1;

const SPINS = 200;
/** Milliseconds. */
const NAP_MS = 1;
/** Longer than a holder is kept off its core, and than it takes to hear of a death; not so long that clients notice. */
const MOST_NAPS = 150;

export class Locks {
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  /** Without waiting for more than some microseconds. @returns whether it was had. */
  try(at: number): boolean {
    for (let spin = 0; spin < SPINS; spin++) {
      if (Atomics.compareExchange(this.#words, at, 0, OWN_TOKEN) === 0) return true;
    }
    return false;
  }

  /** @returns false when it could not be had in time. */
  take(at: number): boolean {
    for (let nap = 0; !this.try(at); nap++) {
      if (nap === MOST_NAPS) return false;
      const holder = this.holder(at);
      if (holder !== 0) Atomics.wait(this.#words, at, holder, NAP_MS);
    }
    return true;
  }

  release(at: number): void {
    Atomics.store(this.#words, at, 0);
  }

  /** Gives up the lock of a thread that died. @returns whether it had it. */
  releaseOf(token: number, at: number): boolean {
    return Atomics.compareExchange(this.#words, at, token, 0) === token;
  }

  holder(at: number): number {
    return Atomics.load(this.#words, at);
  }
}
