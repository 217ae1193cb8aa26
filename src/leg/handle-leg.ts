/**
 * A leg that drives a handle itself. What `net.Socket` does for everybody, this does for a proxy: no events, no queues of
 * its own, and no object for a write that is done at once, as nearly all are.
 */
import type { Socket } from 'node:net';
import type { Endpoint } from '../connection.ts';
import type { ReadBuffers } from './buffers.ts';
import {
  handles,
  socketOf,
  systemError,
  type Handle,
  type Request,
  type SocketName,
  type TcpHandle,
} from './handle.ts';
import { DEAF, Leg, type Reader, type Traffic } from './leg.ts';
import type { Connect } from './legs.ts';

/** libuv's numbers for the end of a stream, and for a peer that is gone already (-ENOTCONN). */
const EOF = -4095;
const ENOTCONN = -107;
/** From so many bytes that wait for the kernel, who writes more is asked to stop. */
const HIGH_WATER_BYTES = 65_536;

export class HandleLeg extends Leg {
  readonly #handle: Owned;
  #connecting: boolean;
  /** Bytes that wait for the kernel. */
  #waiting = 0;
  #wantsDrain = false;
  /** FIN was asked for; it has gone. */
  #ending = false;
  #finished = false;
  /** The handle is closed, and its reader hears of it next. */
  #destroyed = false;
  #error: NodeJS.ErrnoException | undefined = undefined;
  #traffic: Traffic | undefined = undefined;

  private constructor(handle: Handle, reader: Reader, buffers: ReadBuffers, connecting: boolean) {
    super(reader, buffers, true, true);
    this.#handle = handle as Owned;
    this.#handle.leg = this;
    this.#connecting = connecting;
  }

  /** The client's leg, which has not read yet. */
  static accepted(handle: Handle, buffers: ReadBuffers): HandleLeg {
    handle.setNoDelay?.(true);
    return new HandleLeg(handle, DEAF, buffers, false);
  }

  /** The remote leg: begins a connect. It calls `connected`, or closes with an error. */
  static connect(to: Connect, reader: Reader, buffers: ReadBuffers, connected: () => void): HandleLeg {
    const handle = handles!.createTcp();
    const leg = new HandleLeg(handle, reader, buffers, true);
    leg.#connect(handle, to, connected);
    return leg;
  }

  #connect(handle: TcpHandle, to: Connect, connected: () => void): void {
    const { host, port, localAddress, localPort, family } = to;
    const bound =
      family === 6 ? handle.bind6(localAddress, localPort, 0) : handle.bind(localAddress, localPort);
    if (bound !== 0) return this.#fail(bound, 'bind', `${localAddress}:${localPort}`);
    const request = handles!.createConnect();
    request.what = this;
    request.oncomplete = (status) => {
      if (this.#destroyed) return;
      if (status !== 0) return this.#fail(status, 'connect', `${host}:${port}`);
      this.#connecting = false;
      handle.setNoDelay!(true);
      this.resume();
      connected();
    };
    const begun = family === 6 ? handle.connect6(request, host, port) : handle.connect(request, host, port);
    if (begun !== 0) this.#fail(begun, 'connect', `${host}:${port}`);
  }

