/**
 * One request on its way to the target, and the response on its way back.
 *
 * Nothing is kept: each side is read as fast as the other takes it. It ends in one of three ways: the response is out,
 * the two sides have agreed on another protocol, or it fails.
 */
import { request as ask, type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Connection } from '../connection.ts';
import { ProxyError } from '../errors.ts';
import type { ForwardRequest } from '../protocol/http-request.ts';
import { carry } from './carry.ts';
import type { ClientStream } from './client-stream.ts';
import type { Deadline } from './deadline.ts';
import { requestFields, trailerFields } from './fields.ts';
import type { RemoteStream } from './remote-stream.ts';
import { interimHead, replyHead, switchHead, type Interim, type MayStay } from './response-head.ts';

/** The longest head of a response; bytes. */
const MAX_RESPONSE_HEAD_BYTES = 32_768;
/** Interim responses to one request. They are written without waiting for the client. */
const MAX_INTERIM = 32;

/** The two ends, and what stands between them. */
export interface Ends {
  readonly connection: Connection;
  readonly wanted: ForwardRequest;
  readonly client: ClientStream;
  readonly request: IncomingMessage;
  readonly answer: ServerResponse;
  readonly remote: RemoteStream;
  /** What the client is told about the way. */
  readonly proxyStatus: string;
  /** Whether the client may stay for another request behind this answer; to be asked once for each. */
  readonly mayStay: MayStay;
  readonly deadline: Deadline;
  /** Milliseconds. */
  readonly timeouts: { readonly response: number; readonly idle: number };
}

export class Passage {
  readonly #ends: Ends;
  readonly #outcome = Promise.withResolvers<'answered' | 'switched'>();
  #upstream: ClientRequest | undefined = undefined;
  #response: IncomingMessage | undefined = undefined;
  #interim = 0;
  /** The response is complete, though perhaps not out yet. */
  #answered = false;
  #over = false;

  constructor(ends: Ends) {
    this.#ends = ends;
  }

  /**
   * @returns `switched` when the target has switched protocols and the client has been told: both streams are free.
   * @throws ProxyError
   */
  run(): Promise<'answered' | 'switched'> {
    try {
      this.#ask();
    } catch (error) {
      this.fail(ProxyError.from(error));
    }
    return this.#outcome.promise;
  }

