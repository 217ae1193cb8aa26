/** The entry of a worker thread: one lane, steered by messages from the main thread. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Endpoint } from '../connection.ts';
import type { FailureCode } from '../errors.ts';
import { StartError } from '../listener.ts';
import type { Answers, Question } from './control/questions.ts';
import { openLane, type LaneOptions, type LaneState } from './lane.ts';
import type { PlacedListener } from './placed-listeners.ts';
import type { Done } from './reload/errands.ts';

/** What the main thread says. */
export type ToWorker =
  | { readonly type: 'prepare'; readonly id: number; readonly listen: readonly PlacedListener[] }
  | { readonly type: 'abandon'; readonly id: number }
  | { readonly type: 'update'; readonly id: number; readonly changes: Partial<LaneState> }
  | { readonly type: 'ask'; readonly id: number; readonly question: Question }
  | { readonly type: 'close'; readonly drainMs: number; readonly handedOver: boolean };

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
  | { readonly type: 'answer'; readonly id: number; readonly answer: Answers[keyof Answers] }
  | { readonly type: 'done'; readonly id: number; readonly done: Done }
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
    if (message.type === 'update') {
      const { id, changes } = message;
      void lane.update(changes).then(() => say({ type: 'done', id, done: {} }));
    } else if (message.type === 'prepare') {
      const { id, listen } = message;
      void lane.prepare(listen).then(
        (endpoints) => say({ type: 'done', id, done: { endpoints } }),
        (error) => say({ type: 'done', id, done: { problem: problemOf(error) } }),
      );
    } else if (message.type === 'abandon') {
      const { id } = message;
      void lane.abandon().then(() => say({ type: 'done', id, done: {} }));
    } else if (message.type === 'ask') {
      const { id, question } = message;
      void lane.ask(question).then(
        (answer) => say({ type: 'answer', id, answer }),
        (error) =>
          say({
            type: 'warn',
            message: 'a question could not be answered',
            fields: { error: String(error) },
          }),
      );
    } else void lane.close(message.drainMs, message.handedOver).then(() => process.exit());
  });
  say({ type: 'ready', endpoints: lane.endpoints });
} catch (error) {
  say({ type: 'failed', ...problemOf(error) });
  port.close();
}

function problemOf(error: unknown): { message: string; hint: string | undefined } {
  const { message, hint } = error instanceof StartError ? error : { message: String(error), hint: undefined };
  return { message, hint };
}
