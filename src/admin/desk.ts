/** The way of one request: host, origin, route, token, parameters, body, operation, answer. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { z } from 'zod';
import type { Gate } from './auth.ts';
import { check, queryOf, readBody } from './body.ts';
import type { Control } from './control.ts';
import type { EventReaders } from './events.ts';
import { documentText } from './openapi.ts';
import { bodySchema, OPERATIONS } from './operations.ts';
import { Outbox, SAFE } from './outbox.ts';
import { problemOf, RequestProblem } from './problem.ts';
import { API, find, type Match, type Operation, type Reply, type Services } from './routes.ts';
import { StaticFiles } from './static.ts';

export interface DeskOptions {
  readonly gate: Gate;
  readonly events: EventReaders;
  readonly control: Control;
  readonly metrics: 'open' | 'token';
  readonly report: (error: unknown, request: string) => void;
}

/** Requests that are worked on at the same time; more are told to come again. */
const MOST_AT_WORK = 64;
/** Requests of one connection that have no answer yet: who sends more does not read. */
const MOST_PIPELINED = 8;
/** What no operation takes; milliseconds. */
const LONGEST_MS = 30_000;

export class Desk {
  readonly #options: DeskOptions;
  readonly #services: Services;
  readonly #outbox = new Outbox();
  readonly #files = new StaticFiles();
  readonly #waiting = new WeakMap<Duplex, number>();
  #atWork = 0;
  #metrics: Promise<string> | undefined = undefined;

  constructor(options: DeskOptions) {
    this.#options = options;
    const { control, events } = options;
    this.#services = { control, events, metrics: () => this.#scrape(), document: documentText };
  }

  /** Whether a connection has a request without its whole answer. */
  isBusy(socket: Duplex): boolean {
    return (this.#waiting.get(socket) ?? 0) > 0;
  }

  /** Answers, whatever comes; never rejects. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on('error', () => {});
    response.on('error', () => {});
    if (!this.#takes(request, response)) return;
    for (const [name, value] of Object.entries(SAFE)) response.setHeader(name, value);
    this.#atWork++;
    try {
      await this.#serve(request, response);
    } catch (thrown) {
      const problem = problemOf(thrown);
      if (problem.status === 500) this.#options.report(thrown, `${request.method} ${pathOf(request)}`);
      this.#outbox.problem(response, problem);
    } finally {
      this.#atWork--;
      // Unread, a body would hold up the next request of this connection.
      request.resume();
    }
  }

  #takes({ socket }: IncomingMessage, response: ServerResponse): boolean {
    const waiting = (this.#waiting.get(socket) ?? 0) + 1;
    this.#waiting.set(socket, waiting);
    response.once('close', () => this.#waiting.set(socket, this.#waiting.get(socket)! - 1));
    if (waiting > MOST_PIPELINED) socket.destroy();
    return waiting <= MOST_PIPELINED;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = pathOf(request);
    if (path === undefined)
      throw new RequestProblem(400, 'the target of the request must be a path, such as /api/v1/status');
    // Before everything else: probes come by all kinds of names, and must not wait behind anybody.
    if (!isProbe(path)) this.#admit(request, response);
    if (request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined) {
      return this.#outbox.reply(response, { status: 204 });
    }
    if (this.#files.has(path)) return await this.#files.serve(path, request, response, this.#outbox);
    // Without the token nobody learns what is there.
    if (path.startsWith(`${API}/`)) this.#options.gate.checkToken(request);
    const match = find(OPERATIONS, request.method ?? 'GET', path);
    const reply = await this.#work(match, request);
    if ('stream' in reply) this.#stream(reply, request, response);
    else this.#outbox.reply(response, reply);
  }

  #admit(request: IncomingMessage, response: ServerResponse): void {
    const { gate } = this.#options;
    gate.checkHost(request);
    const origin = gate.checkOrigin(request);
    response.setHeader('Vary', 'Origin');
    if (origin !== undefined) {
      response.setHeader('Access-Control-Allow-Origin', origin);
      response.setHeader('Access-Control-Expose-Headers', 'WWW-Authenticate, Retry-After, Allow');
      response.setHeader('Access-Control-Allow-Methods', 'GET, POST, DELETE');
      response.setHeader('Access-Control-Allow-Headers', 'Authorization, Content-Type');
      response.setHeader('Access-Control-Max-Age', '600');
    }
    if (this.#atWork <= MOST_AT_WORK) return;
    throw new RequestProblem(503, 'too many requests at the same time; come again', { 'Retry-After': '1' });
  }

  async #work({ operation, params }: Match, request: IncomingMessage): Promise<Reply> {
    const { gate, metrics } = this.#options;
    if (operation.access === 'metrics' && metrics === 'token') gate.checkToken(request);
    const call = {
      params: paramsOf(operation, params),
      query: queryFor(operation, request),
      body: await bodyOf(operation, request),
    };
    return await within(LONGEST_MS, operation.handle(call, this.#services));
  }

  /** Who scrapes while another scrape is under way gets the same one. */
  #scrape(): Promise<string> {
    this.#metrics ??= this.#options.control.metrics().finally(() => (this.#metrics = undefined));
    return this.#metrics;
  }

  #stream(
    reply: Extract<Reply, { readonly stream: unknown }>,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    if (request.method === 'HEAD') response.writeHead(200, { 'Content-Type': 'text/event-stream' }).end();
    else reply.stream(response);
  }
}

const NOTHING = z.strictObject({});

/** Without the query; undefined for a target in another form (RFC 9112 §3.2). */
function pathOf({ url = '' }: IncomingMessage): string | undefined {
  return url.startsWith('/') ? url.split('?', 1)[0] : undefined;
}

const isProbe = (path: string): boolean => path === '/livez' || path === '/readyz' || path === '/healthz';

function paramsOf({ params = {} }: Operation, given: Readonly<Record<string, string>>): unknown {
  return check('path', z.strictObject(params), given);
}

function queryFor({ access, query = NOTHING }: Operation, { url = '' }: IncomingMessage): unknown {
  // Who probes and scrapes may add what it likes.
  if (access !== 'token') return undefined;
  const start = url.indexOf('?');
  return check('query', query, queryOf(start === -1 ? '' : url.slice(start + 1)));
}

async function bodyOf(operation: Operation, request: IncomingMessage): Promise<unknown> {
  if (operation.method === 'GET') return undefined;
  const body = await readBody(request);
  const schema = bodySchema(operation);
  if (schema === undefined) return body === undefined ? undefined : check('body', NOTHING, body);
  if (body === undefined && operation.body?.optional === true) return undefined;
  if (body === undefined) throw new RequestProblem(400, 'this takes a body of JSON, and there is none');
  return check('body', schema, body);
}

/** @throws RequestProblem 503 when it takes longer; what comes of it then is nobody's. */
async function within<T>(ms: number, work: T | Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = new RequestProblem(503, `Gyre has not done this within ${ms / 1000} s; it may still do it`);
  const deadline = setTimeout(reject, ms, late).unref();
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(deadline);
  }
}
