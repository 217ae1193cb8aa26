/** A listening socket, and what to say when it cannot be had. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Endpoint } from './connection.ts';

/** Connections the kernel queues while we are busy. */
const BACKLOG = 4096;

/** Where to listen. Port 0 lets the kernel choose. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export interface Listener {
  /** The address and port really bound. */
  readonly endpoint: Endpoint;
  /** Stops accepting at once; connections that were accepted go on. */
  close(): void;
}

/** Why Gyre could not start, in a sentence for people, and what they can do. */
export class StartError extends Error {
  override readonly name = 'StartError' as const;
  readonly hint: string | undefined;

  constructor(message: string, hint?: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.hint = hint;
  }
}

export interface ListenOptions {
  /** Several threads listen on one port, and the kernel spreads the connections over them. */
  readonly reusePort: boolean;
  readonly onAccept: (socket: Socket) => void;
  /** Accepting failed, for example for want of descriptors; the listener goes on. */
  readonly onError: (error: Error) => void;
}

/** @throws StartError */
export function listen(address: ListenAddress, options: ListenOptions): Promise<Listener> {
  // Paused: not a byte is read before the socket has a leg, and with it an error listener and a deadline.
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, options.onAccept);
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(startError(address, error)));
    server.listen({ ...address, backlog: BACKLOG, reusePort: options.reusePort }, () => {
      server.removeAllListeners('error').on('error', options.onError);
      resolve({ endpoint: endpointOf(server), close: () => void server.close() });
    });
  });
}

/**
 * Binds an address alone for a moment. Two Gyres with `reusePort` would share a port without a word; this finds the
 * other one.
 * @throws StartError
 */
export async function probe(address: ListenAddress): Promise<void> {
  if (address.port === 0) return;
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(startError(address, error)));
    server.listen({ ...address, exclusive: true }, resolve);
  });
  await new Promise((closed) => server.close(closed));
}

function endpointOf(server: Server): Endpoint {
  const { address, port } = server.address() as AddressInfo;
  return { address, port };
}

function startError({ host, port }: ListenAddress, error: NodeJS.ErrnoException): StartError {
  const at = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  switch (error.code) {
    case 'EADDRINUSE':
      return new StartError(
        `cannot listen on ${at}: another program already does`,
        'stop it, or choose another port with --listen',
        error,
      );
    case 'EADDRNOTAVAIL':
      return new StartError(
        `cannot listen on ${at}: ${host} is not an address of this host`,
        'list the addresses of this host with `ip addr`',
        error,
      );
    case 'EACCES':
      return new StartError(
        `cannot listen on ${at}: not permitted`,
        'choose a port from 1024 on, or grant CAP_NET_BIND_SERVICE',
        error,
      );
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new StartError(
        `cannot listen on ${at}: ${host} is not an address and cannot be resolved`,
        undefined,
        error,
      );
    default:
      return new StartError(`cannot listen on ${at}: ${error.message}`, undefined, error);
  }
}
