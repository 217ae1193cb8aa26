/** Streams far longer than any buffer, of which each byte is known by its place: nothing has to be kept to check one. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { Socket } from 'node:net';

export const MIB: number = 1024 ** 2;
/** Random, so that a slip of any length shows; repeated, because making a GiB would measure the generator. */
const BLOCK = randomBytes(4 * MIB);
/** Before each block its number stands, and the stream's: a slip by whole blocks, or to a neighbour, shows as well. */
const COUNTER_BYTES = 8;
const ROUND = COUNTER_BYTES + BLOCK.length;
const MAX_WRITE = MIB;

/** What the stream says from `at` on: at least a byte, at most {@link MAX_WRITE}. */
function wordsAt(stream: number, at: number): Buffer {
  const within = at % ROUND;
  if (within >= COUNTER_BYTES)
    return BLOCK.subarray(within - COUNTER_BYTES, within - COUNTER_BYTES + MAX_WRITE);
  const counter = Buffer.alloc(COUNTER_BYTES);
  counter.writeUInt32BE(stream);
  counter.writeUInt32BE(Math.floor(at / ROUND), 4);
  return counter.subarray(within);
}

/** Compares what is heard with what the stream says there. */
export class Check {
  readonly #stream: number;
  /** Bytes heard. */
  at = 0;

  constructor(stream: number) {
    this.#stream = stream;
  }

  /** @throws Error on the first chunk that is not what was said. */
  hear(chunk: Buffer): void {
    for (let done = 0; done < chunk.length;) {
      const said = wordsAt(this.#stream, this.at);
      const length = Math.min(said.length, chunk.length - done);
      if (chunk.compare(said, 0, length, done, done + length) !== 0)
        throw new Error(`stream ${this.#stream} is not what was sent, at or behind byte ${this.at}`);
      this.at += length;
      done += length;
    }
  }
}

/** Says a stream, no faster than it is taken, and does not end it. `said` hears how far it is after each write. */
export async function say(
  to: Writable,
  stream: number,
  length: number,
  said: (at: number) => void = () => {},
): Promise<void> {
  for (let at = 0; at < length;) {
    const words = wordsAt(stream, at);
    const part = words.subarray(0, length - at);
    at += part.length;
    const room = to.write(part);
    if (!room) await once(to, 'drain');
    said(at);
  }
}

/** A reader that stops after its first {@link MIB}, until it is told to go on. */
export class StoppingReader {
  readonly #socket: Socket;
  readonly #check: Check;
  #stopped = false;
  #released = false;
  readonly #done = Promise.withResolvers<void>();

  /** @param early What was read already. */
  constructor(socket: Socket, stream: number, length: number, early: Buffer) {
    this.#socket = socket;
    this.#check = new Check(stream);
    // Who fails before anybody waits for `done` must still be heard there.
    this.#done.promise.catch(() => {});
    const hear = (chunk: Buffer): void => this.#hear(chunk, length);
    hear(early);
    socket.on('data', hear);
    socket.on('close', () => this.#fail(new Error(`stream ${stream} was cut behind byte ${this.#check.at}`)));
    if (!this.#stopped) socket.resume();
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Goes on. @returns when every byte has come, each the right one. */
  release(): Promise<void> {
    this.#released = true;
    this.#socket.resume();
    return this.#done.promise;
  }

  #hear(chunk: Buffer, length: number): void {
    try {
      this.#check.hear(chunk);
      if (this.#check.at > length) throw new Error(`${this.#check.at - length} bytes too many have come`);
    } catch (error) {
      return this.#fail(error);
    }
    if (this.#check.at >= length) this.#done.resolve();
    if (this.#released || this.#check.at < MIB) return;
    this.#stopped = true;
    this.#socket.pause();
  }

  /** Counts as stopped, so that nobody waits for it in vain. */
  #fail(error: unknown): void {
    this.#done.reject(error);
    this.#stopped = true;
    this.#socket.destroy();
  }
}
