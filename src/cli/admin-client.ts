/** The admin API of a running gateway, as commands ask it: with deadlines, and with words for what goes wrong. */
import {
  request as requestHttp,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Command } from 'commander';
import type { ApiProblem, Events, Page, Status } from '../admin/api.ts';
import { humanText, jsonValue } from '../ops/text.ts';
import { eventsOf, type ServerEvent } from './admin-events.ts';
import { DEFAULT_ADMIN, findAdmin, type AdminFlags, type AdminPlace } from './admin-place.ts';
import { notGyre, silent, unauthorized, unreachable } from './admin-words.ts';
import { Failure } from './exit.ts';
import { complain, plural, say } from './terminal.ts';
import { VERSION } from '../version.ts';

export type { AdminFlags } from './admin-place.ts';

export type Query = Readonly<Record<string, string | number | undefined>>;

interface Question {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly query?: Query;
  readonly body?: unknown;
  /** Milliseconds for the whole answer. @default 10 s */
  readonly deadlineMs?: number;
  /** Statuses whose body is an answer too. */
  readonly accept?: readonly number[];
}

interface Deadline {
  readonly signal: AbortSignal;
  /** How long it is, for the sentence that says it is over. */
  readonly ms: number;
}

interface Answer {
  readonly status: number;
  readonly json: unknown;
}

const DEADLINE_MS = 10_000;
/** Beside events there is a comment every 15 seconds: who says nothing for longer is gone. */
const SILENCE_MS = 40_000;
const LARGEST_ANSWER = 256 * 1024 * 1024;
/** The most items the API gives at once. */
const PAGE = 1000;

/** Adds what every command takes that talks to a running gateway. */
export function addAdmin(command: Command): Command {
  return command
    .option(
      '--admin <address>',
      `the admin listener: ADDR:PORT, unix:/PATH or a URL (default: GYRE_ADMIN, the configuration, or ${DEFAULT_ADMIN})`,
    )
    .option(
      '--token-file <file>',
      'a file with the token (default: GYRE_ADMIN_TOKEN, or the file Gyre keeps it in)',
    )
    .option('-c, --config <file>', 'configuration to take both from (default: GYRE_CONFIG, or none)')
    .option('--json', 'print the answer of the admin API as it is');
}

/** @throws {Failure | ConfigError} */
export function adminClient(flags: AdminFlags): AdminClient {
  return new AdminClient(findAdmin(flags));
}

/** One document on standard output. What strangers wrote in it is spelled so that no terminal takes it for a command. */
export function sayJson(answer: unknown): void {
  say(jsonValue(answer));
}

/** Says how many items the limit has kept back. */
export function leftOut({ total, items }: Page<unknown>, one: string, many?: string): void {
  const left = total - items.length;
  if (left > 0)
    complain(`gyre: ${plural(left, `more ${one}`, `more ${many ?? `${one}s`}`)}; see --limit and --filter`);
}

export class AdminClient {
  readonly place: AdminPlace;

  constructor(place: AdminPlace) {
    this.place = place;
  }

  /** @param path Below `/api/v1/`. @throws {Failure} */
  async get<T>(path: string, query: Query = {}): Promise<T> {
    return (await this.ask(path, { query })).json as T;
  }

  /** @throws {Failure} */
  async post<T>(path: string, body?: unknown, deadlineMs: number = DEADLINE_MS): Promise<T> {
    return (await this.ask(path, { method: 'POST', body, deadlineMs })).json as T;
  }

  /** @throws {Failure} */
  async delete(path: string): Promise<void> {
    await this.ask(path, { method: 'DELETE' });
  }

  /** As many items as are wanted, however many pages that takes. @throws {Failure} */
  async pages<P extends Page<unknown>>(path: string, query: Query, limit: number): Promise<P> {
    const ask = (offset: number): Promise<P> =>
      this.get<P>(path, {
        ...query,
        offset: offset || undefined,
        limit: Math.max(1, Math.min(PAGE, limit - offset)),
      });
    const first = await ask(0);
    const items = first.items.slice(0, limit);
    for (let whole = items.length < PAGE; !whole && items.length < Math.min(limit, first.total);) {
      const next = await ask(items.length);
      items.push(...next.items);
      whole = next.items.length === 0;
    }
    return { ...first, items };
  }

