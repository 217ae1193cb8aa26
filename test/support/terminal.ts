/**
 * A program on a terminal of its own, with what stands on its screen. It knows the control sequences `gyre top` has reason to
 * use, and takes every other one for a fault: what a stranger wrote must not be able to add one.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cleanEnvironment, runProgram } from './program.ts';

/** Everything a test waits for comes within this, or it fails; milliseconds. */
const PATIENCE_MS = 20_000;

/** CSI sequences (ECMA-48), with their parameters and final byte. */
const CSI = /^\x1b\[([\d;?]*)([A-Za-z])/;

export interface TerminalOptions {
  readonly columns: number;
  readonly rows: number;
  readonly env?: Readonly<Record<string, string>>;
}

export class Terminal implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  readonly #waiting = new Set<() => void>();
  readonly #main: Picture;
  readonly #alternate: Picture;
  #shown: Picture;
  #cursorVisible = true;
  #rest = '';
  /** The device of the terminal, once the program's shell has said it. */
  #device: string | undefined;

  /** @param command For `sh`; `tty` and `stty` come before it. */
  constructor(command: string, { columns, rows, env }: TerminalOptions) {
    this.#main = new Picture(columns);
    this.#alternate = new Picture(columns);
    this.#shown = this.#main;
    const line = `tty; stty cols ${columns} rows ${rows}; ${command}`;
    this.#child = spawn('script', ['-qec', line, '/dev/null'], {
      env: { ...cleanEnvironment(), TERM: 'xterm-256color', LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8', ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), 3 * PATIENCE_MS);
    this.#child.stdin!.on('error', () => {});
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => this.#take(text));
    this.#ended = once(this.#child, 'close').then(([code]: (number | null)[]) => {
      clearTimeout(kill);
      this.#look();
      return code ?? null;
    });
  }

  /** Lines without blanks at their ends, and without empty ones after the last. */
  get lines(): string[] {
    return this.#shown.lines();
  }

  get onAlternateScreen(): boolean {
    return this.#shown === this.#alternate;
  }

  get cursorVisible(): boolean {
    return this.#cursorVisible;
  }

  type(keys: string): void {
    this.#child.stdin!.write(keys);
  }

  /** As a window manager does: the program gets SIGWINCH. */
  async resize(columns: number, rows: number): Promise<void> {
    this.#alternate.columns = this.#main.columns = columns;
    await runProgram('stty', ['-F', this.#device!, 'cols', String(columns), 'rows', String(rows)]);
  }

  /** What `stty -a` says of it: `-icanon` in raw mode. */
  async modes(): Promise<string> {
    return (await runProgram('stty', ['-F', this.#device!, '-a'])).stdout;
  }

  /** Waits until the screen is so. */
  async until(what: string, condition: (lines: readonly string[]) => boolean): Promise<void> {
    const waiting = AbortSignal.timeout(PATIENCE_MS);
    while (!condition(this.lines)) {
      if (waiting.aborted || this.#child.exitCode !== null)
        throw new Error(`never on the screen: ${what}\n${this.lines.join('\n')}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.addEventListener('abort', () => resolve(), { once: true });
      this.#waiting.add(resolve);
      await promise;
    }
  }

  shows(pattern: RegExp): Promise<void> {
    return this.until(String(pattern), (lines) => pattern.test(lines.join('\n')));
  }

  /** How the program ended, as its shell says it. */
  get ended(): Promise<number | null> {
    return this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  #take(text: string): void {
    let left = this.#rest + text;
    while (left !== '') {
      const used = this.#takeOne(left);
      if (used === 0) break;
      left = left.slice(used);
    }
    this.#rest = left;
    this.#device ??= /\/dev\/pts\/\d+/.exec(this.#main.lines().join('\n'))?.[0];
    this.#look();
  }

  /** @returns How much of the text it was; 0 when it is not whole yet. */
  #takeOne(text: string): number {
    if (!text.startsWith('\x1b')) {
      const [plain] = /^[^\x1b]+/.exec(text)!;
      this.#shown.write(plain);
      return plain.length;
    }
    const [whole, parameters = '', final] = CSI.exec(text) ?? [];
    if (whole === undefined) {
      if (text.length < 12 && /^\x1b(?:\[[\d;?]*)?$/.test(text)) return 0;
      throw new Error(`an escape sequence that should not be there: ${JSON.stringify(text.slice(0, 40))}`);
    }
    this.#obey(parameters, final!);
    return whole.length;
  }

  #obey(parameters: string, final: string): void {
    const numbers = parameters.split(';').map((text) => Number(text || 1));
    if (final === 'm') return;
    if (final === 'H') return this.#shown.moveTo(numbers[0]! - 1, (numbers[1] ?? 1) - 1);
    if (final === 'J' && parameters === '2') return this.#shown.clear();
    if (final === 'K' && parameters === '') return this.#shown.clearLine();
    if (parameters === '?25') return void (this.#cursorVisible = final === 'h');
    if (parameters === '?1049') return void (this.#shown = final === 'h' ? this.#alternate : this.#main);
    throw new Error(`a control sequence that should not be there: CSI ${parameters}${final}`);
  }

  #look(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

/** One of the two screens a terminal has. All characters are one wide. */
class Picture {
  columns: number;
  #cells: string[][] = [];
  #row = 0;
  #column = 0;

  constructor(columns: number) {
    this.columns = columns;
  }

  lines(): string[] {
    const lines = Array.from(this.#cells, (cells) => (cells ?? []).join('').trimEnd());
    return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1);
  }

  moveTo(row: number, column: number): void {
    [this.#row, this.#column] = [row, column];
  }

  clear(): void {
    this.#cells = [];
  }

  clearLine(): void {
    this.#cells[this.#row] = (this.#cells[this.#row] ?? []).slice(0, this.#column);
  }

  write(text: string): void {
    for (const character of text) {
      if (character === '\n') this.#row++;
      else if (character === '\r') this.#column = 0;
      else if (/\p{Cc}/u.test(character))
        throw new Error(`a control character: ${JSON.stringify(character)}`);
      else this.#put(character);
    }
  }

  #put(character: string): void {
    if (this.#column >= this.columns) [this.#row, this.#column] = [this.#row + 1, 0];
    const line = (this.#cells[this.#row] ??= []);
    while (line.length < this.#column) line.push(' ');
    line[this.#column++] = character;
  }
}
