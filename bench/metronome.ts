/**
 * Says `count` times that it is time for the next one, at moments that are spread evenly.
 *
 * A thread of its own, because the timers of Node know whole milliseconds only, which is longer than most tunnels take.
 */
import { parentPort, workerData } from 'node:worker_threads';

export interface Beat {
  readonly count: number;
  readonly perSecond: number;
  /** When the first one is due, in milliseconds since the epoch. */
  readonly startAt: number;
}

const { count, perSecond, startAt } = workerData as Beat;
const nothing = new Int32Array(new SharedArrayBuffer(4));
for (let beat = 0; beat < count; beat++) {
  const left = startAt + (beat * 1000) / perSecond - (performance.timeOrigin + performance.now());
  if (left > 0) Atomics.wait(nothing, 0, 0, left);
  parentPort!.postMessage(beat);
}
