/** Asking the gateway: JSON over fetch, with the token in a header. */
import type { ApiProblem } from '../../admin/api.ts';

/** What the gateway answered instead; `status` 0 when nobody answered. */
export class ApiError extends Error {
  override readonly name = 'ApiError' as const;
  readonly status: number;
  readonly problem: ApiProblem | undefined;

  constructor(status: number, message: string, problem?: ApiProblem) {
    super(message);
    this.status = status;
    this.problem = problem;
  }
}

/** No answer of ours takes that long, but for a reload and a probe. */
const DEADLINE_MS = 20_000;

export class Api {
  token: string | undefined;
  /** A token was refused, rather than none given. */
  tried = false;
  /** Told when the token is missing or wrong. */
  readonly #refused: () => void;

  constructor(token: string | undefined, refused: () => void) {
    this.token = token;
    this.#refused = refused;
  }

  get<Answer>(path: string, signal?: AbortSignal): Promise<Answer> {
    return this.#ask<Answer>(path, { method: 'GET', signal: signal ?? null });
  }

  post<Answer>(path: string, body?: unknown): Promise<Answer> {
    return this.#ask<Answer>(path, withBody('POST', body));
  }

  delete<Answer>(path: string): Promise<Answer> {
    return this.#ask<Answer>(path, { method: 'DELETE' });
  }

  /** A stream of events, for as long as `signal` lets it. */
  async stream(path: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const response = await this.#fetch(path, { signal, headers: { accept: 'text/event-stream' } });
    return response.body!;
  }

  async #ask<Answer>(path: string, init: RequestInit): Promise<Answer> {
    const deadline = AbortSignal.timeout(DEADLINE_MS);
    const signal = init.signal ? AbortSignal.any([init.signal, deadline]) : deadline;
    const response = await this.#fetch(path, { ...init, signal });
    const text = await response.text();
    return (text === '' ? undefined : JSON.parse(text)) as Answer;
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.token) headers.set('authorization', `Bearer ${this.token}`);
    const response = await send(`/api/v1/${path}`, {
      ...init,
      headers,
      cache: 'no-store',
      credentials: 'omit',
    });
    if (response.ok) return response;
    if (response.status === 401) {
      this.tried = this.token !== undefined;
      this.#refused();
    }
    const problem = await readProblem(response);
    throw new ApiError(
      response.status,
      problem?.detail ?? `The gateway answered ${response.status}.`,
      problem,
    );
  }
}

/** For people: what went wrong, as a sentence. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Somebody has called it off; nothing to be said about. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

function withBody(method: string, body: unknown): RequestInit {
  if (body === undefined) return { method };
  return { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
}

async function send(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError(0, 'The gateway does not answer.');
  }
}

async function readProblem(response: Response): Promise<ApiProblem | undefined> {
  try {
    return (await response.json()) as ApiProblem;
  } catch {
    return undefined;
  }
}
