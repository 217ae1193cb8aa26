/** A window into a thread that hangs: memory in which it leaves every input before it runs it. */

/** Longest input that fits; bytes. */
const ROOM = 1 << 16;
const BYTES_AT = 8;

export class Pane {
  readonly memory: SharedArrayBuffer;
  /** How many inputs have been shown, and the length of the last one plus one; 0 while none runs. */
  readonly #header: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(BYTES_AT + ROOM)) {
    this.memory = memory;
    this.#header = new Int32Array(memory, 0, 2);
    this.#bytes = new Uint8Array(memory, BYTES_AT);
  }

  show(input: Uint8Array): void {
    this.#bytes.set(input);
    Atomics.store(this.#header, 1, input.length + 1);
    Atomics.add(this.#header, 0, 1);
  }

  /** No input runs any more. */
  hide(): void {
    Atomics.store(this.#header, 1, 0);
  }

  /** Stands still while an input hangs, or while none runs. */
  get count(): number {
    return Atomics.load(this.#header, 0);
  }

  /** A copy of the input that runs; undefined while none does. */
  get input(): Uint8Array | undefined {
    const length = Atomics.load(this.#header, 1);
    return length === 0 ? undefined : this.#bytes.slice(0, length - 1);
  }
}
