/** The load generator as the harness sees it: a process that takes orders and answers each of them once. */
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Answer, Done, Job, Order } from './job.ts';
import { end, start } from './processes.ts';

const ORDER_DEADLINE_MS = 180_000;

export class LoadGenerator {
  #child: ChildProcess | undefined;

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Opens what the job does not measure. */
  async prepare(job: Job): Promise<void> {
    await this.#order({ prepare: job });
  }

  /** Runs the measured part. */
  async go(): Promise<Done> {
    const answer = await this.#order('go');
    if (answer.kind !== 'done') throw new Error('the load generator does not say what it did');
    return answer;
  }

  /** Proves that what should still be open is, and closes it. */
  async check(): Promise<void> {
    await this.#order('check');
  }

  async end(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child) await end(child);
  }

  /** A failure ends the process, so that nothing of a failed job is left when the next one starts. */
  async #order(order: Order): Promise<Answer> {
    const script = fileURLToPath(new URL('./load.ts', import.meta.url));
    this.#child ??= start('load', process.execPath, [script], ['ignore', 'ignore', 'inherit', 'ipc']);
    try {
      const answer = await answerTo(this.#child, order);
      if (answer.kind === 'failed') throw new Error(answer.reason);
      return answer;
    } catch (error) {
      await this.end();
      throw error;
    }
  }
}

async function answerTo(child: ChildProcess, order: Order): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const take = (answer: unknown): void => resolve(answer as Answer);
  const ended = (): void => reject(new Error('the load generator ended'));
  const late = (): void => reject(new Error(`not done within ${ORDER_DEADLINE_MS / 1000} s`));
  const timer = setTimeout(late, ORDER_DEADLINE_MS);
  child.once('message', take).once('exit', ended).once('error', ended);
  try {
    child.send(order);
    return await promise;
  } finally {
    clearTimeout(timer);
    child.off('message', take).off('exit', ended).off('error', ended);
  }
}
