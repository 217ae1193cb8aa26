/** Bytes that have arrived and wait to be taken, in one piece. */
const NOTHING = Buffer.alloc(0);

export class Inbox {
  #bytes: Buffer = NOTHING;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** All of it. Only good until the next {@link append}. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Copies. Grows by doubling: bytes that come one by one must not cost a copy of everything for each. */
  append(chunk: Buffer): void {
    const needed = this.#length + chunk.length;
    if (needed > this.#bytes.length) {
      const bigger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length));
      this.#bytes.copy(bigger, 0, 0, this.#length);
      this.#bytes = bigger;
    }
    chunk.copy(this.#bytes, this.#length);
    this.#length = needed;
  }

  /** Forgets the first `length` bytes, or as many as there are. */
  consume(length: number): void {
    if (length >= this.#length) {
      this.take();
      return;
    }
    this.#bytes = this.#bytes.subarray(length);
    this.#length -= length;
  }

  /** Takes all of it out; undefined when there is nothing. */
  take(): Buffer | undefined {
    const all = this.#length === 0 ? undefined : this.bytes;
    this.#bytes = NOTHING;
    this.#length = 0;
    return all;
  }
}
