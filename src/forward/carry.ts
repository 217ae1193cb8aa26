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
  const gathered = new Gathered((bytes) => {
    if (wanted() && !to.write(bytes)) from.pause();
  });
  let begun = false;
  from.on('data', (piece: Buffer) => {
    begun = true;
    gathered.add(piece);
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
  readonly #write: (bytes: Buffer) => void;
  #pieces: Buffer[] = [];

  constructor(write: (bytes: Buffer) => void) {
    this.#write = write;
  }

  add(piece: Buffer): void {
    if (piece.length >= SMALL) {
      this.flush();
      this.#write(piece);
    } else {
      const count = this.#pieces.push(piece);
      if (count === 1) process.nextTick(flush, this);
      else if (count === MAX_PIECES) this.flush();
    }
  }

  flush(): void {
    const pieces = this.#pieces;
    if (pieces.length === 0) return;
    this.#pieces = [];
    this.#write(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
  }
}

function flush(gathered: Gathered): void {
  gathered.flush();
}
