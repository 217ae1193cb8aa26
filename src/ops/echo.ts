/**
 * Answers with the caller's address: what a target sees of an egress, so that rotation can be shown on one machine.
 *
 * Meant for loopback only; it is no service for the open network.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Endpoint } from '../connection.ts';
import { unmapped } from './text.ts';

export interface EchoAddress {
  readonly host: string;
  /** 0 lets the kernel choose. */
  readonly port: number;
}

export interface Echo {
  readonly endpoint: Endpoint;
  /** Ends every connection, busy or idle. */
  close(): Promise<void>;
}

// Milliseconds, and bytes of head. Callers are our own proofs: generous enough for a laden machine, closed to dawdlers.
const LIMITS = {
  headersTimeout: 5000,
  requestTimeout: 10_000,
  keepAliveTimeout: 15_000,
  maxHeaderSize: 8192,
};
const TEXT = 'text/plain; charset=utf-8';

/**
 * @param fd A listening socket that is bound there already.
 * @throws the system's error when the address cannot be listened on.
 */
export async function startEcho({ host, port }: EchoAddress, fd?: number): Promise<Echo> {
  const server = createServer(LIMITS, answer);
  // Half a request, or none: whatever it was, it gets no answer.
  server.on('clientError', (_error, socket) => socket.destroy());
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(fd === undefined ? { host, port } : { fd }, resolve);
  await promise;
  server.off('error', reject);
  // Accepting may fail for want of descriptors; the next one may succeed.
  server.on('error', () => {});
  const bound = server.address() as AddressInfo;
  return {
    endpoint: { address: bound.address, port: bound.port },
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  // A body is of no interest, but unread it would hold up the next request of this connection.
  request.resume();
  const address = unmapped(request.socket.remoteAddress ?? '');
  const port = request.socket.remotePort ?? 0;
  if (request.method !== 'GET' && request.method !== 'HEAD') return send(response, 405, TEXT, 'only GET\n');
  const path = request.url?.split('?', 1)[0];
  if (path === '/') send(response, 200, TEXT, `${address}\n`);
  else if (path === '/json')
    send(response, 200, 'application/json', `${JSON.stringify({ address, port })}\n`);
  else send(response, 404, TEXT, 'ask for / or /json\n');
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  const headers = {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
  };
  response.writeHead(status, status === 405 ? { ...headers, Allow: 'GET, HEAD' } : headers).end(body);
}
