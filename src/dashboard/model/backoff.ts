/** How long to wait before trying to connect again; ms. Doubles up to a bound, and is spread so that many pages do not come at once. */
const FIRST_MS = 500;
const LAST_MS = 10_000;

/** @param attempt 0 for the first. @param random From 0 to 1. */
export function backoffMs(attempt: number, random: number = Math.random()): number {
  const full = Math.min(LAST_MS, FIRST_MS * 2 ** Math.min(attempt, 30));
  return Math.round(full * (0.75 + random / 4));
}
