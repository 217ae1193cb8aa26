/**
 * One leg of a tunnel: a connection, where its reads land, and who gets them.
 *
 * Node's ordinary `'data'` path allocates a 64 KiB slab per read. A leg reads into buffers of our own instead: quiet
 * legs of a thread all share one, so an idle tunnel owns no buffer at all, and a busy leg gets a big private one.
 *
 * There are two kinds. {@link file://./handle-leg.ts HandleLeg} drives the kernel's socket through libuv's handle, without
 * the streams that Node puts around it: a tunnel then costs half as much to set up. It is not documented API.
 * {@link file://./socket-leg.ts SocketLeg} needs nothing but a `net.Socket`; it is what TLS runs on, and all there is where
 * handles cannot be had.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Endpoint, Shaper } from '../connection.ts';
import { SHARED_BYTES, type ReadBuffers } from './buffers.ts';

/** A busy leg whose reads fall below this goes back to the shared buffer; bytes. */
const QUIET_BYTES = 16_384;

/** Who gets what a leg hears. Exactly one reader at a time; {@link Leg.reader} is swapped from stage to stage. */
export interface Reader {
  /**
   * Bytes arrived. A `lent` chunk stands in the thread's shared buffer: copy what must outlive the call.
   * @returns false to stop reading until {@link Leg.resume}.
   */
  bytes(chunk: Buffer, lent: boolean): boolean;
  /** The peer sent FIN. */
  end(): void;
  /** Everything written has gone to the kernel, after a write that had to wait. */
  drain(): void;
  /** The leg is closed; with the error that closed it, if any. Last call. */
  gone(error: NodeJS.ErrnoException | undefined): void;
}

/** Hears nothing. */
export const DEAF: Reader = { bytes: () => true, end() {}, drain() {}, gone() {} };

export abstract class Leg {
  readonly buffers: ReadBuffers;
  reader: Reader;
  /** FIN has been received. */
  ended = false;
  /** What was read before anybody could take it; the relay delivers it first. */
  held: Buffer | undefined = undefined;
  /** Nothing is heard any more, and nothing can be said. */
  closed = false;
  /** What it runs inside of. */
  readonly tls: TLSSocket | undefined = undefined;
  /** Who limits how fast it reads; undefined: nobody. */
  shaper: Shaper | undefined = undefined;
  /** What the next read lands in. */
  protected buffer: Buffer;
  /** Nobody wants to read. */
  protected paused: boolean;
  /** Whether it reads into buffers of ours. */
  readonly #ownBuffers: boolean;
  /** A read is being handed over: another buffer may be named for the next one. */
  #hearing = false;
  /** Runs while the shaper has it rest. */
  #rest: NodeJS.Timeout | undefined = undefined;

  /** @param ownBuffers Whether it reads into buffers of ours. @param paused Whether it waits for {@link resume} to read. */
  protected constructor(reader: Reader, buffers: ReadBuffers, ownBuffers: boolean, paused: boolean) {
    this.reader = reader;
    this.buffers = buffers;
    this.buffer = buffers.shared;
    this.#ownBuffers = ownBuffers;
    this.paused = paused;
  }

  /**
   * Sends bytes, which must stay as they are while {@link pending}.
   * @returns false when no more should be written before {@link Reader.drain}.
   */
  abstract write(bytes: Buffer): boolean;
  /** Sends several pieces in one go; as {@link write}. */
  abstract writeAll(pieces: readonly Buffer[]): boolean;
  /** Says FIN behind all that was written. @param flushed It is said, or never will be. */
  abstract end(flushed?: () => void): void;
  /** Closes at once; FIN says so to the peer, unless something it sent was not read. */
  abstract destroy(): void;
  /** Closes at once, with an RST where there is one: a socket file and TLS have none. */
  abstract reset(): void;
  /** Whether a write is still waiting for the kernel. */
  abstract get pending(): boolean;
  /** Bytes read and written so far. A leg that is closed may forget what it had not written yet. */
  abstract get traffic(): Traffic;
  /** Whose connection it is; undefined for a socket file, and when the peer is gone already. */
  abstract get peer(): Endpoint | undefined;
  /** Where it was accepted, or what it leaves from. */
  abstract get local(): Endpoint | undefined;
  /** Probes the peer after so long a silence. */
  abstract keepAlive(afterMs: number): void;
  /**
   * Gives the connection away, for TLS to be put around it. Only for a leg that has not read into buffers of ours.
   * @param early What was read already, and is not for us.
   */
  abstract surrender(early?: Buffer): Socket;

  protected abstract startReading(): void;
  protected abstract stopReading(): void;
  /** Makes {@link buffer} what the next read lands in; called outside of a read. */
  protected abstract useBuffer(): void;

  /** From now on `reader` hears, and what was held or has happened first of all. */
  hand(reader: Reader): this {
    const { held } = this;
    this.reader = reader;
    this.held = undefined;
    const go = held === undefined || reader.bytes(held, false);
    // A leg that ended or died meanwhile will not say so again.
    if (this.closed) reader.gone(undefined);
    else if (this.ended) reader.end();
    else if (go) this.resume();
    else this.pause();
    return this;
  }

  /** Goes on reading after {@link Reader.bytes} returned false; costs nothing when it did not. */
  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    if (this.#rest === undefined) this.startReading();
  }

  pause(): void {
    if (this.paused) return;
    this.paused = true;
    this.stopReading();
  }

  /** A read filled the buffer, or came back nearly empty: read with a bigger or the shared one from now on. */
  fit(chunkBytes: number): void {
    // Outside of a read the kernel has been given the shared buffer already. What is to be slowed down is not read in
    // big pieces.
    if (!this.#hearing || !this.#ownBuffers || this.shaper !== undefined) return;
    if (this.buffer === this.buffers.shared) {
      if (chunkBytes === SHARED_BYTES) this.buffer = this.buffers.takePrivate();
    } else if (chunkBytes < QUIET_BYTES) {
      this.#giveBack();
    }
  }

  /** The private buffer now belongs to a pending write: forget it and read into the shared one. */
  handOver(): void {
    this.buffer = this.buffers.shared;
  }

  /** Gives the private buffer of a leg that fell silent back to the thread. Not while a write reads from it. */
  settle(): void {
    if (this.buffer === this.buffers.shared) return;
    this.#giveBack();
    if (!this.closed) this.useBuffer();
  }

  #giveBack(): void {
    if (!this.closed) this.buffers.givePrivate(this.buffer);
    this.buffer = this.buffers.shared;
  }

  /** Bytes have come. @returns whether to go on reading. */
  protected hear(chunk: Buffer, lent: boolean): boolean {
    this.#hearing = true;
    const go = this.reader.bytes(chunk, lent);
    this.#hearing = false;
    if (!go) this.paused = true;
    return this.shaper === undefined ? go : this.#shape(chunk.length, this.shaper) && go;
  }

  /** To be called once, when it is closed: the last thing its reader hears follows. */
  protected close(): void {
    this.closed = true;
    clearTimeout(this.#rest);
    this.buffer = this.buffers.shared;
  }

  /** @returns false when it has to rest. */
  #shape(bytes: number, shaper: Shaper): boolean {
    const ms = shaper.take(bytes);
    if (ms <= 0) return true;
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => {
      this.#rest = undefined;
      if (!this.paused) this.startReading();
    }, ms);
    return false;
  }
}

export interface Traffic {
  readonly read: number;
  readonly written: number;
}
