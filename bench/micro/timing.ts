/** What the micro-benchmarks share: a turn is timed, and a line is printed. */

const WARM_UP = 100_000;
const TURNS = 100_000;
const ROUNDS = 10;

/** Whatever a turn makes goes here, so that no compiler finds out that nobody needs it. */
let kept: unknown;

/** The best of some rounds, since the machine has other things to do. @returns Nanoseconds a turn. */
export function nanoseconds(turn: (i: number) => unknown): number {
  for (let i = 0; i < WARM_UP; i++) kept = turn(i);
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const startedAt = performance.now();
    for (let i = 0; i < TURNS; i++) kept = turn(i);
    best = Math.min(best, ((performance.now() - startedAt) * 1e6) / TURNS);
  }
  return kept === nanoseconds ? 0 : best;
}

export function line(name: string, ns: number): void {
  console.log(`${name.padEnd(52)}${ns.toFixed(0).padStart(8)} ns`);
}
