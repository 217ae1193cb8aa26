/**
 * The kernel's sockets as libuv has them: what `net.Socket` is built on, without the streams around it.
 *
 * None of this is documented API. It is looked for once, and where any of it is missing {@link handles} is undefined and
 * sockets are used instead. This file alone knows that it comes from Node's inside.
 */
import { Socket, type Server } from 'node:net';
import { getSystemErrorName } from 'node:util';

/** A connection. All numbers it returns are 0, or a negative error number. */
export interface Handle {
  /** Called with each read: {@link StreamState} says what came of it. @returns a buffer for the next one, or undefined. */
  onread: (this: Handle) => Buffer | undefined;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
  readStop(): number;
  writeBuffer(request: Request, bytes: Uint8Array): number;
  /** @param allBuffers The pieces are all buffers. */
  writev(request: Request, pieces: readonly Uint8Array[], allBuffers: true): number;
  /** @returns 1 as well: it is done already. */
  shutdown(request: Request): number;
  close(): void;
  // What socket files have not.
  reset?(): number;
  getpeername?(out: Partial<SocketName>): number;
  getsockname?(out: Partial<SocketName>): number;
  setNoDelay?(on: boolean): number;
  setKeepAlive?(on: boolean, afterSeconds: number): number;
}

export interface TcpHandle extends Handle {
  bind(address: string, port: number): number;
  bind6(address: string, port: number, flags: number): number;
  connect(request: Request, address: string, port: number): number;
  connect6(request: Request, address: string, port: number): number;
}

export interface SocketName {
  readonly address: string;
  readonly port: number;
}

/** Something that ends later. It must not be collected before that, nor what it works on: keep that in `what`. */
export interface Request {
  oncomplete: (this: Request, status: number) => void;
  what: unknown;
}

/** What the last call or callback of this thread was about. */
export interface StreamState {
  /** Of a read: how many bytes, or a negative error number. */
  read(): number;
  /** Whether the last write goes on after the call. */
  wroteLater(): boolean;
}

export interface Handles {
  readonly state: StreamState;
  readonly createTcp: () => TcpHandle;
  readonly createConnect: () => Request;
  readonly createWrite: () => Request;
  readonly createShutdown: () => Request;
}

interface TcpBinding {
  readonly TCP: new (type: number) => TcpHandle;
  readonly TCPConnectWrap: new () => Request;
  readonly constants: { readonly SOCKET: number };
}

interface StreamBinding {
  readonly WriteWrap: new () => Request;
  readonly ShutdownWrap: new () => Request;
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
}

function find(): Handles | undefined {
  try {
    const { binding } = process as unknown as { binding: (name: string) => unknown };
    const { TCP, TCPConnectWrap, constants } = binding('tcp_wrap') as TcpBinding;
    const { WriteWrap, ShutdownWrap, streamBaseState, kReadBytesOrError, kLastWriteWasAsync } = binding(
      'stream_wrap',
    ) as StreamBinding;
    const found: Handles = {
      state: {
        read: () => streamBaseState[kReadBytesOrError]!,
        wroteLater: () => streamBaseState[kLastWriteWasAsync] !== 0,
      },
      createTcp: () => new TCP(constants.SOCKET),
      createConnect: () => new TCPConnectWrap(),
      createWrite: () => new WriteWrap(),
      createShutdown: () => new ShutdownWrap(),
    };
    return isComplete(found, streamBaseState, [kReadBytesOrError, kLastWriteWasAsync]) ? found : undefined;
  } catch {
    return undefined;
  }
}

const METHODS = [
  'useUserBuffer',
  'readStart',
  'readStop',
  'writeBuffer',
  'writev',
  'shutdown',
  'close',
  'reset',
  'getpeername',
  'getsockname',
  'setNoDelay',
  'setKeepAlive',
  'bind',
  'bind6',
  'connect',
  'connect6',
] as const satisfies readonly (keyof TcpHandle)[];

function isComplete(found: Handles, state: unknown, places: readonly unknown[]): boolean {
  const tcp = found.createTcp();
  const complete = METHODS.every((name) => typeof tcp[name] === 'function');
  tcp.close();
  for (const create of [found.createConnect, found.createWrite, found.createShutdown]) create();
  return complete && state instanceof Int32Array && places.every((place) => typeof place === 'number');
}

/** Undefined where this Node does not have them, or not as they are used here. */
export const handles: Handles | undefined = find();

/** Has a server that listens give out the handles of its connections; where it does not work like that, sockets as before. */
export function giveHandles(server: Server, onHandle: (handle: Handle) => void): void {
  const inner = (server as unknown as { _handle?: { onconnection?: unknown } | null })._handle;
  if (typeof inner?.onconnection !== 'function') return;
  inner.onconnection = (status: number, handle: Handle): void => {
    if (status === 0) onHandle(handle);
    else server.emit('error', systemError(status, 'accept'));
  };
}

/** Node's own stream around a handle that nobody has read from; it is paused. */
export function socketOf(handle: Handle): Socket {
  const options: object = { handle, allowHalfOpen: true, pauseOnCreate: true };
  return new Socket(options);
}

/** As Node makes them: with `code` and `syscall`. */
export function systemError(status: number, syscall: string, where?: string): NodeJS.ErrnoException {
  const code = getSystemErrorName(status);
  const error: NodeJS.ErrnoException = new Error(
    `${syscall} ${code}${where === undefined ? '' : ` ${where}`}`,
  );
  return Object.assign(error, { code, errno: status, syscall });
}
