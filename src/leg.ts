/**
 * One leg of a tunnel: a socket, where its reads land, and who gets them.
 *
 * Node's ordinary `'data'` path allocates a 64 KiB slab per read. A leg reads into buffers of our own instead: quiet
 * legs of a thread all share one, so an idle tunnel owns no buffer at all, and a busy leg gets a big private one.
 * On connecting sockets that is the public `onread` option. Accepted sockets have no such option, so {@link adopt}
 * moves their handle into a socket that has it; that uses the undocumented `_handle`, is probed once at start
 * ({@link canAdopt}), and falls back to `'data'` events.
 */
import { Socket, type NetConnectOpts } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Shaper } from './connection.ts';

/** Read size of quiet legs, shared by all of a thread; bytes. */
export const SHARED_BYTES = 65_536;
/** Read size of a busy leg, owned by it; bytes. */
export const PRIVATE_BYTES = 262_144;
/** A busy leg whose reads fall below this goes back to the shared buffer; bytes. */
const QUIET_BYTES = 16_384;
/** How often a half-closed leg inside TLS is looked at; milliseconds. */
const HALF_CLOSED_MS = 500;
/** Private buffers kept for the next busy leg of the thread. */
const SPARE_BUFFERS = 8;

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
  /** The socket is closed; with the error that closed it, if any. Last call. */
  gone(error: NodeJS.ErrnoException | undefined): void;
}

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

/** The parts of libuv's stream handle this file touches; none of them is documented API. */
interface Handle {
  readonly reading: boolean;
  useUserBuffer(buffer: Uint8Array): void;
  /** @returns 0, or a negative error number. */
  getpeername(out: object): number;
}

const handleOf = (socket: Socket): Handle | null | undefined =>
  (socket as unknown as { _handle?: Handle | null })._handle;

/** Whether this Node lets an accepted socket's handle be adopted. Asked once per process, on a socket without a peer. */
export function canAdopt(accepted: Socket): boolean {
  const handle = handleOf(accepted);
  return handle !== null && typeof handle === 'object' && typeof handle.useUserBuffer === 'function';
}

export class Leg {
  readonly socket: Socket;
  readonly buffers: ReadBuffers;
  reader: Reader;
  /** FIN has been received. */
  ended = false;
  /** What was read before anybody could take it; the relay delivers it first. */
  held: Buffer | undefined = undefined;
  /** The socket is closed. */
  closed = false;
  /** Who limits how fast it reads; undefined: nobody. */
  shaper: Shaper | undefined = undefined;
  #buffer: Buffer;
  readonly #byOnread: boolean;
  #paused = false;
  /** A read is being handed over: another buffer may be named for the next one. */
  #hearing = false;
  /** Runs while the shaper has it rest. */
  #rest: NodeJS.Timeout | undefined = undefined;
  #error: NodeJS.ErrnoException | undefined = undefined;