  /** @throws {Failure} */
  async ask(path: string, question: Question = {}): Promise<Answer> {
    const { deadlineMs = DEADLINE_MS, accept = [] } = question;
    const deadline = { signal: AbortSignal.timeout(deadlineMs), ms: deadlineMs };
    const response = await this.#send(path, question, deadline);
    const [status, text] = [response.statusCode ?? 0, await this.#read(response, deadline)];
    const type = response.headers['content-type'] ?? '';
    const json = parsed(text, type);
    if ((status >= 200 && status < 300) || accept.includes(status)) {
      if (json === undefined && status !== 204 && text !== '') throw notGyre(this.place.name);
      return { status, json };
    }
    throw await this.#refused(path, status, json);
  }

  /**
   * Live events, from the moment this resolves, until the listener ends them or the signal does.
   * @throws {Failure} They cannot be had; while they are read: the gateway has gone silent.
   */
  async events(
    only: keyof Events,
    signal: AbortSignal,
  ): Promise<AsyncGenerator<ServerEvent, void, undefined>> {
    const quiet = new AbortController();
    // While there is a connection the program stays alive by that.
    const timer = setTimeout(() => quiet.abort(), SILENCE_MS).unref();
    const patience = { signal: quiet.signal, ms: SILENCE_MS };
    const both = { ...patience, signal: AbortSignal.any([quiet.signal, signal]) };
    try {
      const response = await this.#send('events', { query: { only } }, both);
      const { statusCode = 0, headers } = response;
      if (statusCode !== 200) {
        const text = await this.#read(response, patience);
        throw await this.#refused('events', statusCode, parsed(text, headers['content-type'] ?? ''));
      }
      const bytes = eventsOf(response as AsyncIterable<Buffer>, () => timer.refresh());
      return this.#live(bytes, patience, signal);
    } catch (error) {
      clearTimeout(timer);
      throw error;
    }
  }

  async *#live(
    events: AsyncIterable<ServerEvent>,
    patience: Deadline,
    signal: AbortSignal,
  ): AsyncGenerator<ServerEvent, void, undefined> {
    try {
      yield* events;
    } catch (error) {
      if (!signal.aborted) throw this.#explained(error, patience);
    }
  }

  async #send(
    path: string,
    { method = 'GET', query = {}, body }: Question,
    deadline: Deadline,
  ): Promise<IncomingMessage> {
    const { url, socketPath, token } = this.place;
    const target = new URL(`api/v1/${path}`, url);
    for (const [key, value] of Object.entries(query))
      if (value !== undefined && value !== '') target.searchParams.set(key, String(value));
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const options: RequestOptions = {
      method,
      signal: deadline.signal,
      agent: false,
      headers: {
        accept: 'application/json, application/problem+json, text/event-stream',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(bytes !== undefined && { 'content-type': 'application/json', 'content-length': bytes.length }),
      },
      ...(socketPath !== undefined && { socketPath }),
    };
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    try {
      const request: ClientRequest = (target.protocol === 'https:' ? requestHttps : requestHttp)(
        target,
        options,
        resolve,
      );
      request.on('error', reject).end(bytes);
      return await promise;
    } catch (error) {
      throw this.#explained(error, deadline);
    }
  }

  async #read(response: IncomingMessage, deadline: Deadline): Promise<string> {
    const chunks: Buffer[] = [];
    let length = 0;
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        length += chunk.length;
        if (length > LARGEST_ANSWER) throw notGyre(this.place.name);
        chunks.push(chunk);
      }
    } catch (error) {
      throw this.#explained(error, deadline);
    }
    return Buffer.concat(chunks).toString('utf8');
  }

  #explained(error: unknown, { signal, ms }: Deadline): Failure {
    if (error instanceof Failure) return error;
    if (signal.aborted) return silent(this.place.name, ms);
    return unreachable(this.place, error as NodeJS.ErrnoException);
  }

  async #refused(path: string, status: number, json: unknown): Promise<Failure> {
    if (!isProblem(json)) return notGyre(this.place.name);
    if (status === 401) return unauthorized(this.place);
    const detail = humanText(json.detail);
    if (status !== 404 && status !== 405)
      return new Failure(
        detail,
        json.problems?.map(({ where, message }) => humanText(`${where}: ${message}`)).join('; '),
      );
    const version = path === 'status' ? undefined : await this.#version();
    if (version === undefined || version === VERSION) return new Failure(detail);
    return new Failure(
      detail,
      `that Gyre is ${version} and this command ${VERSION}: use the command of its installation`,
    );
  }

  async #version(): Promise<string | undefined> {
    try {
      return humanText((await this.get<Status>('status')).version);
    } catch {
      return undefined;
    }
  }
}

/** @returns Undefined for what is no JSON. */
function parsed(text: string, type: string): unknown {
  if (!/^application\/(?:[\w.-]+\+)?json\b/i.test(type)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isProblem(json: unknown): json is ApiProblem {
  return typeof json === 'object' && json !== null && typeof (json as ApiProblem).detail === 'string';
}
