/**
 * Locks over shared memory for what takes a fraction of a microsecond: whoever finds one taken spins, then naps.
 *
 * A thread may be ended while it holds one. A lock that the same holder has had for {@link STALE} naps is taken from it.
 */

const SPINS = 200;
/** Milliseconds. */
const NAP_MS = 1;
/** Long enough for a holder that only lost its core to others. */
const STALE = 100;
/** Then it is not worth waiting for, whoever holds it. */
const MOST_NAPS = 200;

/** Of a token, what tells apart the times a thread took a lock; the rest tells apart the threads. */
const TURN_BITS = 16;

/** Words before the locks: a count of the threads, and one that keeps what follows aligned to 8 bytes. */
const HEADER = 2;

/** Where what follows the locks begins. @param count Even. */
export function locksBytes(count: number): number {
  return (HEADER + count) * Int32Array.BYTES_PER_ELEMENT;
}

/** One thread's access to the locks at the beginning of a memory that begins as zeros. */
export class Locks {
  readonly #words: Int32Array;
  readonly #thread: number;
  #turn = 0;
  #token = 0;

  constructor(memory: SharedArrayBuffer, count: number) {
    this.#words = new Int32Array(memory, 0, HEADER + count);
    this.#thread = Atomics.add(this.#words, 0, 1);
  }

  /** One at a time. @returns false when it cannot be had; there is nothing to release then. */
  take(lock: number): boolean {
    this.#turn++;
    // Never 0, which is nobody's.
    this.#token = (this.#thread << TURN_BITS) | (this.#turn & (2 ** TURN_BITS - 1)) || -1;
    for (let spin = 0; spin < SPINS; spin++) if (this.#try(lock, 0)) return true;
    return this.#waitFor(lock);
  }

  release(lock: number): void {
    // Not if it was taken away meanwhile.
    Atomics.compareExchange(this.#words, HEADER + lock, this.#token, 0);
  }

  #waitFor(lock: number): boolean {
    let holder = 0;
    let same = 0;
    for (let nap = 0; nap < MOST_NAPS; nap++) {
      const seen = Atomics.load(this.#words, HEADER + lock);
      same = seen === holder ? same + 1 : 0;
      holder = seen;
      if ((seen === 0 || same >= STALE) && this.#try(lock, seen)) return true;
      Atomics.wait(this.#words, HEADER + lock, seen, NAP_MS);
    }
    return false;
  }

  #try(lock: number, holder: number): boolean {
    return Atomics.compareExchange(this.#words, HEADER + lock, holder, this.#token) === holder;
  }
}