  write(bytes: Buffer): boolean {
    if (this.#destroyed) return true;
    const request = takeRequest();
    return this.#wrote(this.#handle.writeBuffer(request, bytes), request, bytes, bytes.length);
  }

  writeAll(pieces: readonly Buffer[]): boolean {
    if (this.#destroyed) return true;
    const request = takeRequest();
    const length = pieces.reduce((sum, { length }) => sum + length, 0);
    return this.#wrote(this.#handle.writev(request, pieces, true), request, pieces, length);
  }

  #wrote(status: number, request: Request, what: unknown, length: number): boolean {
    if (status === 0 && !handles!.state.wroteLater()) return true;
    // It belongs to that write now.
    spare = undefined;
    if (status !== 0) {
      this.#fail(status, 'write');
      return true;
    }
    request.what = what;
    request.oncomplete = (status) => this.#flushed(status, length);
    this.#waiting += length;
    this.#wantsDrain = this.#waiting >= HIGH_WATER_BYTES;
    return !this.#wantsDrain;
  }

  #flushed(status: number, length: number): void {
    this.#waiting -= length;
    if (this.#destroyed) return;
    if (status !== 0) return this.#fail(status, 'write');
    if (this.#waiting > 0 || !this.#wantsDrain) return;
    this.#wantsDrain = false;
    this.reader.drain();
  }

  end(flushed?: () => void): void {
    if (this.#destroyed && flushed !== undefined) process.nextTick(flushed);
    if (this.#ending || this.#destroyed) return;
    this.#ending = true;
    const request = handles!.createShutdown();
    request.what = this;
    request.oncomplete = (): void => {
      this.#finished = true;
      flushed?.();
      this.#closeWhenOver();
    };
    const status = this.#handle.shutdown(request);
    if (status === 1 || status === ENOTCONN) process.nextTick(() => request.oncomplete(0));
    else if (status !== 0) this.#fail(status, 'shutdown');
  }

  /** Both have said all they had to say. */
  #closeWhenOver(): void {
    if (this.ended && this.#finished) this.destroy();
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#leave();
    this.#handle.close();
  }

  reset(): void {
    if (this.#destroyed) return;
    this.#leave();
    // With a FIN under way libuv refuses to; and a handle whose reset was refused cannot be closed any more.
    if (this.#handle.reset === undefined || (this.#ending && !this.#finished)) this.#handle.close();
    else this.#handle.reset();
  }

  #leave(): void {
    this.#traffic = this.traffic;
    this.#destroyed = true;
    // Most tunnels end like that: their relay is over, and wants to hear nothing.
    if (this.reader === DEAF) this.close();
    else process.nextTick(gone, this);
  }

  #fail(status: number, syscall: string, where?: string): void {
    if (this.#destroyed) return;
    this.#error = systemError(status, syscall, where);
    this.destroy();
  }

  get pending(): boolean {
    return this.#waiting > 0;
  }

  get traffic(): Traffic {
    return this.#traffic ?? { read: this.#handle.bytesRead, written: this.#handle.bytesWritten };
  }

  get peer(): Endpoint | undefined {
    return nameOf((out) => this.#handle.getpeername?.(out));
  }

  get local(): Endpoint | undefined {
    return nameOf((out) => this.#handle.getsockname?.(out));
  }

  keepAlive(afterMs: number): void {
    if (!this.#destroyed) this.#handle.setKeepAlive?.(true, Math.ceil(afterMs / 1000));
  }

  /** Only before its first read: what it has given the kernel to read into cannot be taken back. */
  surrender(): Socket {
    this.#destroyed = true;
    return socketOf(this.#handle);
  }

  protected startReading(): void {
    if (this.#destroyed || this.#connecting) return;
    if (this.#handle.onread !== heard) {
      this.#handle.useUserBuffer(this.buffer);
      this.#handle.onread = heard;
    }
    const status = this.#handle.readStart();
    if (status !== 0) this.#fail(status, 'read');
  }

  protected stopReading(): void {
    if (!this.#destroyed) this.#handle.readStop();
  }

  protected useBuffer(): void {
    if (!this.#destroyed) this.#handle.useUserBuffer(this.buffer);
  }

  /** For {@link heard}. @returns the buffer of the next read, if it is another one. */
  read(length: number): Buffer | undefined {
    if (length <= 0) {
      if (length === EOF) this.#readEnd();
      else if (length < 0) this.#fail(length, 'read');
      return undefined;
    }
    const { buffer } = this;
    const go = this.hear(buffer.subarray(0, length), buffer === this.buffers.shared);
    if (!go) this.stopReading();
    return this.buffer === buffer ? undefined : this.buffer;
  }

  #readEnd(): void {
    this.ended = true;
    this.reader.end();
    this.#closeWhenOver();
  }

  /** For {@link gone}. */
  over(): void {
    this.close();
    this.reader.gone(this.#error);
  }
}

/** A write that is done at once leaves its request as it was: one serves all of them. */
let spare: Request | undefined;

function takeRequest(): Request {
  spare ??= handles!.createWrite();
  return spare;
}

/** A handle, and whose it is. */
interface Owned extends Handle {
  leg: HandleLeg;
}

function heard(this: Handle): Buffer | undefined {
  const { leg } = this as Owned;
  return leg.read(handles!.state.read());
}

function gone(leg: HandleLeg): void {
  leg.over();
}

function nameOf(ask: (out: Partial<SocketName>) => number | undefined): Endpoint | undefined {
  const out: Partial<SocketName> = {};
  if (ask(out) !== 0) return undefined;
  return { address: out.address!, port: out.port! };
}
