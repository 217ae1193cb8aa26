/** Sockets that listen: how they are bound, and what to say when they cannot be. */
import { chmodSync, lstatSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import type { Endpoint } from './connection.ts';

/** Connections the kernel queues while we are busy. */
export const BACKLOG = 4096;

/** What the name ends with that a socket file is bound by, and that the kernel goes on to call it. */
export const BESIDE = '~';

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

/** Why Gyre could not start, in a sentence for people, and what they can do. */
export class StartError extends Error {
  override readonly name = 'StartError' as const;
  readonly hint: string | undefined;

  constructor(message: string, hint?: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.hint = hint;
  }
}

/**
 * Binds a server of any kind; it has no error listener afterwards. A socket file goes when the server closes.
 * @throws StartError
 */
export async function bindServer(
  server: Server,
  at: ListenAddress | UnixAddress,
  reusePort = false,
): Promise<Endpoint> {
  if ('path' in at) {
    await bindFile(server, at);
    const remove = removerOf(at.path);
    server.once('close', () => {
      if (!left.has(at.path)) remove();
    });
  } else await bind(server, at, reusePort);
  return 'path' in at ? { address: `unix:${at.path}`, port: 0 } : endpointOf(server);
}

/** Socket files that another process serves by now. */
const left = new Set<string>();

/** What {@link bindServer} has bound there stays when the server closes. */
export function leaveFile(path: string): void {
  left.add(path);
}

export async function bind(server: Server, address: ListenAddress, reusePort: boolean): Promise<void> {
  await bound(server, () => server.listen({ ...address, backlog: BACKLOG, reusePort })).catch((error) => {
    throw startError(formatAddress(address), address.host, error);
  });
}

/**
 * Binds beside, then moves it there: nobody meets a file whose permissions are not set, and libuv, which removes the file it
 * has bound, removes nothing when another process serves it by then.
 */
export async function bindFile(server: Server, { path, mode }: UnixAddress): Promise<void> {
  const beside = path + BESIDE;
  try {
    // Left behind by a program that died, unless somebody answers.
    if ((await occupied(path)) || (await occupied(beside))) throw inUse(path);
    if (lstatSync(beside, { throwIfNoEntry: false }) !== undefined) unlinkSync(beside);
    await bound(server, () => server.listen({ path: beside, backlog: BACKLOG }));
    chmodSync(beside, mode);
    renameSync(beside, path);
  } catch (error) {
    throw startError(`unix:${path}`, path, error as NodeJS.ErrnoException);
  }
}

/** Whether something is there that is no abandoned socket. */
async function occupied(path: string): Promise<boolean> {
  const file = lstatSync(path, { throwIfNoEntry: false });
  return file !== undefined && (!file.isSocket() || (await answers(path)));
}

function inUse(path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${path} is in use`), { code: 'EADDRINUSE' });
}

/** Removes the file that is there now, but no other that may take its place. */
export function removerOf(path: string): () => void {
  const { dev, ino } = statSync(path);
  return () => {
    const file = lstatSync(path, { throwIfNoEntry: false });
    if (file?.dev === dev && file.ino === ino) unlinkSync(path);
  };
}

export function bound(server: Server, listen: () => void): Promise<void> {
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

export function formatAddress({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export function endpointOf(server: Server): Endpoint {
  const { address, port } = server.address() as AddressInfo;
  return { address, port };
}

export function startError(at: string, host: string, error: NodeJS.ErrnoException): StartError {
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
