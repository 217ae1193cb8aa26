/** A leg over Node's `net.Socket`, by documented API only: for TLS, and for where there are no handles. */
import { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Endpoint } from '../connection.ts';
import type { ReadBuffers } from './buffers.ts';
import { DEAF, Leg, type Reader, type Traffic } from './leg.ts';
import type { Connect } from './legs.ts';

/** How often a half-closed leg inside TLS is looked at; milliseconds. */
const HALF_CLOSED_MS = 500;

export class SocketLeg extends Leg {
  readonly #socket: Socket;
  #error: NodeJS.ErrnoException | undefined = undefined;

  private constructor(
    reader: Reader,
    buffers: ReadBuffers,
    ownBuffers: boolean,
    open: (leg: SocketLeg) => Socket,
  ) {
    super(reader, buffers, ownBuffers, !ownBuffers);
    const socket = open(this);
    this.#socket = socket;
    // The error listener comes first, and stays: a socket without one takes the process down.
    socket.on('error', (error) => (this.#error ??= error));
    socket.on('end', () => {
      this.ended = true;
      this.reader.end();
    });
    socket.on('drain', () => this.reader.drain());
    socket.on('close', () => {
      this.close();
      this.reader.gone(this.#error);
    });
  }

  /** The client's leg: a socket from a `pauseOnConnect` server, or one inside TLS. Reads into buffers of Node's. */
  static accepted(accepted: Socket, buffers: ReadBuffers): SocketLeg {
    return new SocketLeg(DEAF, buffers, false, (leg) =>
      accepted.pause().on('data', (chunk: Buffer) => {
        if (!leg.hear(chunk, false)) accepted.pause();
      }),
    );
  }

  /** As {@link accepted}, with a look at whether its peer is still there. */
  static secure(tls: TLSSocket, buffers: ReadBuffers): SocketLeg {
    tls.once('end', () => watchHalfClosed(tls));
    return Object.assign(SocketLeg.accepted(tls, buffers), { tls });
  }

  /** The remote leg: begins a connect. It calls `connected`, or closes with an error. */
  static connect(
    { host, port, localAddress, localPort, family }: Connect,
    reader: Reader,
    buffers: ReadBuffers,
    connected: () => void,
  ): SocketLeg {
    return new SocketLeg(reader, buffers, true, (leg) =>
      new Socket({ allowHalfOpen: true, onread: leg.#onread() })
        .setNoDelay(true)
        .once('connect', connected)
        .connect({ host, port, localAddress, localPort, family }),
    );
  }

  write(bytes: Buffer): boolean {
    return this.#socket.write(bytes);
  }

  writeAll(pieces: readonly Buffer[]): boolean {
    this.#socket.cork();
    for (const bytes of pieces) this.#socket.write(bytes);
    this.#socket.uncork();
    return !this.#socket.writableNeedDrain;
  }

  end(flushed?: () => void): void {
    this.#socket.end(flushed);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  reset(): void {
    if (this.#socket.destroyed) return;
    // With a FIN under way libuv refuses to reset, and leaves the socket open for good.
    if (this.#socket.writableEnded && !this.#socket.writableFinished) return void this.#socket.destroy();
    try {
      this.#socket.resetAndDestroy();
    } catch {
      // It throws for everything that is not TCP.
      this.#socket.destroy();
    }
  }

  get pending(): boolean {
    return this.#socket.writableLength > 0;
  }

  get traffic(): Traffic {
    return { read: this.#socket.bytesRead, written: this.#socket.bytesWritten };
  }

  get peer(): Endpoint | undefined {
    return endpoint(this.#socket.remoteAddress, this.#socket.remotePort);
  }

  get local(): Endpoint | undefined {
    return endpoint(this.#socket.localAddress, this.#socket.localPort);
  }

  keepAlive(afterMs: number): void {
    this.#socket.setKeepAlive(true, afterMs);
  }

  surrender(early?: Buffer): Socket {
    this.reader = DEAF;
    this.#socket.removeAllListeners('data').pause();
    if (early !== undefined && early.length > 0) this.#socket.unshift(early);
    return this.#socket;
  }

  protected startReading(): void {
    this.#socket.resume();
  }

  protected stopReading(): void {
    this.#socket.pause();
  }

  /** The next read asks for it anyway. */
  protected useBuffer(): void {}

  #onread(): OnRead {
    return {
      buffer: () => this.buffer,
      callback: (bytes) => this.hear(this.buffer.subarray(0, bytes), this.buffer === this.buffers.shared),
    };
  }
}

interface OnRead {
  readonly buffer: () => Buffer;
  readonly callback: (bytes: number) => boolean;
}

const endpoint = (address: string | undefined, port: number | undefined): Endpoint | undefined =>
  address === undefined ? undefined : { address, port: port ?? 0 };

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
  const handle = (socket as unknown as { _handle?: { getpeername?: (out: object) => number } | null })
    ._handle;
  return typeof handle?.getpeername !== 'function' || handle.getpeername({}) === 0;
}
