/** Questions and answers, on a terminal or through a pipe. */
import { createInterface, type Interface } from 'node:readline';
import { EXIT, Failure } from './exit.ts';
import { complain } from './terminal.ts';

/** On a terminal whoever mistypes is asked again. */
const MOST_TRIES = 5;

/** Reads an answer. @returns A sentence where it is none. */
export type Reader<T> = (text: string) => { readonly value: T } | { readonly wrong: string };

/** Asks; an empty line is the default. */
export interface Asker {
  ask<T>(question: string, fallback: string, read: Reader<T>): Promise<T>;
  close(): void;
}

/** Takes every default. */
export const DEFAULTS: Asker = {
  ask: async (_question, fallback, read) => valueOf(read(fallback)),
  close: () => {},
};

/** Answers are lines of standard input, questions go to standard error. */
export class Questions implements Asker {
  readonly #reader: Interface;
  readonly #lines: AsyncIterator<string>;
  readonly #terminal: boolean;

  constructor(input: NodeJS.ReadStream = process.stdin) {
    this.#terminal = input.isTTY;
    this.#reader = createInterface({ input, output: process.stderr, terminal: this.#terminal });
    this.#reader.once('SIGINT', () => this.#reader.close());
    // One iterator for all, so that lines that come early are not lost.
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  async ask<T>(question: string, fallback: string, read: Reader<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      this.#reader.setPrompt(`${question} [${fallback}] `);
      this.#reader.prompt();
      const { value, done } = (await this.#lines.next()) as IteratorResult<string, undefined>;
      // What is typed on a terminal ends its own line.
      if (!this.#terminal || done === true) complain('');
      if (done === true)
        throw new Failure(
          'the answers ended too early; nothing was written',
          'gyre init --yes takes the defaults',
        );
      const answer = read(value.trim() === '' ? fallback : value.trim());
      if ('value' in answer) return answer.value;
      if (!this.#terminal || tries === MOST_TRIES)
        throw new Failure(`${answer.wrong}; nothing was written`, undefined, EXIT.usage);
      complain(answer.wrong);
    }
  }

  close(): void {
    this.#reader.close();
  }
}

function valueOf<T>(answer: ReturnType<Reader<T>>): T {
  if ('value' in answer) return answer.value;
  throw new Failure(answer.wrong);
}

export const yesOrNo: Reader<boolean> = (text) => {
  if (/^(y|yes)$/i.test(text)) return { value: true };
  if (/^(n|no)$/i.test(text)) return { value: false };
  return { wrong: 'answer y or n' };
};
