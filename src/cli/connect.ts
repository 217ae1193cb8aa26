/** Connections of commands to a proxy or a target, with words for what goes wrong with them. */
import { once } from 'node:events';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Endpoint } from '../connection.ts';
import { Failure } from './exit.ts';

/** What a command believes of the certificate it is shown. */
export interface TlsTrust {
  /** PEM text of the authorities; undefined: those of the system. */
  readonly ca: string | undefined;
  /** False takes whatever certificate comes. */
  readonly verify: boolean;
}

/** Where to connect; the address `unix:/PATH` is a socket file. */
export interface Destination extends Endpoint {
  /** TLS before anything else; undefined: none. */
  readonly tls?: TlsTrust | undefined;
}

/** The path of a socket file, if the address is one. */
export function unixPath({ address }: Endpoint): string | undefined {
  return address.startsWith('unix:') ? address.slice('unix:'.length) : undefined;
}

/** `the proxy at 127.0.0.1 port 1080`, for sentences. */
export function nameOf(what: string, destination: Endpoint): string {
  const { address, port } = destination;
  return unixPath(destination) === undefined ? `${what} at ${address} port ${port}` : `${what} at ${address}`;
}

/**
 * Connects, with an error listener from birth.
 * @param signal Destroys the socket, at any time: the deadline of everything that is done with it.
 * @throws {Failure} It refuses, shows a certificate that is not trusted, or the signal fires first.
 */
export async function connectTo(
  destination: Destination,
  what: string,
  signal: AbortSignal,
): Promise<Socket> {
  const { address: host, port, tls } = destination;
  const path = unixPath(destination);
  const named = nameOf(what, destination);
  const socket = connectTcp({ ...(path === undefined ? { host, port } : { path }), signal, noDelay: true });
  await established(socket, 'connect', named, signal);
  if (tls === undefined) return socket;
  return await startTls(socket, host, tls, named, signal);
}

/**
 * Begins TLS on a connection that stands.
 * @throws {Failure}
 */
export async function startTls(
  socket: Socket,
  host: string,
  { ca, verify }: TlsTrust,
  named: string,
  signal: AbortSignal,
): Promise<Socket> {
  const servername = isIP(host) === 0 ? { servername: host } : {};
  const trust = { rejectUnauthorized: verify, ...(ca !== undefined && { ca }) };
  const secure = connectTls({ socket, host, ...servername, ...trust });
  await established(secure, 'secureConnect', named, signal);
  return secure;
}

async function established(socket: Socket, event: string, named: string, signal: AbortSignal): Promise<void> {
  // Whoever waits for the socket sees the error; this is for the moments when nobody does.
  socket.on('error', () => {});
  try {
    await once(socket, event, { signal });
  } catch (error) {
    socket.destroy();
    throw event === 'connect'
      ? noConnection(error as NodeJS.ErrnoException, named)
      : noTls(error as NodeJS.ErrnoException, named);
  }
}

/** A failed connection in words. */
export function noConnection(error: NodeJS.ErrnoException, what: string): Failure {
  if (isTooLate(error)) return new Failure(`${what} did not answer in time`);
  switch (error.code ?? '') {
    case 'ECONNREFUSED':
      return new Failure(`${what} is not there: the connection was refused`, 'start it with: gyre serve');
    case 'ENOENT':
      return new Failure(`${what} is not there: there is no such file`, 'start it with: gyre serve');
    case 'EACCES':
      return new Failure(`${what} may not be used by this user`, 'its mode says who may connect');
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new Failure(`the name of ${what} cannot be resolved`);
    case 'ECONNRESET':
      return new Failure(`${what} reset the connection`);
    default:
      return new Failure(`there is no connection to ${what}: ${error.code ?? error.message}`);
  }
}

/** A failed TLS handshake in words. */
export function noTls(error: NodeJS.ErrnoException, what: string): Failure {
  if (isTooLate(error)) return new Failure(`${what} did not answer in time`);
  if (error.code === 'ECONNRESET') return new Failure(`${what} broke off the TLS handshake`);
  // Node adds advice about its own flags, OpenSSL the numbers and places of its code.
  const [reason = ''] = error.message.replace(/^.*:SSL routines:[^:]*:([^:]*):.*$/s, '$1').split(';');
  const distrusted = /^(?:self-signed certificate|unable to )/.test(reason);
  return new Failure(
    `TLS with ${what} failed: ${reason.trim()}`,
    distrusted ? 'name the authority of its certificate: --proxy-cacert FILE for a proxy' : undefined,
  );
}

function isTooLate({ name }: Error): boolean {
  return name === 'AbortError' || name === 'TimeoutError';
}
