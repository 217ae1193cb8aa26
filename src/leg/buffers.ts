/** Where legs read into: one buffer for all quiet legs of a thread, and a big one for each busy leg. */

/** Read size of quiet legs, shared by all of a thread; bytes. */
export const SHARED_BYTES = 65_536;
/** Read size of a busy leg, owned by it; bytes. */
export const PRIVATE_BYTES = 262_144;
/** Private buffers kept for the next busy leg of the thread. */
const SPARE_BUFFERS = 8;

/** The read buffers of one thread. */
export class ReadBuffers {
  readonly shared: Buffer = Buffer.allocUnsafeSlow(SHARED_BYTES);
  #scratch: Buffer = Buffer.allocUnsafeSlow(SHARED_BYTES);
  readonly #spare: Buffer[] = [];

  /**
   * Copies a lent chunk into the thread's scratch buffer, which the next call reuses. When a write of the copy does
   * not complete at once, say so by {@link keepCopy}: then the copy belongs to that write.
   */
  copy(chunk: Buffer): Buffer {
    chunk.copy(this.#scratch);
    return this.#scratch.subarray(0, chunk.length);
  }

  keepCopy(): void {
    this.#scratch = Buffer.allocUnsafeSlow(SHARED_BYTES);
  }

  takePrivate(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(PRIVATE_BYTES);
  }

  /** Gives a private buffer back. The caller must be sure that no write still reads from it. */
  givePrivate(buffer: Buffer): void {
    if (this.#spare.length < SPARE_BUFFERS) this.#spare.push(buffer);
  }
}
