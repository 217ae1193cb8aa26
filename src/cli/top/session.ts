/** `gyre top` on a terminal, from the first picture until the user leaves. */
import type { AdminClient } from '../admin-client.ts';
import { Failure } from '../exit.ts';
import { frame } from './frame.ts';
import { keysOf } from './keys.ts';
import { carryOut, look } from './looks.ts';
import type { Look } from './look.ts';
import { Screen } from './screen.ts';
import { arrive, type Deed, type TopState } from './state.ts';
import { press, type Order } from './update.ts';

const ENDS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** After this the process was not stopped, or goes on again; milliseconds. */
const STOPPED_MS = 50;

export interface TopOptions {
  readonly client: AdminClient;
  readonly look: Look;
  readonly intervalMs: number;
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
}

/** Resolves when the user leaves, or a signal ends it; the terminal is as it was before. */
export async function runTop(first: TopState, options: TopOptions): Promise<void> {
  using session = new TopSession(first, options);
  await session.ended;
}

class TopSession implements Disposable {
  readonly ended: Promise<void>;
  readonly #options: TopOptions;
  readonly #screen: Screen;
  readonly #undo: (() => void)[] = [];
  readonly #end: () => void;
  readonly #fail: (error: unknown) => void;
  #state: TopState;
  #timer: NodeJS.Timeout | undefined;
  #over = false;
  /** A look is under way; another one is wanted after it. */
  #looking = false;
  #again = false;

  constructor(first: TopState, options: TopOptions) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    [this.ended, this.#end, this.#fail] = [promise, resolve, reject];
    this.#state = first;
    this.#options = options;
    this.#screen = new Screen(options.input, options.output);
    this.#listen();
    this.#screen.enter();
    this.#draw();
    this.#wait();
  }

  #listen(): void {
    const { input, output } = this.#options;
    const leave = (): void => this.#screen.leave();
    this.#on(process, 'exit', leave);
    for (const signal of ENDS) this.#on(process, signal, this.#end);
    this.#on(process, 'SIGTSTP', () => this.#suspend());
    this.#on(process, 'SIGCONT', () => this.#resume());
    this.#on(output, 'resize', () => this.#redraw());
    // The terminal has gone.
    this.#on(output, 'error', this.#end);
    this.#on(input, 'error', this.#end);
    this.#on(input, 'end', this.#end);
    this.#on(input, 'data', (chunk: Buffer) => this.#read(chunk.toString('utf8')));
    input.resume();
  }

  #on(emitter: NodeJS.EventEmitter, event: string, listener: (...values: never[]) => void): void {
    const heard = listener as (...values: unknown[]) => void;
    emitter.on(event, heard);
    this.#undo.push(() => emitter.off(event, heard));
  }

  #read(text: string): void {
    const page = Math.max(1, this.#screen.size.rows - 12);
    for (const key of keysOf(text)) {
      const { state, order } = press(this.#state, key, page);
      this.#state = state;
      if (order !== undefined) this.#obey(order);
    }
    this.#draw();
  }

  #obey(order: Order): void {
    if (order === 'quit') this.#end();
    else if (order === 'redraw') this.#redraw();
    else if (order === 'look') void this.#look();
    // To the whole group, as the terminal would: a program that started this one is stopped with it.
    else if (order === 'suspend') process.kill(0, 'SIGTSTP');
    else void this.#do(order);
  }

  async #do(deed: Deed): Promise<void> {
    const notice = await carryOut(this.#options.client, deed).then(
      (text) => ({ text, bad: false }),
      (error: unknown) => ({ text: sentenceOf(error), bad: true }),
    );
    this.#state = { ...this.#state, notice };
    this.#draw();
    await this.#look();
  }

  /** One at a time. What is wrong with the gateway is shown; what is wrong with us ends it. */
  async #look(): Promise<void> {
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#looking = true;
    clearTimeout(this.#timer);
    const asked = this.#state;
    try {
      const sample = await look(this.#options.client, asked);
      // What was asked for another filter or order is not what is wanted any more.
      if (!this.#again) this.#state = arrive(this.#state, sample);
    } catch (error) {
      if (!(error instanceof Failure)) return this.#fail(error);
      this.#state = { ...this.#state, trouble: `${error.message}; trying again` };
    } finally {
      this.#looking = false;
    }
    if (this.#over) return;
    this.#draw();
    if (this.#again) {
      this.#again = false;
      await this.#look();
    } else this.#wait();
  }

  #wait(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), this.#options.intervalMs);
  }

  #draw(): void {
    if (this.#over) return;
    try {
      this.#screen.draw(frame(this.#state, this.#screen.size, this.#options.look));
    } catch (error) {
      this.#fail(error);
    }
  }

  #redraw(): void {
    this.#screen.forget();
    this.#draw();
  }

  /**
   * Gives the terminal back and lets the signal do what it does without us. In a group without a shell the kernel lets it do
   * nothing (POSIX: orphaned process groups), and then this goes on at once.
   */
  #suspend(): void {
    this.#screen.leave();
    const others = process.listeners('SIGTSTP');
    process.removeAllListeners('SIGTSTP');
    process.kill(process.pid, 'SIGTSTP');
    setTimeout(() => {
      if (this.#over) return;
      if (process.listenerCount('SIGTSTP') === 0) for (const one of others) process.on('SIGTSTP', one);
      this.#resume();
    }, STOPPED_MS);
  }

  #resume(): void {
    if (this.#over) return;
    this.#screen.enter();
    this.#redraw();
  }

  [Symbol.dispose](): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#screen.leave();
    this.#options.input.pause();
    for (const undo of this.#undo) undo();
  }
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
