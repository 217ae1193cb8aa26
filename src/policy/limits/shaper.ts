/** One direction of one tunnel, as slow as the slowest of those it counts for. */
import { BUSY, type Meters } from './meters.ts';
import type { Direction, Terms } from './terms.ts';

export interface Shaper {
  /**
   * Counts bytes that have just been passed on; 0 to ask whether to begin reading at all. Never allocates.
   * @returns milliseconds to pause reading for; 0 = go on.
   */
  take(bytes: number): number;
}

/** When another thread is at a meter for longer than usual: pay with the next read; milliseconds. */
const RETRY_MS = 10;

/** Up to four subjects. */
export class SharedShaper implements Shaper {
  readonly #meters: Meters;
  readonly #direction: Direction;
  readonly #now: () => number;
  /** As it was at the last change of the terms. */
  readonly #slots = new Int32Array(4);
  readonly #speeds = new Float64Array(4);
  /** Bytes not counted yet. */
  readonly #unpaid = new Float64Array(4);
  #subjects = 0;

  constructor(meters: Meters, direction: Direction, now: () => number) {
    this.#meters = meters;
    this.#direction = direction;
    this.#now = now;
  }

  /** Puts terms in place, now and whenever they change. @param slots By kind, -1 for those that do not count. */
  follow(slots: readonly number[], terms: readonly Terms[]): void {
    this.#unpaid.fill(0);
    this.#subjects = 0;
    for (const [kind, { speeds }] of terms.entries()) {
      const speed = speeds[this.#direction];
      if (slots[kind] === -1 || speed === Infinity) continue;
      this.#slots[this.#subjects] = slots[kind]!;
      this.#speeds[this.#subjects++] = speed;
    }
  }

  /** Its connection is over: it counts nothing any more. */
  end(): void {
    this.#subjects = 0;
  }

  take(bytes: number): number {
    const now = this.#now();
    let pause = 0;
    for (let i = 0; i < this.#subjects; i++) {
      const owed = this.#unpaid[i]! + bytes;
      const wait = this.#meters.take(this.#slots[i]!, this.#direction, this.#speeds[i]!, owed, now);
      this.#unpaid[i] = wait === BUSY ? owed : 0;
      pause = Math.max(pause, wait === BUSY ? RETRY_MS : wait);
    }
    return pause;
  }
}