  private constructor(reader: Reader, buffers: ReadBuffers, byOnread: boolean, open: (leg: Leg) => Socket) {
    this.reader = reader;
    this.buffers = buffers;
    this.#byOnread = byOnread;
    this.#buffer = buffers.shared;
    this.socket = open(this);
    // The error listener comes first, and stays: a socket without one takes the process down.
    this.socket.on('error', (error) => (this.#error ??= error));
    this.socket.on('end', () => {
      this.ended = true;
      this.reader.end();
    });
    this.socket.on('drain', () => this.reader.drain());
    this.socket.on('close', () => {
      this.closed = true;
      clearTimeout(this.#rest);
      this.#giveBack();
      this.reader.gone(this.#error);
    });
  }

  /** The client's leg: takes over a socket from a `pauseOnConnect` server, and starts reading. */
  static adopt(accepted: Socket, reader: Reader, buffers: ReadBuffers, byHandle: boolean): Leg {
    return new Leg(reader, buffers, byHandle, (leg) =>
      byHandle ? moveHandle(accepted, leg.#onread()) : listenToData(accepted, leg),
    );
  }

  /** The client's leg inside TLS, which takes no buffers of ours. */
  static secure(tls: TLSSocket, reader: Reader, buffers: ReadBuffers): Leg {
    tls.once('end', () => watchHalfClosed(tls));
    return new Leg(reader, buffers, false, (leg) => listenToData(tls, leg));
  }

  /** The remote leg: begins a connect. The socket will emit `connect`, or close with an error. */
  static connect(options: NetConnectOpts, reader: Reader, buffers: ReadBuffers): Leg {
    return new Leg(reader, buffers, true, (leg) =>
      new Socket({ allowHalfOpen: true, onread: leg.#onread() }).connect(options),
    );
  }

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
    else this.#stop();
    return this;
  }

  /** Goes on reading after {@link Reader.bytes} returned false; costs nothing when it did not. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#rest === undefined) this.socket.resume();
  }

  #stop(): void {
    this.#paused = true;
    this.socket.pause();
  }

  /**
   * Gives the socket away, for TLS to be put around it. Only for a leg that does not read by handle.
   * @param early What was read already, and is not for us.
   */
  surrender(early: Buffer): Socket {
    const { socket } = this;
    this.reader = DEAF;
    socket.removeAllListeners('data').pause();
    if (early.length > 0) socket.unshift(early);
    return socket;
  }

  /** Closes at once, with an RST where there is one: a socket file and TLS have none. */
  reset(): void {
    reset(this.socket);
  }

  /** Whether a write is still waiting for the kernel. */
  get pending(): boolean {
    return this.socket.writableLength > 0;
  }

  /** A read filled the buffer, or came back nearly empty: read with a bigger or the shared one from now on. */
  fit(chunkBytes: number): void {
    // Outside of a read the kernel has been given the shared buffer already. What is to be slowed down is not read in
    // big pieces.
    if (!this.#byOnread || !this.#hearing || this.shaper !== undefined) return;
    if (this.#buffer === this.buffers.shared) {
      if (chunkBytes === SHARED_BYTES) this.#buffer = this.buffers.takePrivate();
    } else if (chunkBytes < QUIET_BYTES) {
      this.#giveBack();
    }
  }

  /** The private buffer now belongs to a pending write: forget it and read into the shared one. */
  handOver(): void {
    this.#buffer = this.buffers.shared;
  }

  /** Gives the private buffer of a leg that fell silent back to the thread. Not while a write reads from it. */
  settle(): void {
    if (this.#buffer === this.buffers.shared) return;
    this.#giveBack();
    handleOf(this.socket)?.useUserBuffer(this.#buffer);
  }

  #giveBack(): void {
    if (this.#buffer === this.buffers.shared) return;
    if (!this.closed) this.buffers.givePrivate(this.#buffer);
    this.#buffer = this.buffers.shared;
  }

  #hear(chunk: Buffer, lent: boolean): boolean {
    const go = this.reader.bytes(chunk, lent);
    if (!go) this.#paused = true;
    return this.shaper === undefined ? go : this.#shape(chunk.length, this.shaper) && go;
  }

  /** @returns false when it has to rest. */
  #shape(bytes: number, shaper: Shaper): boolean {
    const ms = shaper.take(bytes);
    if (ms <= 0) return true;
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => {
      this.#rest = undefined;
      if (!this.#paused) this.socket.resume();
    }, ms);
    return false;
  }

  /** For the `'data'` fallback: chunks are Node's own, and ours to keep. */
  hearOwned(chunk: Buffer): boolean {
    return this.#hear(chunk, false);
  }

  #onread(): OnRead {
    return {
      buffer: () => this.#buffer,
      callback: (bytes) => {
        this.#hearing = true;
        const go = this.#hear(this.#buffer.subarray(0, bytes), this.#buffer === this.buffers.shared);
        this.#hearing = false;
        return go;
      },
    };
  }
}

/** See {@link Leg.reset}. */
export function reset(socket: Socket): void {
  if (socket.destroyed) return;
  try {
    socket.resetAndDestroy();
  } catch {
    // It throws for every handle that is not one of TCP.
    socket.destroy();
  }
}

/**
 * Behind the end of what a peer says, a TLSSocket hears of no reset: writes to it would wait for ever. The kernel knows a
 * connection that was reset by having forgotten its peer (getpeername(2), `ENOTCONN`).
 */
function watchHalfClosed(tls: TLSSocket): void {
  const timer = setInterval(() => {
    if (hasPeer(tls)) return;
    const error: NodeJS.ErrnoException = new Error('the peer has reset the connection');
    tls.destroy(Object.assign(error, { code: 'ECONNRESET' }));
  }, HALF_CLOSED_MS);
  tls.once('close', () => clearInterval(timer));
}

function hasPeer(socket: Socket): boolean {
  const handle = handleOf(socket);
  return typeof handle?.getpeername !== 'function' || handle.getpeername({}) === 0;
}

/** Hears nothing any more. */
const DEAF: Reader = { bytes: () => true, end() {}, drain() {}, gone() {} };

interface OnRead {
  readonly buffer: () => Buffer;
  readonly callback: (bytes: number) => boolean;
}

/** Moves the kernel socket out of `accepted` into a socket that reads by `onread`; `accepted` is left an empty shell. */
function moveHandle(accepted: Socket, onread: OnRead): Socket {
  const handle = handleOf(accepted);
  (accepted as unknown as { _handle: null })._handle = null;
  accepted.destroy();
  return new Socket({ handle, allowHalfOpen: true, onread } as ConstructorParameters<typeof Socket>[0]);
}

/** The fallback: Node's own buffers, one per read. */
function listenToData(accepted: Socket, leg: Leg): Socket {
  accepted.on('data', (chunk: Buffer) => {
    if (!leg.hearOwned(chunk)) accepted.pause();
  });
  return accepted.resume();
}
