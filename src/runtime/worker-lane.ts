/** A lane in a worker thread, seen from the main thread. */
import { Worker } from 'node:worker_threads';
import { StartError } from '../listener.ts';
import type { Lane, LaneOptions, LaneOutput } from './lane.ts';
import { PendingAnswers } from './control/pending-answers.ts';
import { Errands } from './reload/errands.ts';
import type { FromWorker, ToWorker } from './worker.ts';

/** What a thread that waits inside the kernel needs: nothing in this process can end it. */
const STUCK =
  'a worker thread stands still and cannot be ended: the clients it would serve are not served until Gyre is restarted';

// Compiled code lies beside compiled code, source beside source.
const ENTRY = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);

/**
 * Objects of tunnels live either for microseconds or for as long as their tunnel. A young generation of 12 MiB (4 MiB to
 * allocate in) is enough for those of the first kind; one that may grow to its usual size keeps, in a crowd of idle tunnels,
 * more memory than all of them.
 */
const MEMORY = { maxYoungGenerationSizeMb: 12 };

/** In which a new thread has to be ready; milliseconds. */
const START_MS = 30_000;
/** A thread that has not ended this long after its deadline will not; milliseconds. */
const END_MS = 3000;

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
  const worker = new Worker(ENTRY, {
    workerData: options,
    execArgv: [],
    name: `gyre-lane-${options.index}`,
    resourceLimits: MEMORY,
  });
  const tell = (message: ToWorker): void => worker.postMessage(message);
  const answers = new PendingAnswers();
  const errands = new Errands();
  let death: Error | undefined;
  let state: 'starting' | 'serving' | 'closing' = 'starting';
  worker.on('error', (thrown) => (death = thrown instanceof Error ? thrown : new Error(String(thrown))));
  const exited = new Promise<void>((resolve) => {
    worker.on('exit', (code) => {
      resolve();
      errands.end();
      death ??= new Error(`the thread ended with code ${code}`);
      if (state === 'serving') lost(death);
    });
  });
  const terminate = (why: Error): void => {
    death ??= why;
    void worker.terminate();
    const stuck = setTimeout(() => output.warn(STUCK, { lane: options.index }), END_MS).unref();
    void exited.then(() => clearTimeout(stuck));
  };
  const late = setTimeout(
    () => terminate(new Error(`it was not ready after ${START_MS / 1000} s`)),
    START_MS,
  );
  const ready = await Promise.race([listenTo(worker, output, answers, errands), exited]);
  clearTimeout(late);
  if (ready === undefined) throw new StartError('a worker thread ended while it started', death?.message);
  if (ready.type === 'failed') {
    // Some of its listeners may stand.
    await worker.terminate();
    throw new StartError(ready.message, ready.hint);
  }
  state = 'serving';
  return {
    endpoints: ready.endpoints,
    async prepare(listen) {
      const done = await errands.run((id) => tell({ type: 'prepare', id, listen }));
      if (done?.problem !== undefined) throw new StartError(done.problem.message, done.problem.hint);
      return done?.endpoints ?? [];
    },
    async abandon() {
      await errands.run((id) => tell({ type: 'abandon', id }));
    },
    async update(changes) {
      await errands.run((id) => tell({ type: 'update', id, changes }));
    },
    ask: (question) => answers.wait((id) => tell({ type: 'ask', id, question })),
    close(drainMs, handedOver) {
      state = 'closing';
      tell({ type: 'close', drainMs, handedOver });
      const deadline = setTimeout(() => terminate(new Error('it did not end in time')), drainMs + END_MS);
      return exited.finally(() => clearTimeout(deadline));
    },
    terminate,
  };
}

/** Passes on what a worker has to say, as long as it lives; resolves with its first word on whether it serves. */
function listenTo(
  worker: Worker,
  output: LaneOutput,
  answers: PendingAnswers,
  errands: Errands,
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
        case 'done':
          return errands.done(message.id, message.done);
        case 'answer':
          return answers.got(message.id, message.answer);
        default:
          return resolve(message);
      }
    });
  });
}
