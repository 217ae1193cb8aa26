/** A lane in a worker thread, seen from the main thread. */
import { Worker } from 'node:worker_threads';
import { StartError } from '../listener.ts';
import type { Lane, LaneOptions, LaneOutput } from './lane.ts';
import type { FromWorker, ToWorker } from './worker.ts';

// Compiled code lies beside compiled code, source beside source.
const ENTRY = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);

/**
 * @param lost Called when the thread ends without having been told to; its tunnels are gone.
 * @throws StartError
 */
export async function spawnLane(
  options: LaneOptions,
  output: LaneOutput,
  lost: (error: Error) => void,
): Promise<Lane> {
  // The flags of the program around us (--input-type, a test runner's) are not meant for our threads.
  const worker = new Worker(ENTRY, { workerData: options, execArgv: [], name: `gyre-lane-${options.index}` });
  const tell = (message: ToWorker): void => worker.postMessage(message);
  let death: Error | undefined;
  let state: 'starting' | 'serving' | 'closing' = 'starting';
  worker.on('error', (thrown) => (death = thrown instanceof Error ? thrown : new Error(String(thrown))));
  const exited = new Promise<void>((resolve) => {
    worker.on('exit', (code) => {
      resolve();
      death ??= new Error(`the thread ended with code ${code}`);
      if (state === 'serving') lost(death);
    });
  });
  const ready = await Promise.race([listenTo(worker, output), exited]);
  if (ready === undefined) throw new StartError('a worker thread ended while it started', death?.message);
  if (ready.type === 'failed') throw new StartError(ready.message, ready.hint);
  state = 'serving';
  return {
    endpoints: ready.endpoints,
    update: (changes) => tell({ type: 'update', changes }),
    close(drainMs) {
      state = 'closing';
      tell({ type: 'close', drainMs });
      return exited;
    },
  };
}

/** Passes on what a worker has to say, as long as it lives; resolves with its first word on whether it serves. */
function listenTo(
  worker: Worker,
  output: LaneOutput,
): Promise<Extract<FromWorker, { type: 'ready' | 'failed' }>> {
  return new Promise((resolve) => {
    worker.on('message', (message: FromWorker) => {
      switch (message.type) {
        case 'access':
          return output.access(message.text, message.lines);
        case 'warn':
          return output.warn(message.message, message.fields);
        case 'egress-failed':
          return output.failed(message.slot, message.code, message.times);
        case 'egress-ejected':
          return output.ejected(message.slot, message.code);
        default:
          return resolve(message);
      }
    });
  });
}
