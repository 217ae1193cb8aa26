/**
 * Tunnels begun at fixed moments. Their time counts from the moment they should have begun, so that a proxy that makes
 * the load generator wait cannot hide it.
 */
import { Worker } from 'node:worker_threads';
import type { Latency } from './job.ts';
import type { Beat } from './metronome.ts';

/** The value that `share` of all are not above. */
function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!;
}

/** Runs `task` for 0 … count-1 at these moments; the first failure ends it. */
export async function paced(beat: Beat, task: (index: number) => Promise<void>): Promise<Latency> {
  const took = new Float64Array(beat.count);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let [begun, ended] = [0, 0];
  const one = async (due: number): Promise<void> => {
    const index = begun++;
    await task(index);
    took[index] = performance.timeOrigin + performance.now() - due;
    if (++ended === beat.count) resolve();
  };
  const metronome = new Worker(new URL('./metronome.ts', import.meta.url), { workerData: beat });
  metronome.on('message', (due: number) => void one(due).catch(reject)).on('error', reject);
  try {
    await promise;
  } finally {
    await metronome.terminate();
  }
  took.sort();
  return { p50: quantile(took, 0.5), p99: quantile(took, 0.99) };
}
