/** TLS for clients that leave by RST. */
import type { Socket } from 'node:net';
import { duplexPair } from 'node:stream';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';

/**
 * TLS over a connection that stays a socket of its own. Put around it directly, TLS takes its handle over: a reset would
 * leave that handle open, and Node waits for it for ever at its end.
 */
export function tlsOver(tcp: Socket, options: ConnectionOptions): TLSSocket {
  const [near, far] = duplexPair();
  for (const end of [near, far]) end.on('error', () => {});
  tcp.pipe(far).pipe(tcp);
  tcp.on('close', () => far.destroy());
  return connect({ ...options, socket: near });
}
