/** Access lines, read from the file while it is being written. */
import { closeSync, openSync, readSync } from 'node:fs';

/** An access line, as far as the matrix looks at it. */
export interface Line {
  /** `address:port`. */
  readonly client: string;
  readonly inbound: string | null;
  readonly target: string | null;
  readonly egress: string | null;
  readonly attempts: number;
  readonly end: string;
}

const CHUNK_BYTES = 1024 * 1024;

export class LineReader {
  readonly #file: number;
  readonly #chunk = Buffer.alloc(CHUNK_BYTES);
  #rest = '';

  constructor(file: string) {
    this.#file = openSync(file, 'r');
  }

  /** What has been written since the last call; a line that is not all there yet comes with the next. */
  take(): Line[] {
    const lines: string[] = [];
    for (let length = this.#read(); length > 0; length = this.#read()) {
      const parts = (this.#rest + this.#chunk.toString('latin1', 0, length)).split('\n');
      this.#rest = parts.pop()!;
      lines.push(...parts);
    }
    return lines.map((line) => JSON.parse(line) as Line);
  }

  #read(): number {
    return readSync(this.#file, this.#chunk, 0, CHUNK_BYTES, null);
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}
