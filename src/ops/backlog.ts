/**
 * What waits to be written, and the account of what had to be dropped. Pure: no descriptors, no timers.
 *
 * Every line handed in is written once or counted in `dropped` once. Every dropped line is told of by one notice, which
 * stands where the gap is.
 */

/** Bytes being written, and how far they got. */
export interface Chunk {
  readonly bytes: Buffer;
  /** 1 when the first byte only ends a line torn by an earlier failure, else 0. */
  readonly mend: 0 | 1;
  readonly notices: readonly Notice[];
  done: number;
}

/** A line that tells of drops: where it ends, and of how many it tells. */
interface Notice {
  readonly end: number;
  readonly told: number;
}

const NEWLINE = 10;

export class Backlog {
  readonly #maxBytes: number;
  readonly #notice: (lines: number) => string;
  #parts: Buffer[] = [];
  #bytes = 0;
  #notices: Notice[] = [];
  #chunk: Chunk | undefined;
  #dropped = 0;
  #untold = 0;
  #overflowing = false;
  /** The last byte written is not the end of a line. */
  #torn = false;

  /**
   * @param maxBytes What may wait, the chunk being written included.
   * @param notice The line, `\n` included, that tells of so many drops.
   */
  constructor(maxBytes: number, notice: (lines: number) => string) {
    this.#maxBytes = maxBytes;
    this.#notice = notice;
  }

  get dropped(): number {
    return this.#dropped;
  }

  get empty(): boolean {
    return this.#chunk === undefined && this.#parts.length === 0;
  }

  /** The chunk taken and not yet settled. */
  get chunk(): Chunk | undefined {
    return this.#chunk;
  }

  /** Takes as many of the whole lines as there is room for and drops the others. */
  add(lines: string): void {
    const used = this.#bytes + (this.#chunk === undefined ? 0 : this.#chunk.bytes.length - this.#chunk.done);
    // Once lines were dropped, half the room must be free before any is taken: one gap with one notice, not hundreds.
    if (this.#overflowing && used > this.#maxBytes / 2) return this.drop(lines);
    const bytes = Buffer.from(lines);
    const room = this.#maxBytes - used;
    this.#overflowing = bytes.length > room;
    const kept = this.#overflowing ? lastLineEnd(bytes, room) : bytes.length;
    if (kept > 0) this.tell();
    // A part is copied, since a view would keep the whole alive.
    if (kept > 0) this.#enqueue(this.#overflowing ? Buffer.from(bytes.subarray(0, kept)) : bytes);
    this.#count(countLines(bytes, kept));
  }

  drop(lines: string): void {
    this.#count(countLines(lines, 0));
  }

  /** Queues the notice of drops nobody was told of. It is small and rare, and alone is let in above the bound. */
  tell(): void {
    if (this.#untold === 0) return;
    this.#enqueue(Buffer.from(this.#notice(this.#untold)));
    this.#notices.push({ end: this.#bytes, told: this.#untold });
    this.#untold = 0;
  }

  /** Everything that waits, as one chunk; undefined when nothing does. The one before must be settled. */
  take(): Chunk | undefined {
    if (this.#parts.length === 0) return undefined;
    const mend = this.#torn ? 1 : 0;
    if (this.#torn) this.#parts.unshift(Buffer.from('\n'));
    const bytes = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
    this.#chunk = { bytes, mend, notices: this.#notices, done: 0 };
    this.#clear();
    return this.#chunk;
  }

  /** The chunk is over: written to its end, or the rest of it is lost. */
  settle(): void {
    const chunk = this.#chunk;
    if (chunk === undefined) return;
    this.#chunk = undefined;
    if (chunk.done > 0) this.#torn = chunk.bytes[chunk.done - 1] !== NEWLINE;
    const lost = chunk.notices.filter((notice) => chunk.mend + notice.end > chunk.done);
    this.#count(countLines(chunk.bytes, Math.max(chunk.done, chunk.mend)) - lost.length);
    for (const notice of lost) this.#untold += notice.told;
  }

  /** The next chunk goes to another file, which begins with a whole line. */
  startAfresh(): void {
    this.#torn = false;
  }

  /** Drops what waits. */
  abandon(): void {
    this.settle();
    this.take();
    this.settle();
  }

  #enqueue(bytes: Buffer): void {
    this.#parts.push(bytes);
    this.#bytes += bytes.length;
  }

  #clear(): void {
    this.#parts = [];
    this.#notices = [];
    this.#bytes = 0;
  }

  #count(lines: number): void {
    this.#dropped += lines;
    this.#untold += lines;
  }
}

/** Where the last line that ends within the first `room` bytes ends. */
function lastLineEnd(bytes: Buffer, room: number): number {
  return room <= 0 ? 0 : bytes.lastIndexOf(NEWLINE, room - 1) + 1;
}

function countLines(text: Buffer | string, from: number): number {
  let lines = 0;
  for (let at = text.indexOf('\n', from); at !== -1; at = text.indexOf('\n', at + 1)) lines++;
  return lines;
}
