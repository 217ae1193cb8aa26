/** What a fuzz target is. */

export interface Target {
  /** Longest input that is tried; bytes. */
  readonly longest: number;
  /** Words that open doors which random bytes do not. */
  readonly words: readonly string[];
  /**
   * Feeds one input to the code under test and checks what must hold for it. Pure: nothing is kept between two runs.
   * @returns What came of it in a few words. An outcome never seen before makes an input worth keeping, so there may be
   * some hundreds of them, not one for each input.
   * @throws Whatever the code under test must never throw, or an AssertionError for an invariant that does not hold.
   */
  run(input: Buffer): string;
}
