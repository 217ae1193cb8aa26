/**
 * A leg as the stream that Node's HTTP wants.
 *
 * Reading goes past the buffers of `Readable`: who listens to `'data'` gets the chunk where it lies, in the thread's
 * shared read buffer, and Node's parser copies what it keeps. What comes while nobody reads is kept here, and the leg
 * stops. So there is one listener, and nobody calls `read()`.
 */
import { Duplex } from 'node:stream';
import type { Leg, Reader } from '../leg/leg.ts';
import { Inbox } from './inbox.ts';

/** What of a body may wait here, decoded, before the leg stops; bytes. Node's messages take it from their stream. */
const BODY_BYTES = 16_384;

/** How a stream is told that it may write on. */
export type Written = (error?: Error | null) => void;

export class LegStream extends Duplex {
  readonly leg: Leg;
  /** What closed the leg, if it was an error. */
  failure: NodeJS.ErrnoException | undefined = undefined;
  protected readonly inbox: Inbox = new Inbox();
  /** To be called when the socket has room again. */
  #written: Written | undefined = undefined;
  #released = false;
  /** The leg is closed, but what it said before, its FIN included, has not been taken yet. */
  #orphaned = false;

  /** Hears nothing before {@link listen}. */
  constructor(leg: Leg) {
    super({ allowHalfOpen: true, decodeStrings: false, readableHighWaterMark: BODY_BYTES });
    this.leg = leg;
    this.on('error', () => {});
  }

  /** From now on the leg is heard here, and what it held comes first. */
  listen(): this {
    this.leg.hand(new Ear(this));
    return this;
  }

  /** Gives the leg up, with what nobody has taken in `held`. The stream is over, the socket is not. */
  release(): Leg {
    this.#released = true;
    this.leg.held = this.inbox.take();
    this.destroy();
    return this.leg;
  }

  /** Ends it by RST, where the socket knows such a thing: those of TLS and in the file system do not. */
  abort(): void {
    this.leg.reset();
    this.destroy();
  }

  /** Goes on with what waits here, then with the leg. */
  pump(): void {
    while (this.inbox.length > 0 && !this.destroyed) {
      const passed = this.pass(this.inbox.bytes);
      if (passed === 0) break;
      this.inbox.consume(passed);
    }
    if (this.inbox.length === 0) {
      if (this.leg.ended) this.finished();
      else if (this.#orphaned) this.destroy();
    }
    if (this.hungry) this.leg.resume();
  }

  /** Node resumes whenever it may have paused. */
  override resume(): this {
    super.resume();
    if (this.inbox.length > 0 || this.leg.ended) process.nextTick(pump, this);
    return this;
  }

  /** Whether the leg may go on reading. */
  protected get hungry(): boolean {
    return this.inbox.length === 0;
  }

  /** Passes bytes on. @returns how many; those left wait for {@link pump}. */
  protected pass(chunk: Buffer): number {
    if (this.readableFlowing !== true) return 0;
    this.emit('data', chunk);
    return chunk.length;
  }

  /** FIN has come, and everything before it has been passed on. */
  protected finished(): void {
    this.push(null);
  }

  /** For {@link Ear}. */
  heard(chunk: Buffer): boolean {
    if (this.#released) {
      const { held } = this.leg;
      this.leg.held = held === undefined ? Buffer.from(chunk) : Buffer.concat([held, chunk]);
      return false;
    }
    if (this.inbox.length > 0) {
      this.inbox.append(chunk);
      this.pump();
      return this.hungry;
    }
    let at = 0;
    while (at < chunk.length && !this.destroyed) {
      const passed = this.pass(at === 0 ? chunk : chunk.subarray(at));
      if (passed === 0) break;
      at += passed;
    }
    if (at < chunk.length) this.inbox.append(chunk.subarray(at));
    return this.hungry;
  }

  heardEnd(): void {
    if (!this.#released && this.inbox.length === 0) this.finished();
  }

  heardDrain(): void {
    const written = this.#written;
    this.#written = undefined;
    written?.();
  }

  heardGone(error: NodeJS.ErrnoException | undefined): void {
    this.failure = error;
    const ending = this.inbox.length > 0 || (this.leg.ended && !this.readableEnded);
    if (ending && !this.#released) this.#orphaned = true;
    else this.destroy();
  }

  override _read(): void {}

  override _write(chunk: Buffer | string, encoding: BufferEncoding, written: Written): void {
    if (this.leg.write(bytesOf(chunk, encoding))) written();
    else this.#written = written;
  }

  override _writev(chunks: { chunk: Buffer | string; encoding: BufferEncoding }[], written: Written): void {
    if (this.leg.writeAll(chunks.map(({ chunk, encoding }) => bytesOf(chunk, encoding)))) written();
    else this.#written = written;
  }

  override _final(written: Written): void {
    this.leg.end(written);
  }

  override _destroy(error: Error | null, closed: Written): void {
    if (!this.#released) {
      this.inbox.take();
      this.leg.destroy();
    }
    closed(error);
  }
}

const bytesOf = (chunk: Buffer | string, encoding: BufferEncoding): Buffer =>
  typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;

function pump(stream: LegStream): void {
  stream.pump();
}

/** What a leg tells a stream. Not the stream itself, whose `end()` means to say something, not to hear it. */
class Ear implements Reader {
  readonly #stream: LegStream;

  constructor(stream: LegStream) {
    this.#stream = stream;
  }

  bytes(chunk: Buffer): boolean {
    return this.#stream.heard(chunk);
  }

  end(): void {
    this.#stream.heardEnd();
  }

  drain(): void {
    this.#stream.heardDrain();
  }

  gone(error: NodeJS.ErrnoException | undefined): void {
    this.#stream.heardGone(error);
  }
}
