/** A list of addresses behind a URL. */
import type { UrlTerm } from '../expression/term.ts';
import { listReader } from './list.ts';
import {
  collect,
  errorCode,
  MOST_BYTES,
  REFRESH_MS,
  SourceError,
  tooLong,
  type Source,
  type SourceAnswer,
  type SourceOptions,
} from './source.ts';

const LIMIT_MS = 10_000;
const MOST_REDIRECTS = 3;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** The last good answer and the name its server gave it. */
interface Known {
  readonly etag: string;
  readonly answer: SourceAnswer;
}

/**
 * Only `https:` says who answers: over `http:` anyone on the way can put addresses of their own into the pool, so keep it to
 * this host and to networks you trust. A user and password in the URL are sent as Basic authentication (RFC 7617), to the
 * URL's own server and no other. Redirects are followed from `https:` to `https:` only, three at most.
 */
export function urlSource(term: UrlTerm, options: SourceOptions = {}): Source {
  const { limitMs = LIMIT_MS, refreshMs = REFRESH_MS } = options;
  const parse = listReader(term);
  let known: Known | undefined;
  return {
    text: term.text,
    refreshMs: term.refreshMs ?? refreshMs,
    async read(signal) {
      const limit = AbortSignal.timeout(limitMs);
      try {
        const response = await request(term.url, known?.etag, AbortSignal.any([signal, limit]));
        if (response.status === 304) {
          await response.body?.cancel();
          if (known === undefined) throw new SourceError('it says "not modified" to a first question');
          return known.answer;
        }
        const answer = await parse(await textOf(response));
        const etag = response.headers.get('etag');
        known = etag === null ? undefined : { etag, answer };
        return answer;
      } catch (error) {
        if (limit.aborted) throw new SourceError(`it did not answer in full within ${limitMs / 1000} s`);
        throw networkFailure(error);
      }
    },
  };
}

/** Follows redirects by itself: `fetch` would go to any scheme with them. */
async function request(from: string, etag: string | undefined, signal: AbortSignal): Promise<Response> {
  const { url, origin, authorization } = withoutUser(from);
  let at = url;
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const headers = new Headers({ accept: 'text/plain, */*;q=0.1', 'user-agent': 'gyre' });
    if (authorization !== undefined && at.origin === origin) headers.set('authorization', authorization);
    if (etag !== undefined) headers.set('if-none-match', etag);
    const response = await fetch(at, { headers, redirect: 'manual', signal });
    if (!REDIRECTS.has(response.status)) return response;
    await response.body?.cancel();
    at = nextStop(at, response.headers.get('location'));
  }
  throw new SourceError(`it redirects more than ${MOST_REDIRECTS} times`);
}

/** `fetch` refuses a URL with a password in it, and would show it. */
function withoutUser(text: string): { url: URL; origin: string; authorization: string | undefined } {
  const url = new URL(text);
  const { username, password, origin } = url;
  url.username = '';
  url.password = '';
  if (username === '' && password === '') return { url, origin, authorization: undefined };
  const pair = Buffer.from(`${plain(username)}:${plain(password)}`).toString('base64');
  return { url, origin, authorization: `Basic ${pair}` };
}

/** Percent-encoding undone; left as it is where it is none. */
function plain(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function nextStop(from: URL, location: string | null): URL {
  const to = location === null ? null : URL.parse(location, from);
  if (to === null) throw new SourceError('it redirects to nowhere');
  if (from.protocol !== 'https:' || to.protocol !== 'https:') {
    throw new SourceError('it redirects, which is followed from https to https only: write the final URL');
  }
  to.username = '';
  to.password = '';
  return to;
}

async function textOf(response: Response): Promise<Uint8Array> {
  const { status, headers, body } = response;
  const refusal =
    status === 200
      ? refusalOf(headers.get('content-type') ?? '', Number(headers.get('content-length') ?? 0))
      : new SourceError(`it answers with HTTP status ${status}`);
  if (refusal !== undefined) {
    await body?.cancel();
    throw refusal;
  }
  // Leaving the loop early cancels the download.
  const bytes = body === null ? new Uint8Array() : await collect(body as AsyncIterable<Uint8Array>);
  if (beginsMarkup(bytes)) throw html();
  return bytes;
}

function refusalOf(type: string, length: number): SourceError | undefined {
  if (/^\s*(text\/html|application\/xhtml\+xml)\b/i.test(type)) return html();
  return length > MOST_BYTES ? tooLong() : undefined;
}

/** Whether the first byte that is neither white space nor a byte order mark is `<`. */
function beginsMarkup(bytes: Uint8Array): boolean {
  const start = Buffer.from(bytes.subarray(0, 1024)).toString('utf8');
  return start.trimStart().startsWith('<');
}

function html(): SourceError {
  return new SourceError('it answers with a web page instead of a list');
}

/** What `fetch` throws for itself says "fetch failed", or shows the URL or the answer. */
function networkFailure(error: unknown): unknown {
  const code = errorCode(error);
  if (error instanceof SourceError || !(error instanceof TypeError || code !== undefined)) return error;
  return new SourceError(code === undefined ? 'it does not speak HTTP' : `it cannot be reached: ${code}`);
}
