/** How long an ejected egress waits: doubled with each ejection, and forgotten once it has been up for a while. */

export interface BackoffOptions {
  /** After the first ejection; milliseconds. */
  readonly first: number;
  /** The longest; milliseconds. */
  readonly last: number;
}

/** Up for this long, and earlier ejections no longer count; milliseconds. */
export const FORGET_MS = 600_000;
/** Addresses that were ejected together do not all come back in the same moment. */
const JITTER = 0.1;

/** The back-off of one egress. */
export class Backoff {
  #level = 0;
  #upSince: number | undefined = undefined;

  /** It proved itself at this moment. */
  up(now: number): void {
    this.#upSince = now;
  }

  /**
   * It is ejected once more.
   * @param random From 0 to 1.
   * @returns Milliseconds to wait.
   */
  eject({ first, last }: BackoffOptions, now: number, random: number): number {
    if (this.#upSince !== undefined && now - this.#upSince >= FORGET_MS) this.#level = 0;
    this.#upSince = undefined;
    // Beyond 2^30 every back-off has reached its last value.
    const wait = Math.min(last, first * 2 ** Math.min(this.#level++, 30));
    return jittered(wait, random);
  }
}

/** @param random From 0 to 1. @returns `ms`, a tenth more or less. */
export function jittered(ms: number, random: number): number {
  return ms * (1 - JITTER + 2 * JITTER * random);
}
