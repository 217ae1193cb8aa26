/** A listening socket, and what to say when it cannot be had. */
import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Endpoint } from './connection.ts';

/** Connections the kernel queues while we are busy. */
const BACKLOG = 4096;

/** Where to listen. Port 0 lets the kernel choose. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** A socket in the file system. */
export interface UnixAddress {
  readonly path: string;
  /** Permission bits of the socket file: who may connect. */
  readonly mode: number;
}

/** One listener: where, and what stands before the protocol a client speaks. */
export interface ListenerConfig {
  readonly at: ListenAddress | UnixAddress;
  /** TLS around every protocol; undefined: none. */
  readonly tls: TlsFiles | undefined;
  /**
   * Senders, as addresses and prefixes, whose PROXY header is believed: each connection must come from one of them and
   * begin with a header. Undefined: none is expected.
   */
  readonly proxyProtocol: readonly string[] | undefined;
}

/** What a TLS listener shows and asks for; paths of PEM files. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  /** Clients must show a certificate of these authorities; undefined: none is asked for. */
  readonly clientCa: string | undefined;
  /** `proxy.example`: the server name `s-ID.proxy.example` names the sticky session ID. */
  readonly sessionDomain: string | undefined;
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
export async function listen(at: ListenAddress | UnixAddress, options: ListenOptions): Promise<Listener> {
  // Paused: not a byte is read before the socket has a leg, and with it an error listener and a deadline.
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, options.onAccept);
  if ('path' in at) await bindFile(server, at);
  else await bind(server, at, options.reusePort);
  server.on('error', options.onError);
  const endpoint = 'path' in at ? { address: `unix:${at.path}`, port: 0 } : endpointOf(server);
  return { endpoint, close: () => void server.close() };
}

async function bind(server: Server, address: ListenAddress, reusePort: boolean): Promise<void> {
  await bound(server, () => server.listen({ ...address, backlog: BACKLOG, reusePort })).catch((error) => {
    throw startError(formatAddress(address), address.host, error);
  });
}

async function bindFile(server: Server, { path, mode }: UnixAddress): Promise<void> {
  const listening = (): Promise<void> => bound(server, () => server.listen({ path, backlog: BACKLOG }));
  try {
    await listening().catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE' || !lstatSync(path).isSocket() || (await answers(path))) throw error;
      // Left behind by a program that died.
      unlinkSync(path);
      await listening();
    });
    chmodSync(path, mode);
  } catch (error) {
    throw startError(`unix:${path}`, path, error as NodeJS.ErrnoException);
  }
}

function bound(server: Server, listen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
    listen();
  });
}

/** Whether somebody listens on a socket file. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
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
  await bound(server, () => server.listen({ ...address, exclusive: true })).catch((error) => {
    throw startError(formatAddress(address), address.host, error);
  });
  await new Promise((closed) => server.close(closed));
}

function formatAddress({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function endpointOf(server: Server): Endpoint {
  const { address, port } = server.address() as AddressInfo;
  return { address, port };
}

function startError(at: string, host: string, error: NodeJS.ErrnoException): StartError {
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
