/**
 * A client's leg, cut into requests before Node's parser sees it.
 *
 * One head is passed on when our own strict parser has accepted it, then exactly the body that it announces, then
 * nothing before the answer is out. So requests are served one by one however they arrive, what two parsers would read
 * differently reaches neither of them, and what is pipelined waits as bytes, not as objects.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ProxyError } from '../errors.ts';
import type { Leg } from '../leg/leg.ts';
import { ChunkedEnd } from '../protocol/chunked.ts';
import type { Body } from '../protocol/http-request.ts';
import { MAX_HEAD_BYTES, parseHead, type Head } from '../protocol/http.ts';
import { LegStream } from './leg-stream.ts';

/** What may wait before we stop reading; bytes. */
const EARLY_BYTES = 65_536;
const CR = 0x0d;
const LF = 0x0a;

/** Who is told what a client says. */
export interface Listener {
  /** The first byte of a request has come. */
  began(): void;
  /**
   * A head has come.
   * @returns what body comes behind it; undefined leaves the head unread.
   * @throws ProxyError
   */
  asked(head: Head): Body | undefined;
  /** What was passed on, as Node understands it. */
  request(request: IncomingMessage, answer: ServerResponse): void;
  /** What has come is no HTTP. */
  broken(error: ProxyError): void;
  /** The client has sent FIN, in the middle of a request, between two, or when nobody listens any more. */
  ended(): void;
  /** It is gone altogether. */
  gone(): void;
}

export class ClientStream extends LegStream {
  readonly listener: Listener;
  #stage: 'head' | 'body' | 'waiting' | 'deaf' = 'head';
  /** A request has begun. */
  #begun = false;
  /** Of a head that is not complete: the bytes that have been looked at. */
  #searched = 0;
  /** Of a body: bytes to come, or who finds its end. */
  #rest: number | ChunkedEnd = 0;

  constructor(leg: Leg, listener: Listener) {
    super(leg);
    this.listener = listener;
  }

  /** The whole request has been passed on, and the next one not begun. */
  get waiting(): boolean {
    return this.#stage === 'waiting';
  }

  /** The answer is out: on to the next request. */
  next(): void {
    this.#stage = 'head';
    this.#begun = false;
    this.pump();
  }

  /** From now on what comes is forgotten: unread bytes would turn our FIN into an RST, which can overtake the answer. */
  ignore(): void {
    this.#stage = 'deaf';
    this.inbox.take();
    this.leg.resume();
  }

  protected override get hungry(): boolean {
    return this.inbox.length < EARLY_BYTES;
  }

  protected override pass(chunk: Buffer): number {
    if (this.#stage === 'deaf') return chunk.length;
    if (this.#stage === 'waiting' || this.readableFlowing !== true) return 0;
    try {
      return this.#stage === 'head' ? this.#passHead(chunk) : this.#passBody(chunk);
    } catch (error) {
      this.#stage = 'deaf';
      this.listener.broken(ProxyError.from(error));
      return chunk.length;
    }
  }

  #passHead(chunk: Buffer): number {
    if (!this.#begun) {
      // RFC 9112 §2.2: some clients send an empty line behind a body.
      if (chunk[0] === CR && (chunk.length === 1 || chunk[1] === LF)) return chunk.length === 1 ? 0 : 2;
      this.#begun = true;
      this.listener.began();
    }
    if (!this.#hasNews(chunk)) return 0;
    const parsed = parseHead(chunk);
    if (parsed === undefined) return 0;
    this.#searched = 0;
    return this.#passRequest(parsed.value, chunk.subarray(0, parsed.length));
  }

  /** Whether looking at a head again can be worth it: it is not for each byte of a line. */
  #hasNews(chunk: Buffer): boolean {
    // One byte back: what matters about a CR is what follows it.
    const from = Math.max(0, this.#searched - 1);
    this.#searched = chunk.length;
    return chunk.indexOf(LF, from) !== -1 || chunk.indexOf(CR, from) !== -1 || chunk.length >= MAX_HEAD_BYTES;
  }

  #passRequest(head: Head, bytes: Buffer): number {
    const body = this.listener.asked(head);
    this.#stage = body === undefined || body === 0 ? 'waiting' : 'body';
    if (body === undefined) return 0;
    this.#rest = body === 'chunked' ? new ChunkedEnd() : body;
    this.emit('data', bytes);
    return bytes.length;
  }

  #passBody(chunk: Buffer): number {
    let length: number;
    if (typeof this.#rest === 'number') {
      length = Math.min(this.#rest, chunk.length);
      this.#rest -= length;
      if (this.#rest === 0) this.#stage = 'waiting';
    } else {
      length = this.#rest.skip(chunk);
      if (this.#rest.done) this.#stage = 'waiting';
    }
    this.emit('data', length === chunk.length ? chunk : chunk.subarray(0, length));
    return length;
  }

  override pump(): void {
    super.pump();
    this.#checkEnd();
  }

  override heardEnd(): void {
    this.#checkEnd();
  }

  /** FIN matters when everything before it has been passed on, and more is wanted. */
  #checkEnd(): void {
    if (!this.leg.ended || this.destroyed || this.#stage === 'waiting') return;
    if (this.#stage === 'deaf' || this.readableFlowing === true) this.listener.ended();
  }

  /** Node is not told: to its parser FIN is the end of the connection, answered or not. */
  protected override finished(): void {}

  override heardGone(error: NodeJS.ErrnoException | undefined): void {
    this.failure = error;
    this.destroy();
    this.listener.gone();
  }
}
