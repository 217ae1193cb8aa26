/** The entry of a worker thread: one lane, steered by messages from the main thread. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Endpoint } from '../connection.ts';
import type { FailureCode } from '../errors.ts';
import { StartError } from '../listener.ts';
import { openLane, type LaneOptions, type LaneState } from './lane.ts';

/** What the main thread says. */
export type ToWorker =
  | { readonly type: 'update'; readonly changes: Partial<LaneState> }
  | { readonly type: 'close'; readonly drainMs: number };

/** What a worker says. */
export type FromWorker =
  | { readonly type: 'ready'; readonly endpoints: readonly Endpoint[] }
  | { readonly type: 'failed'; readonly message: string; readonly hint: string | undefined }
  | { readonly type: 'access'; readonly text: string; readonly lines: number }
  | {
      readonly type: 'egress-failed';
      readonly slot: number;
      readonly code: FailureCode;
      readonly times: number;
    }
  | { readonly type: 'egress-ejected'; readonly slot: number; readonly code: FailureCode }
  | { readonly type: 'warn'; readonly message: string; readonly fields: Record<string, unknown> };

const port = parentPort!;
const say = (message: FromWorker): void => port.postMessage(message);

try {
  const lane = await openLane(workerData as LaneOptions, {
    access: (text, lines) => say({ type: 'access', text, lines }),
    warn: (message, fields) => say({ type: 'warn', message, fields }),
    failed: (slot, code, times) => say({ type: 'egress-failed', slot, code, times }),
    ejected: (slot, code) => say({ type: 'egress-ejected', slot, code }),
  });
  port.on('message', (message: ToWorker) => {
    if (message.type === 'update') lane.update(message.changes);
    else void lane.close(message.drainMs).then(() => process.exit());
  });
  say({ type: 'ready', endpoints: lane.endpoints });
} catch (error) {
  const { message, hint } = error instanceof StartError ? error : { message: String(error), hint: undefined };
  say({ type: 'failed', message, hint });
  port.close();
}
