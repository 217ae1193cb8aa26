/** The body of a request, and its query: read within bounds, and held against their schemas. */
import type { IncomingMessage } from 'node:http';
import type { z } from 'zod';
import type { ReloadProblem } from './api.ts';
import { RequestProblem } from './problem.ts';

/** Bytes. */
const MAX_BODY = 64 * 1024;
/** What is read of a larger one, so that its sender reads the answer instead of meeting a closed connection. */
const MAX_DISCARDED = 1024 * 1024;

const tooLarge = (): RequestProblem =>
  new RequestProblem(413, `the body is larger than ${MAX_BODY / 1024} KiB`, { Connection: 'close' });

/**
 * @returns Undefined when there is no body.
 * @throws RequestProblem 413, 415, or 400 for what is no JSON in UTF-8.
 */
export async function readBody(request: IncomingMessage): Promise<unknown> {
  const { 'content-length': length, 'transfer-encoding': coding, 'content-type': type } = request.headers;
  if (coding === undefined && (length ?? '0') === '0') return undefined;
  if (Number(length ?? 0) > MAX_DISCARDED) throw tooLarge();
  const bytes = await collect(request);
  if (bytes.length === 0) return undefined;
  if (!/^application\/json *(?:;|$)/i.test(type ?? '')) {
    throw new RequestProblem(415, 'a body must be JSON: send Content-Type: application/json');
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new RequestProblem(400, 'the body is not valid JSON in UTF-8');
  }
}

async function collect(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    // Left early, it must not take the connection with it: the answer is still to come.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > MAX_DISCARDED) break;
      if (length <= MAX_BODY) chunks.push(chunk);
    }
  } catch {
    throw new RequestProblem(400, 'the body ended before it was complete', { Connection: 'close' });
  }
  if (length > MAX_BODY) throw tooLarge();
  return Buffer.concat(chunks);
}

/** @throws RequestProblem 400 for a parameter that is there twice. */
export function queryOf(search: string): Record<string, string> {
  const query: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of new URLSearchParams(search)) {
    if (Object.hasOwn(query, name))
      throw wrong('query', [{ where: name, message: 'is there twice', hint: null }]);
    query[name] = value;
  }
  return { ...query };
}

/**
 * @param part What it is, for the error: `query`.
 * @throws RequestProblem 400 that names everything that is wrong.
 */
export function check<T>(part: string, schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.slice(0, 10).map(({ path, message }) => {
    const where = path.length === 0 ? part : path.map(String).join('.');
    return { where: where.slice(0, 80), message: message.slice(0, 200), hint: null };
  });
  throw wrong(part, problems);
}

function wrong(part: string, problems: readonly ReloadProblem[]): RequestProblem {
  const [first] = problems;
  const what =
    first === undefined ? '' : `: ${first.where === part ? '' : `${first.where}: `}${first.message}`;
  return new RequestProblem(400, `the ${part} is wrong${what}`, {}, problems);
}
