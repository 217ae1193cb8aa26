/** One question by HTTP: a POST with a small answer, a deadline, and nothing that follows from it by itself. */
import * as http from 'node:http';
import * as https from 'node:https';

/** Bytes an answer may have. */
const LONGEST_ANSWER = 64 * 1024;
/** Bytes its head may have. */
const LONGEST_HEAD = 16 * 1024;

export interface Reply {
  readonly status: number;
  readonly body: Buffer;
}

/** Why there is no answer: one sentence without a full stop that shows no secrets, and neither URL nor answer. */
export class PostError extends Error {
  override readonly name = 'PostError' as const;
}

/** Where to post to. Connections are kept, and belong to nobody else. */
export class PostBox {
  readonly #url: URL;
  readonly #timeoutMs: number;
  readonly #module: typeof http | typeof https;
  readonly #agent: http.Agent;

  /**
   * @param url `http:` or `https:`. A user and password in it are sent as Basic authentication (RFC 7617).
   * @param connections At the same time.
   * @throws TypeError for another URL, without showing it.
   */
  constructor(url: string, timeoutMs: number, connections: number) {
    const parsed = URL.parse(url);
    if (parsed === null || !/^https?:$/.test(parsed.protocol))
      throw new TypeError('the URL of the external check is none: write it like https://auth.example/check');
    this.#url = parsed;
    this.#timeoutMs = timeoutMs;
    this.#module = parsed.protocol === 'https:' ? https : http;
    this.#agent = new this.#module.Agent({ keepAlive: true, maxSockets: connections, maxFreeSockets: 16 });
  }

  /** Host and port, which is all of the URL that may be shown. */
  get host(): string {
    return this.#url.host;
  }

  /** @throws PostError */
  async post(body: string): Promise<Reply> {
    const before = performance.now() + this.#timeoutMs;
    try {
      return await this.#send(body, this.#agent, this.#timeoutMs);
    } catch (error) {
      if (!(error instanceof StaleConnection)) throw error;
      // It was being closed over there while it was taken up here: nobody has seen the question.
      return await this.#send(body, false, Math.max(1, before - performance.now()));
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(body: string, agent: http.Agent | false, timeoutMs: number): Promise<Reply> {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const bytes = Buffer.from(body);
    const headers = {
      'content-type': 'application/json',
      'content-length': bytes.length,
      accept: 'application/json',
      'user-agent': 'gyre',
    };
    const request = this.#module.request(this.#url, {
      method: 'POST',
      agent,
      headers,
      maxHeaderSize: LONGEST_HEAD,
    });
    const fail = (error: unknown): void => {
      reject(inWords(error, request.reusedSocket));
      request.destroy();
    };
    const limit = `it did not answer in full within ${this.#timeoutMs / 1000} s`;
    const timer = setTimeout(() => fail(new PostError(limit)), timeoutMs);
    request.on('error', fail);
    // Otherwise the request would just close, and say nothing.
    request.on('upgrade', (_response, socket) => {
      socket.destroy();
      fail(new PostError('it wants to speak something else than HTTP'));
    });
    request.on('response', (response) => void collect(response).then(resolve, fail));
    request.end(bytes);
    return promise.finally(() => clearTimeout(timer));
  }
}

async function collect(response: http.IncomingMessage): Promise<Reply> {
  const kept: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LONGEST_ANSWER) throw new PostError(`its answer is larger than ${LONGEST_ANSWER / 1024} KiB`);
    kept.push(chunk);
  }
  return { status: response.statusCode ?? 0, body: Buffer.concat(kept) };
}

class StaleConnection extends Error {}

/** What others throw may quote the URL or the answer: only its code is passed on. */
function inWords(error: unknown, reused: boolean): Error {
  if (error instanceof PostError) return error;
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? '';
  if (reused && (code === 'ECONNRESET' || code === 'EPIPE')) return new StaleConnection();
  if (code.startsWith('HPE_')) return new PostError('it does not speak HTTP');
  return new PostError(
    /^[A-Z][A-Z0-9_]{2,60}$/.test(code) ? `it cannot be reached: ${code}` : 'it cannot be reached',
  );
}
