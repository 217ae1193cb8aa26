/** A body on its way from one message to another, read as fast as it is written. Runs once a chunk. */
import type { IncomingMessage, OutgoingMessage } from 'node:http';

/** Pieces below this are gathered; bytes. */
const SMALL = 1024;
/** As many are written before the tick is over. */
const MAX_PIECES = 256;

/**
 * @param wanted Whether `to` still takes anything; what it does not is read and forgotten.
 * @param ended All of it has been written.
 */
export function carry(
  from: IncomingMessage,
  to: OutgoingMessage,
  wanted: () => boolean,
  ended: () => void,
): void {
  const gathered = new Gathered((bytes) => !wanted() || to.write(bytes));
  let begun = false;
  from.on('data', (piece: Buffer) => {
    begun = true;
    if (!gathered.add(piece)) from.pause();
  });
  to.on('drain', () => from.resume());
  from.on('end', () => {
    begun = true;
    gathered.flush();
    ended();
  });
  // A head goes out with the first bytes of its body; one that has to wait for them goes alone.
  setImmediate(() => {
    if (!begun && wanted()) to.flushHeaders();
  });
}

/**
 * Small pieces of one tick, written as one. A peer decides how small its chunks are, and each costs objects in every
 * queue it passes: a body in chunks of one byte must not cost hundreds of times its size.
 */
export class Gathered {
  readonly #write: (bytes: Buffer) => boolean;
  #pieces: Buffer[] = [];

  /** @param write Answers false when there is no room for more. */
  constructor(write: (bytes: Buffer) => boolean) {
    this.#write = write;
  }

  /** @returns false when there is no room for more. */
  add(piece: Buffer): boolean {
    if (piece.length >= SMALL) {
      this.flush();
      return this.#write(piece);
    }
    if (this.#pieces.push(piece) === 1) process.nextTick(flush, this);
    return this.#pieces.length < MAX_PIECES || this.flush();
  }

  /** @returns false when there is no room for more. */
  flush(): boolean {
    const pieces = this.#pieces;
    if (pieces.length === 0) return true;
    this.#pieces = [];
    return this.#write(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
  }
}

function flush(gathered: Gathered): void {
  gathered.flush();
}
