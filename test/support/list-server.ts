/** An HTTP server on loopback whose answers a test changes as it goes, as a server of address lists. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Certificate } from './tls.ts';

export type Answering = (request: IncomingMessage, response: ServerResponse) => void;

export class ListServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #scheme: string;
  /** What came, in its order: method, path, and headers worth looking at. */
  readonly asked: { readonly path: string; readonly headers: IncomingMessage['headers'] }[] = [];
  answering: Answering = (_, response) => response.writeHead(404).end();

  private constructor(certificate: Certificate | undefined) {
    this.#scheme = certificate === undefined ? 'http' : 'https';
    const hear: Answering = (request, response) => {
      this.asked.push({ path: request.url ?? '', headers: request.headers });
      response.on('error', () => {});
      this.answering(request, response);
    };
    this.#server = certificate === undefined ? createServer(hear) : createTlsServer(certificate, hear);
  }

  static async listen(certificate?: Certificate): Promise<ListServer> {
    const server = new ListServer(certificate);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** @param path With its slash. */
  url(path: string, user = ''): string {
    return `${this.#scheme}://${user}127.0.0.1:${this.port}${path}`;
  }

  /** From now on the same text for every question, with an ETag when there is one. */
  serve(body: string | Uint8Array, headers: Record<string, string> = { 'content-type': 'text/plain' }): void {
    this.answering = (request, response) => {
      const { etag } = headers;
      const known = etag !== undefined && request.headers['if-none-match'] === etag;
      response.writeHead(known ? 304 : 200, headers).end(known ? undefined : body);
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }
}
