/**
 * Says `count` times that it is time for the next one, at moments that are spread evenly, and which moment that was in
 * milliseconds since the epoch. When it says so late, the moment is still the one that was meant.
 *
 * A thread of its own, because the timers of Node know whole milliseconds only, which is longer than most tunnels take.
 */
import { parentPort, workerData } from 'node:worker_threads';

export interface Beat {
  readonly count: number;
  readonly perSecond: number;
}

const { count, perSecond } = workerData as Beat;
const nothing = new Int32Array(new SharedArrayBuffer(4));
const now = (): number => performance.timeOrigin + performance.now();
const startedAt = now();
for (let beat = 1; beat <= count; beat++) {
  const due = startedAt + (beat * 1000) / perSecond;
  const left = due - now();
  if (left > 0) Atomics.wait(nothing, 0, 0, left);
  parentPort!.postMessage(due);
}
