/** Sends answers, with the fields that every answer has and a bound on what clients have not read yet. */
import type { ServerResponse } from 'node:http';
import type { Reply } from './routes.ts';
import { PROBLEM_TYPE, RequestProblem } from './problem.ts';

/** Bytes of all answers that are on their way. */
const MAX_PENDING = 64 * 1024 * 1024;

/** Nothing is to be guessed, framed or told to others; answers of the API are no pages. */
export const SAFE: Readonly<Record<string, string>> = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'X-Frame-Options': 'DENY',
  'Cross-Origin-Opener-Policy': 'same-origin',
};
const NO_PAGE = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
};

export class Outbox {
  readonly #maxPending: number;
  #pending = 0;

  constructor(maxPending: number = MAX_PENDING) {
    this.#maxPending = maxPending;
  }

  reply(response: ServerResponse, reply: Exclude<Reply, { readonly stream: unknown }>): void {
    if ('text' in reply)
      return this.#send(response, reply.status, reply.text, { 'Content-Type': reply.type });
    if (reply.json === undefined) return this.#send(response, reply.status, '', {});
    const type = { 'Content-Type': 'application/json' };
    this.#send(response, reply.status, JSON.stringify(reply.json), type);
  }

  problem(response: ServerResponse, problem: RequestProblem): void {
    // It may have been met in the middle of an answer.
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const headers = { ...problem.headers, 'Content-Type': PROBLEM_TYPE };
    this.#send(response, problem.status, JSON.stringify(problem), headers);
  }

  /** @param headers Beside those that are set already, and stronger. */
  file(
    response: ServerResponse,
    status: number,
    body: Buffer,
    headers: Readonly<Record<string, string>>,
  ): void {
    this.#send(response, status, body, headers);
  }

  #send(
    response: ServerResponse,
    status: number,
    body: string | Buffer,
    headers: Readonly<Record<string, string>>,
  ): void {
    const length = Buffer.byteLength(body);
    if (this.#pending + length > this.#maxPending) {
      const detail = 'too many answers wait for their readers; come again';
      this.#end(response, 503, JSON.stringify(new RequestProblem(503, detail)), {
        'Content-Type': PROBLEM_TYPE,
        'Retry-After': '5',
      });
      return;
    }
    this.#pending += length;
    response.once('close', () => (this.#pending -= length));
    this.#end(response, status, body, headers);
  }

  #end(
    response: ServerResponse,
    status: number,
    body: string | Buffer,
    headers: Readonly<Record<string, string>>,
  ): void {
    const length = status === 204 || status === 304 ? {} : { 'Content-Length': Buffer.byteLength(body) };
    response.writeHead(status, { ...NO_PAGE, ...length, ...headers }).end(body);
  }
}
