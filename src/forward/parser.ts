/**
 * Node's HTTP server as a parser of requests and a writer of responses: it never listens, and serves the client streams
 * it is given. Its own timeouts only run in servers that listen; ours do not depend on them.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ProxyError } from '../errors.ts';
import { MAX_HEAD_BYTES } from '../protocol/http.ts';
import type { ClientStream } from './client-stream.ts';

let server: Server | undefined;

/** Parses what the stream passes on, until it closes; its listener is told. */
export function parse(stream: ClientStream): void {
  server ??= buildServer();
  server.emit('connection', asSocket(stream));
}

function buildServer(): Server {
  const server = createServer({
    insecureHTTPParser: false,
    maxHeaderSize: MAX_HEAD_BYTES,
    // A request without Host has been judged before.
    requireHostHeader: false,
    keepAliveTimeout: 0,
    headersTimeout: 0,
    requestTimeout: 0,
  });
  // Node would drop what exceeds a limit without a word; ours was kept before.
  server.maxHeadersCount = 0;
  for (const event of ['request', 'checkContinue', 'checkExpectation']) server.on(event, onRequest);
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    asClient(socket as Socket).listener.broken(parseError(error));
  });
  return server;
}

function onRequest(request: IncomingMessage, response: ServerResponse): void {
  asClient(request.socket).listener.request(request, response);
}

function parseError({ code }: NodeJS.ErrnoException): ProxyError {
  return code === 'HPE_HEADER_OVERFLOW'
    ? new ProxyError('HEAD_TOO_LARGE', 'the trailers are too long')
    : new ProxyError('BAD_REQUEST');
}

// Node takes any stream for a connection and hands it back as it was; only its types say `Socket`.
const asSocket = (stream: ClientStream): Socket => stream as unknown as Socket;
const asClient = (socket: Socket): ClientStream => socket as unknown as ClientStream;