  fail(error: ProxyError): void {
    if (this.#over) return;
    this.#over = true;
    this.#outcome.reject(error);
    // RST: what it has of the request must not look as if it were whole.
    this.#ends.remote.abort();
    this.#upstream?.destroy();
  }

  #ask(): void {
    const { wanted, request, remote, deadline, timeouts } = this.#ends;
    const upstream = ask({
      method: wanted.method,
      path: wanted.path,
      headers: requestFields(request.rawHeaders, wanted),
      createConnection: () => remote,
      setDefaultHeaders: false,
      maxHeaderSize: MAX_RESPONSE_HEAD_BYTES,
      insecureHTTPParser: false,
    });
    this.#upstream = upstream;
    // Node would drop what exceeds its own limit without a word.
    upstream.maxHeadersCount = 0;
    upstream.on('error', (error) => this.#lost(error));
    upstream.on('information', (interim) => this.#attempt(() => this.#inform(interim)));
    upstream.on('upgrade', (response, _, early) => this.#attempt(() => this.#switch(response, early)));
    upstream.on('response', (response) => this.#attempt(() => this.#reply(response)));
    if (wanted.body === 0) {
      upstream.end();
      this.#awaitResponse();
    } else {
      this.#sendBody(upstream);
      deadline.stall(timeouts.idle, this.#progress, this.#stalled);
    }
  }

  #sendBody(upstream: ClientRequest): void {
    const { request } = this.#ends;
    // A target may answer before it has heard all, and then hears no more.
    const wanted = (): boolean => !this.#answered && !this.#over;
    carry(request, upstream, wanted, () => {
      if (!wanted()) return;
      if (request.rawTrailers.length > 0) upstream.addTrailers(trailerFields(request.rawTrailers));
      upstream.end();
      if (this.#response === undefined) this.#awaitResponse();
    });
  }

  #awaitResponse(): void {
    const { deadline, timeouts } = this.#ends;
    deadline.set(timeouts.response, () => this.fail(new ProxyError('RESPONSE_TIMEOUT')));
  }

  readonly #progress = (): number => {
    const { read, written } = this.#ends.remote.leg.traffic;
    return read + written;
  };

  readonly #stalled = (): void => {
    this.fail(new ProxyError('IDLE_TIMEOUT', 'no byte was sent either way for too long'));
  };

  /** For what happens when nobody waits for it who could catch. */
  #attempt(step: () => void): void {
    if (this.#over) return;
    try {
      step();
    } catch (error) {
      this.fail(ProxyError.from(error));
    }
  }

  /** 100, 102, 103 and their like: the client hears them as they come, if its version knows of such a thing. */
  #inform(interim: Interim): void {
    const { wanted, client } = this.#ends;
    if (++this.#interim > MAX_INTERIM)
      throw new ProxyError('BAD_RESPONSE', 'the target sends interim responses without end');
    if (wanted.version === '1.1') client.write(interimHead(interim), 'latin1');
  }

  /** The target agrees to go on in another protocol. Only a 101 is taken for that, and only when it was asked for. */
  #switch(response: IncomingMessage, early: Buffer): void {
    const { wanted, client, remote, connection, proxyStatus, deadline, timeouts } = this.#ends;
    if (!wanted.upgrade) throw new ProxyError('BAD_RESPONSE', 'the target switches protocols unasked');
    // A view of the read buffer, which the next read overwrites.
    remote.unread(early);
    const head = switchHead(response, proxyStatus);
    connection.status = 101;
    deadline.set(timeouts.idle, this.#stalled);
    client.write(head, 'latin1', (error) => {
      if (!error) this.#finish('switched');
    });
  }

  #reply(response: IncomingMessage): void {
    const { wanted, answer, connection, proxyStatus, mayStay, deadline, timeouts } = this.#ends;
    this.#response = response;
    const { status, reason, fields } = replyHead(response, wanted, proxyStatus, mayStay);
    // Otherwise Node would chunk for an HTTP/1.0 client that mentions it.
    if (wanted.version === '1.0') answer.removeHeader('transfer-encoding');
    answer.sendDate = false;
    answer.writeHead(status, reason, fields);
    connection.status = status;
    connection.phase = 'relay';
    deadline.stall(timeouts.idle, this.#progress, this.#stalled);
    this.#sendBack(response);
  }

  #sendBack(response: IncomingMessage): void {
    const { answer } = this.#ends;
    const wanted = (): boolean => !this.#over;
    carry(response, answer, wanted, () => {
      this.#answered = true;
      if (response.rawTrailers.length > 0) answer.addTrailers(trailerFields(response.rawTrailers));
      answer.end();
    });
    response.on('error', (error) => this.#lost(error));
    answer.on('finish', () => this.#finish('answered'));
  }

  #finish(outcome: 'answered' | 'switched'): void {
    if (this.#over) return;
    this.#over = true;
    this.#outcome.resolve(outcome);
  }

  /** The target is gone before its response was complete, or what it says is no HTTP. */
  #lost(error: NodeJS.ErrnoException): void {
    // What stands behind a complete response is nobody's answer. Node takes every end for complete where there is no
    // length, but then it has aborted the response before.
    if (this.#answered || (this.#response?.complete === true && !this.#response.destroyed)) return;
    const { failure } = this.#ends.remote;
    if (error.code?.startsWith('HPE_') === true) this.fail(new ProxyError('BAD_RESPONSE', undefined, error));
    else if (failure !== undefined) this.fail(new ProxyError('TARGET_RESET', undefined, failure));
    else
      this.fail(
        new ProxyError('BAD_RESPONSE', 'the target closed the connection before its answer was complete'),
      );
  }
}
