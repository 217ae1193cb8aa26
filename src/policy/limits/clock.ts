/**
 * Milliseconds that never go back and mean the same on all threads. `performance.now()` alone counts from the start of its
 * own thread; the time of day can be put back.
 */
export function sharedClock(): () => number {
  const offset = Number(process.hrtime.bigint()) / 1e6 - performance.now();
  return () => performance.now() + offset;
}
