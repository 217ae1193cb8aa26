/** One target in a thread of its own: what came of it, also when the thread hangs or dies. */
import { Worker } from 'node:worker_threads';
import { Pane } from './engine/pane.ts';
import type { Job, Report } from './engine/thread.ts';
import { save } from './shelf.ts';
import type { TargetName } from './targets.ts';

export interface Result extends Report {
  readonly name: TargetName;
  readonly seconds: number;
}

/** An input that has not come to an end after this long never will. */
const HANG_MS = 30_000;
const LOOK_EVERY_MS = 1000;

const NOTHING: Report = { runs: 0, corpus: 0, covered: 0, outcomes: 0, done: false };

export async function runJob(job: Omit<Job, 'pane'>, onReport: (result: Result) => void): Promise<Result> {
  const pane = new Pane();
  const begun = performance.now();
  let last = NOTHING;
  const result = (): Result => ({ ...last, name: job.name, seconds: (performance.now() - begun) / 1000 });

  const worker = new Worker(new URL('./engine/thread.ts', import.meta.url), {
    workerData: { ...job, pane: pane.memory } satisfies Job,
  });
  const fail = (error: string): void => {
    last = {
      ...last,
      done: true,
      crash: { file: save('crashes', job.name, pane.input ?? Buffer.alloc(0)), error },
    };
  };
  worker.on('message', (report: Report) => {
    last = report;
    onReport(result());
  });
  // What nobody caught: thrown after a run, or out of memory. The input shown is the last one, perhaps not the one at fault.
  worker.on('error', (error) => fail(`thrown outside of a run: ${explain(error)}`));
  const stop = watchForHang(pane, () => {
    fail(`the input has not come to an end within ${HANG_MS / 1000} seconds`);
    void worker.terminate();
  });
  await new Promise((resolve) => {
    worker.once('exit', resolve);
  });
  stop();
  return result();
}

function explain(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** @returns Ends the watch. */
function watchForHang(pane: Pane, hangs: () => void): () => void {
  let count = pane.count;
  let since = performance.now();
  const timer = setInterval(() => {
    if (pane.count !== count || pane.input === undefined) {
      count = pane.count;
      since = performance.now();
    } else if (performance.now() - since > HANG_MS) {
      clearInterval(timer);
      hangs();
    }
  }, LOOK_EVERY_MS);
  return () => clearInterval(timer);
}
