/**
 * Tunnels begun at fixed moments. Their time counts from the moment they should have begun, so that a proxy that makes
 * the load generator wait cannot hide it.
 */
import { Worker } from 'node:worker_threads';
import type { Latency } from './job.ts';
import type { Beat } from './metronome.ts';

/** Time for the thread of the metronome to start; milliseconds. */
const HEAD_START_MS = 200;

const now = (): number => performance.timeOrigin + performance.now();

/** The value that `share` of all are not above. */
function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!;
}

/** Runs `task` for 0 … count-1 at these moments; the first failure ends it. */
export async function paced(
  count: number,
  perSecond: number,
  task: (index: number) => Promise<void>,
): Promise<Latency> {
  const beat: Beat = { count, perSecond, startAt: now() + HEAD_START_MS };
  const took = new Float64Array(count);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let left = count;
  const one = async (index: number): Promise<void> => {
    await task(index);
    took[index] = now() - beat.startAt - (index * 1000) / perSecond;
    if (--left === 0) resolve();
  };
  const metronome = new Worker(new URL('./metronome.ts', import.meta.url), { workerData: beat });
  metronome.on('message', (index: number) => void one(index).catch(reject)).on('error', reject);
  try {
    await promise;
  } finally {
    await metronome.terminate();
  }
  took.sort();
  return { p50: quantile(took, 0.5), p99: quantile(took, 0.99) };
}
