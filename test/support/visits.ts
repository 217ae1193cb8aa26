/** The thread of `visits-main.ts`, seen from the test. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Visits, VisitsPlan } from './visits-main.ts';

export class Visitors implements AsyncDisposable {
  readonly #worker: Worker;

  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  /** They have begun when this resolves, and what a first visit has to wait for is not counted. */
  static async start(plan: VisitsPlan): Promise<Visitors> {
    const worker = new Worker(new URL('visits-main.ts', import.meta.url), { workerData: plan, execArgv: [] });
    const visitors = new Visitors(worker);
    await visitors.many(20);
    return visitors;
  }

  /** Since the last question. */
  async take(): Promise<Visits> {
    const answered = once(this.#worker, 'message');
    this.#worker.postMessage('take');
    const [visits] = (await answered) as [Visits];
    return visits;
  }

  /** As many from now on, at least. */
  async many(count: number): Promise<Visits> {
    const took: number[] = [];
    const failed: string[] = [];
    while (took.length + failed.length < count) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      const visits = await this.take();
      took.push(...visits.took);
      failed.push(...visits.failed);
    }
    return { took, failed };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}

/** @param share For example 0.99. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}
