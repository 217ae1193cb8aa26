/** The terminal while `gyre top` has it: the alternate screen, drawn by lines that changed, given back on every way out. */

const ENTER = '\x1b[?1049h\x1b[?25l\x1b[H\x1b[2J';
const LEAVE = '\x1b[m\x1b[?25h\x1b[?1049l';

export class Screen {
  readonly #output: NodeJS.WriteStream;
  readonly #input: NodeJS.ReadStream;
  #there = false;
  #shown: readonly string[] = [];
  /** What was drawn before does not count. */
  #dirty = true;

  constructor(input: NodeJS.ReadStream, output: NodeJS.WriteStream) {
    this.#input = input;
    this.#output = output;
  }

  get size(): { readonly columns: number; readonly rows: number } {
    // A terminal that was told no size says 0.
    return { columns: this.#output.columns || 80, rows: this.#output.rows || 24 };
  }

  enter(): void {
    if (this.#there) return;
    this.#there = true;
    if (this.#input.isTTY) this.#input.setRawMode(true);
    this.#output.write(ENTER);
    this.forget();
  }

  /** Any number of times; also from an `exit` event, since writes to terminals are synchronous. */
  leave(): void {
    if (!this.#there) return;
    this.#there = false;
    this.#output.write(LEAVE);
    if (this.#input.isTTY) this.#input.setRawMode(false);
  }

  /** The next picture is drawn as a whole. */
  forget(): void {
    this.#dirty = true;
  }

  /** One write. A terminal that does not take what was written before gets no more. */
  draw(lines: readonly string[]): void {
    if (!this.#there || this.#output.writableNeedDrain) return;
    const text = this.#dirty ? `\x1b[H\x1b[2J${changes([], lines)}` : changes(this.#shown, lines);
    this.#shown = lines;
    this.#dirty = false;
    if (text !== '') this.#output.write(text);
  }
}

/** What turns one picture into another, line by line (ECMA-48: CUP, EL). */
export function changes(before: readonly string[], after: readonly string[]): string {
  let text = '';
  for (let row = 0; row < Math.max(before.length, after.length); row++) {
    const line = after[row] ?? '';
    if (line !== (before[row] ?? '')) text += `\x1b[${row + 1};1H\x1b[K${line}`;
  }
  return text;
}
