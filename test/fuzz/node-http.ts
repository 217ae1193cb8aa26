/** What Node's own HTTP parser makes of some bytes, at once: the second reader that must never disagree with ours. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

export interface NodeReading {
  readonly requests: readonly NodeRequest[];
  /** Code of the error that ended it. */
  readonly error: string | undefined;
}

export interface NodeRequest {
  readonly method: string;
  readonly url: string;
  /** Names in lower case and values, as they came. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Its last byte was among these. */
  readonly complete: boolean;
  /** Of its body, without what framed it. */
  readonly bodyLength: number;
}

class Silent extends Duplex {
  override _read(): void {}
  override _write(_chunk: unknown, _encoding: unknown, done: () => void): void {
    done();
  }
}

let server: Server | undefined;
let requests: IncomingMessage[] = [];
let error: string | undefined;

/** With the same settings as where requests are forwarded. */
export function readByNode(bytes: Buffer): NodeReading {
  server ??= buildServer();
  requests = [];
  error = undefined;
  const client = new Silent();
  server.emit('connection', client as unknown as Socket);
  client.emit('data', bytes);
  const reading = { requests: requests.map(readingOf), error };
  client.destroy();
  return reading;
}

function buildServer(): Server {
  const server = createServer({ requireHostHeader: false, maxHeaderSize: 65_536 });
  server.maxHeadersCount = 0;
  for (const event of ['request', 'checkContinue', 'checkExpectation']) {
    server.on(event, (request: IncomingMessage) => requests.push(request));
  }
  server.on('clientError', ({ code }: NodeJS.ErrnoException) => (error = code));
  return server;
}

function readingOf({
  method = '',
  url = '',
  rawHeaders,
  complete,
  readableLength,
}: IncomingMessage): NodeRequest {
  const headers: [string, string][] = [];
  for (let i = 0; i < rawHeaders.length; i += 2)
    headers.push([rawHeaders[i]!.toLowerCase(), rawHeaders[i + 1]!]);
  return { method, url, headers, complete, bodyLength: readableLength };
}
