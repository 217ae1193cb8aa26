/** Amazon's instance metadata service, version 2, on loopback: tokens first, and lists of a network card after. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ListServer } from './list-server.ts';

const FOLDER = '/latest/meta-data/network/interfaces/macs/';

/** What the service knows: for a MAC, lists by their name. */
type Cards = Record<string, Record<string, string>>;

export class MetadataServer implements AsyncDisposable {
  readonly #server: ListServer;
  readonly cards: Cards = {};
  #token = '';
  /** Tokens given out. */
  tokens = 0;
  /** Paths that are never answered. */
  silent: RegExp | undefined = undefined;
  /** Status of the answer to every question for a token; 200 gives one. */
  tokenStatus = 200;

  private constructor(server: ListServer) {
    this.#server = server;
    server.answering = (request, response) => this.#answer(request, response);
  }

  static async listen(): Promise<MetadataServer> {
    return new MetadataServer(await ListServer.listen());
  }

  get environment(): NodeJS.ProcessEnv {
    return { AWS_EC2_METADATA_SERVICE_ENDPOINT: this.#server.url('') };
  }

  /** Tokens given out so far are worth nothing any more. */
  expire(): void {
    this.#token = 'expired';
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server[Symbol.asyncDispose]();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '';
    if (this.silent?.test(path)) return;
    if (path === '/latest/api/token') this.#giveToken(request, response);
    else if (request.headers['x-aws-ec2-metadata-token'] !== this.#token) response.writeHead(401).end();
    else this.#giveList(path, response);
  }

  #giveToken({ method, headers }: IncomingMessage, response: ServerResponse): void {
    const seconds = Number(headers['x-aws-ec2-metadata-token-ttl-seconds']);
    const valid = method === 'PUT' && seconds >= 1 && seconds <= 21_600;
    if (!valid) return void response.writeHead(400).end();
    this.tokens++;
    this.#token = `token-${this.tokens}==`;
    response.writeHead(this.tokenStatus).end(this.#token);
  }

  #giveList(path: string, response: ServerResponse): void {
    const [mac = '', list = ''] = path.startsWith(FOLDER) ? path.slice(FOLDER.length).split('/') : [];
    const text = this.cards[mac]?.[list];
    if (text === undefined) response.writeHead(404).end('<html>Not Found</html>');
    else response.writeHead(200, { 'content-type': 'text/plain' }).end(text);
  }
}
