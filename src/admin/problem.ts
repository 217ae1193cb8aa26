/** What is wrong with a request, said as RFC 9457 wants it. */
import { STATUS_CODES } from 'node:http';
import type { ApiProblem, ReloadProblem } from './api.ts';
import { ControlError } from './control.ts';

export const PROBLEM_TYPE = 'application/problem+json';

/** A request that is not served; thrown anywhere on its way. */
export class RequestProblem extends Error {
  override readonly name = 'RequestProblem' as const;
  readonly status: number;
  /** Beside those that every answer has. */
  readonly headers: Readonly<Record<string, string>>;
  readonly problems: readonly ReloadProblem[];

  /** @param detail One plain sentence for whoever asked; never a token. */
  constructor(
    status: number,
    detail: string,
    headers: Readonly<Record<string, string>> = {},
    problems: readonly ReloadProblem[] = [],
  ) {
    super(detail);
    this.status = status;
    this.headers = headers;
    this.problems = problems;
  }

  toJSON(): ApiProblem {
    const { status, message, problems } = this;
    return {
      type: 'about:blank',
      title: STATUS_CODES[status] ?? 'Error',
      status,
      detail: message,
      ...(problems.length > 0 && { problems }),
    };
  }
}

const STATUS_OF: Readonly<Record<ControlError['kind'], number>> = {
  'not-found': 404,
  conflict: 409,
  invalid: 400,
  unavailable: 503,
};

/** Anything thrown, as what the client is told of it: of what nobody foresaw, nothing but that. */
export function problemOf(thrown: unknown): RequestProblem {
  if (thrown instanceof RequestProblem) return thrown;
  if (thrown instanceof ControlError) return new RequestProblem(STATUS_OF[thrown.kind], thrown.message);
  return new RequestProblem(500, 'something went wrong inside Gyre; its log says what');
}

/** The whole answer as bytes, for a connection on which there is no request to answer; it is the last one there. */
export function rawProblem(problem: RequestProblem): string {
  const body = JSON.stringify(problem);
  const fields = Object.entries({
    ...problem.headers,
    'Content-Type': PROBLEM_TYPE,
    'Content-Length': String(Buffer.byteLength(body)),
    'X-Content-Type-Options': 'nosniff',
    Connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n${fields.join('')}\r\n${body}`;
}
