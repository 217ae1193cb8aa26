/** `gyre serve` as a process of its own, and those that take its place. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cleanEnvironment } from './program.ts';
import { GYRE_BIN } from './program-gyre.ts';

export interface ServingOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** What runs it instead of Node: a command line that ends where that of Node begins. */
  readonly under?: readonly string[];
  /** It is killed then, at the latest; milliseconds. @default 60_000 */
  readonly longestMs?: number;
}

export class Serving implements AsyncDisposable {
  readonly child: ChildProcess;
  /** With its exit code, or the signal that ended it. */
  readonly exited: Promise<number | string | null>;
  stdout = '';
  stderr = '';
  readonly #waiting = new Set<() => void>();
  #dead = false;

  /** @param args Of `gyre serve`. */
  constructor(args: readonly string[], { env = {}, under = [], longestMs = 60_000 }: ServingOptions = {}) {
    const [command = '', ...words] = [...under, process.execPath, GYRE_BIN, 'serve', ...args];
    this.child = spawn(command, words, {
      env: { ...cleanEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const kill = setTimeout(() => this.#kill(), longestMs);
    this.exited = once(this.child, 'exit').then(([code, signal]: (number | string | null)[]) => {
      clearTimeout(kill);
      this.#dead = true;
      this.#look();
      return code ?? signal ?? null;
    });
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#look();
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#look();
    });
  }

  /** What standard output says, as soon as it does. @param after How much of it is old. */
  says(pattern: RegExp, after = 0): Promise<RegExpExecArray> {
    return this.#until(() => pattern.exec(this.stdout.slice(after)));
  }

  /** What standard error says. */
  complains(pattern: RegExp, after = 0): Promise<RegExpExecArray> {
    return this.#until(() => pattern.exec(this.stderr.slice(after)));
  }

  async port(): Promise<number> {
    return Number((await this.says(/^gyre ready on \S+:(\d+)/m))[1]);
  }

  /** Processes that have taken its place, the latest last. */
  get successors(): number[] {
    return Array.from(this.stderr.matchAll(/the new process serves.*?"?pid"?[=:] ?(\d+)/g), ([, pid]) =>
      Number(pid),
    );
  }

  /** Has the process that serves now replaced. @returns the process id of the next one. */
  async upgrade(): Promise<number> {
    const before = this.successors.length;
    const after = this.stderr.length;
    process.kill(this.successors.at(-1) ?? this.child.pid!, 'SIGUSR2');
    await this.#until(
      () =>
        (/upgrade failed.*|no upgrade:.*/.exec(this.stderr.slice(after)) ??
          this.successors.length > before) ||
        null,
    );
    if (this.successors.length === before) throw new Error(this.stderr.slice(after));
    return this.successors.at(-1)!;
  }

  async #until<Found>(look: () => Found | null): Promise<Found> {
    for (;;) {
      const found = look();
      if (found !== null) return found;
      if (this.#dead && this.successors.length === 0)
        throw new Error(`it ended: ${this.stdout}${this.stderr}`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #look(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  #kill(): void {
    for (const pid of [this.child.pid!, ...this.successors]) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#kill();
    await this.exited;
    this.child.stdout!.destroy();
    this.child.stderr!.destroy();
  }
}
