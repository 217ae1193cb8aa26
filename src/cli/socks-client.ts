/** The client side of SOCKS5 (RFC 1928, RFC 1929), as small as `gyre prove` and `gyre healthcheck` need it. */
import { isIP, type Socket } from 'node:net';
import type { Credentials, Endpoint } from '../connection.ts';
import { ipBytes } from '../protocol/address.ts';
import { noConnection } from './connect.ts';
import { Failure } from './exit.ts';

const NO_AUTH = 0x00;
const PASSWORD = 0x02;
const REFUSED = 0xff;

/** RFC 1928 §6, in words. */
export const REPLIES: readonly string[] = [
  'succeeded',
  'general failure',
  'not allowed by its rules',
  'network unreachable',
  'host unreachable',
  'connection refused by the target',
  'the target did not answer in time',
  'command not supported',
  'address family not supported, or none of its addresses is of the family of the target',
];

/** The proxy said no to a request. */
export class ProxyRefusal extends Failure {
  /** SOCKS reply or HTTP status. */
  readonly code: number;

  constructor(code: number, message: string, hint?: string) {
    super(message, hint);
    this.code = code;
  }
}

/**
 * The first exchange: which methods are offered, and which one the proxy takes (0xff: none).
 * @throws {Failure} The answer is no SOCKS5.
 */
export async function greet(socket: Socket, methods: readonly number[]): Promise<number> {
  socket.write(Uint8Array.of(5, methods.length, ...methods));
  const [version, method] = await read(socket, 2);
  if (version !== 5)
    throw new Failure('what answers there does not speak SOCKS5', 'is it the port of the proxy?');
  return method!;
}

/**
 * Asks for a tunnel.
 * @throws {ProxyRefusal} With the proxy's own reason.
 * @throws {Failure} Anything else that went wrong.
 */
export async function requestTunnel(
  socket: Socket,
  target: Endpoint,
  credentials: Credentials | undefined,
): Promise<void> {
  const method = await greet(socket, credentials === undefined ? [NO_AUTH] : [NO_AUTH, PASSWORD]);
  if (method === REFUSED) {
    throw credentials === undefined
      ? new Failure('the proxy wants a user name and a password', 'give them with --user NAME:PASSWORD')
      : new Failure('the proxy accepts neither a password nor none');
  }
  if (method === PASSWORD) await authenticate(socket, credentials);
  socket.write(
    Buffer.concat([
      Uint8Array.of(5, 1, 0),
      encodeHost(target.address),
      Uint8Array.of(target.port >> 8, target.port & 255),
    ]),
  );
  const [, reply = 1, , type] = await read(socket, 4);
  if (reply !== 0) {
    throw new ProxyRefusal(
      reply,
      `the proxy answered ${REPLIES[reply] ?? `with the unknown code ${reply}`} (SOCKS reply ${reply})`,
    );
  }
  const length = type === 3 ? (await read(socket, 1))[0]! : type === 4 ? 16 : 4;
  await read(socket, length + 2);
}

async function authenticate(socket: Socket, credentials: Credentials | undefined): Promise<void> {
  if (credentials === undefined) throw new Failure('the proxy took a method that was not offered');
  const [name, password] = [Buffer.from(credentials.name), Buffer.from(credentials.password)];
  socket.write(
    Buffer.concat([Uint8Array.of(1, name.length), name, Uint8Array.of(password.length), password]),
  );
  const [, status] = await read(socket, 2);
  if (status !== 0) throw new Failure('the proxy does not accept this user name and password');
}

function encodeHost(host: string): Uint8Array {
  const bytes = isIP(host) === 0 ? undefined : ipBytes(host);
  if (bytes !== undefined) return Uint8Array.of(bytes.length === 4 ? 1 : 4, ...bytes);
  const name = Buffer.from(host);
  return Uint8Array.of(3, name.length, ...name);
}

/** Exactly so many bytes, and not one more: what follows belongs to the tunnel. */
function read(socket: Socket, count: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  let bytes = Buffer.alloc(0);
  const take = (chunk: Buffer): void => {
    bytes = Buffer.concat([bytes, chunk]);
    if (bytes.length >= count) resolve(bytes.subarray(0, count));
  };
  const end = (): void => reject(cutShort(socket));
  if (socket.readableEnded || socket.destroyed) end();
  socket.on('data', take).on('end', end).on('close', end).resume();
  return promise.finally(() => {
    socket.off('data', take).off('end', end).off('close', end).pause();
    if (bytes.length > count) socket.unshift(bytes.subarray(count));
  });
}

function cutShort({ errored }: Socket): Failure {
  if (errored !== null) return noConnection(errored, 'the proxy');
  return new Failure('the proxy closed the connection in the middle of its answer', 'its log says why');
}
