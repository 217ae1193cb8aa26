/** What an operation of the admin API is, and how a request finds its own. */
import type { ServerResponse } from 'node:http';
import type { z } from 'zod';
import type { Control } from './control.ts';
import type { EventReaders } from './events.ts';
import { RequestProblem } from './problem.ts';
import type { BODIES } from './requests.ts';
import type { AnswerTypes } from './schemas.ts';

export const API: string = '/api/v1';

export type Method = 'GET' | 'POST' | 'DELETE';

/** What operations work with. */
export interface Services {
  readonly control: Control;
  readonly events: EventReaders;
  readonly metrics: () => Promise<string>;
  /** The text of `config/openapi.json`. */
  readonly document: () => string;
}

/** A request whose parts are right. */
export interface Call<Params = unknown, Query = unknown, Body = unknown> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
}

export type Reply =
  | { readonly status: number; readonly json?: unknown }
  | { readonly status: number; readonly text: string; readonly type: string }
  /** Takes the answer over, for as long as it likes. */
  | { readonly stream: (response: ServerResponse) => void };

export interface AnswerDoc {
  readonly description: string;
  /** JSON; without it and without a type there is no body. */
  readonly schema?: keyof AnswerTypes;
  /** Of what is no JSON of ours. */
  readonly type?: string;
}

/** Who may ask: everybody, who may read metrics, or only who knows the token. */
export type Access = 'open' | 'metrics' | 'token';

interface Description {
  readonly id: string;
  readonly summary: string;
  readonly access?: Access;
  readonly body?: { readonly schema: keyof typeof BODIES; readonly optional?: true };
  readonly answers: Readonly<Record<number, AnswerDoc>>;
  /** Problems beside those that any operation may answer with. */
  readonly problems?: readonly number[];
}

/** One row of the table. */
export interface Operation extends Description {
  readonly method: Method;
  /** `/api/v1/pools/{pool}/map` */
  readonly path: string;
  readonly access: Access;
  readonly params?: Readonly<Record<string, z.ZodType>>;
  readonly query?: z.ZodType;
  readonly handle: (call: Call, services: Services) => Reply | Promise<Reply>;
}

interface Definition<Params, Query, Body> extends Description {
  readonly params?: { readonly [Name in keyof Params]: z.ZodType<Params[Name]> };
  readonly query?: z.ZodType<Query>;
  readonly handle: (call: Call<Params, Query, Body>, services: Services) => Reply | Promise<Reply>;
}

/** `operation('GET /status', …)`: the path begins below {@link API}, unless it is open to others than who knows the token. */
export function operation<Params = unknown, Query = unknown, Body = unknown>(
  where: `${Method} /${string}`,
  { access = 'token', ...definition }: Definition<Params, Query, Body>,
): Operation {
  const [method, path] = where.split(' ') as [Method, string];
  // What a handler gets is what its own schemas have let through.
  return {
    ...definition,
    method,
    access,
    path: `${access === 'token' ? API : ''}${path}`,
  } as unknown as Operation;
}

export interface Match {
  readonly operation: Operation;
  /** As they stand in the path, decoded and not yet checked. */
  readonly params: Readonly<Record<string, string>>;
}

/** @throws RequestProblem 404, or 405 with the methods there are. */
export function find(operations: readonly Operation[], method: string, path: string): Match {
  const found = operations.flatMap((operation) => {
    const params = match(operation.path, path);
    return params === undefined ? [] : [{ operation, params }];
  });
  if (found.length === 0) throw new RequestProblem(404, `there is nothing at ${shorten(path)}`);
  const wanted = method === 'HEAD' ? 'GET' : method;
  const match_ = found.find(({ operation }) => operation.method === wanted);
  if (match_ !== undefined) return match_;
  const methods = [...new Set(found.map(({ operation }) => operation.method))];
  const allow = methods.flatMap((one) => (one === 'GET' ? ['GET', 'HEAD'] : [one])).join(', ');
  throw new RequestProblem(405, `${shorten(path)} takes ${allow}`, { Allow: allow });
}

function match(pattern: string, path: string): Record<string, string> | undefined {
  const [wanted, given] = [pattern.split('/'), path.split('/')];
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [i, step] of wanted.entries()) {
    const name = /^\{(\w+)\}$/.exec(step)?.[1];
    if (name === undefined && step !== given[i]) return undefined;
    if (name !== undefined) params[name] = decode(given[i]!);
  }
  return params;
}

/** @throws RequestProblem */
function decode(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    throw new RequestProblem(400, 'the path has a % that begins no UTF-8 character');
  }
}

const shorten = (path: string): string => (path.length <= 80 ? path : `${path.slice(0, 79)}…`);
