/**
 * bcrypt on a thread of its own.
 *
 * It runs in JavaScript, and 60 to 300 ms of it (cost 10 to 12) in the loop that carries tunnels would stall them all, in
 * slices or not. One thread is enough, and all that guessing can ever use of the machine: it is started by the first
 * question, ends with the thread that started it, and is replaced when it dies.
 */
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';

export interface Bcrypt {
  /**
   * @param hash One that `isPasswordHash` has taken.
   * @returns Rejects when it cannot be found out, which is no proof of anything.
   */
  verify(password: string, hash: string): Promise<Verdict>;
  /** Ends what it holds; questions without an answer are rejected. */
  close(): void;
}

export interface Verdict {
  readonly right: boolean;
  /** The thread that did the work, as `node:worker_threads` numbers them. */
  readonly thread: number;
}

/** What the thread is asked. */
export interface Question {
  readonly id: number;
  readonly password: string;
  readonly hash: string;
}

/** What is said back; `right` is undefined when it could not be found out. */
export interface Answer {
  readonly id: number;
  readonly right: boolean | undefined;
  readonly thread: number;
}

/** Questions that may be under way at a time: those who ask have queues of their own, so this is never reached. */
const MOST_QUESTIONS = 256;
/** Without an answer for so long the thread counts as stuck; milliseconds. Cost 16 takes seconds. */
const STUCK_MS = 60_000;
/** MiB: the work itself needs next to nothing. */
const MEMORY = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8 } as const;

// Compiled code lies beside compiled code, source beside source.
const ENTRY = new URL(
  import.meta.url.endsWith('.ts') ? './bcrypt-thread.ts' : './bcrypt-thread.js',
  import.meta.url,
);

/** What questions go through: a thread, or the way to somebody who has one. */
type Channel = Pick<MessagePort, 'ref' | 'unref'> & { postMessage(message: unknown): void };

/** Questions without an answer. They keep the program alive; a channel that is only open does not. */
class Questions {
  readonly #channel: Channel;
  readonly #open = new Map<number, PromiseWithResolvers<Verdict>>();
  #count = 0;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  get size(): number {
    return this.#open.size;
  }

  ask(password: string, hash: string): Promise<Verdict> {
    if (this.size >= MOST_QUESTIONS) return Promise.reject(new Error('too many hashes are being verified'));
    const id = ++this.#count;
    const question = Promise.withResolvers<Verdict>();
    this.#open.set(id, question);
    if (this.size === 1) this.#channel.ref();
    this.#channel.postMessage({ id, password, hash } satisfies Question);
    return question.promise;
  }

  settle({ id, right, thread }: Answer): void {
    const question = this.#open.get(id);
    this.#open.delete(id);
    if (this.size === 0) this.#channel.unref();
    if (right === undefined) question?.reject(new Error('the hash could not be verified'));
    else question?.resolve({ right, thread });
  }

  fail(error: Error): void {
    for (const question of this.#open.values()) question.reject(error);
    this.#open.clear();
  }
}

/** The thread, and those it works for. One is enough for a process: see {@link BcryptThread.port}. */
export class BcryptThread implements Bcrypt {
  #run: Run | undefined = undefined;
  #closed = false;
  readonly #ports = new Set<MessagePort>();

  async verify(password: string, hash: string): Promise<Verdict> {
    try {
      return await this.#ask(password, hash);
    } catch (error) {
      // A thread that dies takes the questions of others with it: they are worth a second one.
      if (this.#closed || !(error instanceof ThreadDied)) throw error;
      return await this.#ask(password, hash);
    }
  }

  /** A way to this thread for another one of the process, to be transferred to it and used by {@link bcryptOver}. */
  port(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    this.#ports.add(port1);
    port1.on('close', () => this.#ports.delete(port1));
    port1.on('message', (question: Question) => void this.#serve(port1, question));
    port1.unref();
    return port2;
  }

  close(): void {
    this.#closed = true;
    for (const port of this.#ports) port.close();
    this.#run?.end();
  }

  async #serve(port: MessagePort, { id, password, hash }: Question): Promise<void> {
    const verdict = await this.verify(password, hash).catch(() => ({ right: undefined, thread: 0 }));
    port.postMessage({ id, ...verdict } satisfies Answer);
  }

  #ask(password: string, hash: string): Promise<Verdict> {
    if (this.#closed) return Promise.reject(new Error('hashes are no longer verified here'));
    this.#run ??= new Run(() => (this.#run = undefined));
    return this.#run.ask(password, hash);
  }
}

class ThreadDied extends Error {}

/** The life of one thread. */
class Run {
  readonly #worker: Worker;
  readonly #questions: Questions;
  readonly #watchdog: NodeJS.Timeout;
  #cause: unknown = undefined;

  /** @param ended Called once, before its questions are rejected. */
  constructor(ended: () => void) {
    // The flags of the program around us (--input-type, a test runner's) are not meant for our threads.
    const worker = new Worker(ENTRY, { execArgv: [], name: 'gyre-bcrypt', resourceLimits: MEMORY });
    this.#worker = worker;
    this.#questions = new Questions(worker);
    this.#watchdog = setInterval(() => this.end('it was stuck'), STUCK_MS).unref();
    worker.on('message', (answer: Answer) => {
      this.#watchdog.refresh();
      this.#questions.settle(answer);
    });
    worker.on('error', (error) => (this.#cause = error));
    worker.on('exit', () => {
      clearInterval(this.#watchdog);
      ended();
      this.#questions.fail(
        new ThreadDied('the thread that verifies bcrypt hashes has ended', { cause: this.#cause }),
      );
    });
  }

  ask(password: string, hash: string): Promise<Verdict> {
    if (this.#questions.size === 0) this.#watchdog.refresh();
    return this.#questions.ask(password, hash);
  }

  end(cause?: string): void {
    if (cause !== undefined && this.#questions.size === 0) return;
    this.#cause ??= cause;
    void this.#worker.terminate();
  }
}

/** bcrypt by a thread that another one of the process has. @param port From {@link BcryptThread.port}. */
export function bcryptOver(port: MessagePort): Bcrypt {
  const questions = new Questions(port);
  let closed = false;
  port.on('message', (answer: Answer) => questions.settle(answer));
  port.on('close', () => {
    closed = true;
    questions.fail(new Error('the way to the thread that verifies bcrypt hashes is closed'));
  });
  port.unref();
  return {
    verify: (password, hash) =>
      closed
        ? Promise.reject(new Error('hashes are no longer verified here'))
        : questions.ask(password, hash),
    close() {
      closed = true;
      port.close();
    },
  };
}
