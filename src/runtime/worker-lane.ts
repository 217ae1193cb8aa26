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
export function spawnLane(
  options: LaneOptions,
  output: LaneOutput,
  lost: (error: Error) => void,
): Promise<Lane> {
  const worker = new Worker(ENTRY, { workerData: options, name: `gyre-lane-${options.index}` });
  const tell = (message: ToWorker): void => worker.postMessage(message);
  let error: Error | undefined;
  let closing = false;
  const exited = new Promise<void>((resolve) => {
    worker.on('error', (thrown) => (error = thrown instanceof Error ? thrown : new Error(String(thrown))));
    worker.on('exit', (code) => {
      resolve();
      if (!closing) lost(error ?? new Error(`the thread ended with code ${code}`));
    });
  });
  return new Promise((resolve, reject) => {
    worker.on('message', (message: FromWorker) => {
      switch (message.type) {
        case 'ready':
          return resolve({
            endpoints: message.endpoints,
            replace: (snapshot) => tell({ type: 'replace', snapshot }),
            close(drainMs) {
              closing = true;
              tell({ type: 'close', drainMs });
              return exited;
            },
          });
        case 'failed':
          closing = true;
          return reject(new StartError(message.message, message.hint));
        case 'access':
          return output.access(message.text, message.lines);
        case 'warn':
          return output.warn(message.message, message.fields);
        default:
          return message satisfies never;
      }
    });
    void exited.then(() => reject(new StartError('a worker thread ended while it started', error?.message)));
  });
}
