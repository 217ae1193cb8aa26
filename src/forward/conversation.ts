/**
 * One client connection whose requests are forwarded: reads them one by one, has each answered by an {@link Exchange},
 * and knows when it is time to go.
 *
 * Each request is a record of its own. A connection that ends between two requests leaves none.
 */
import { METHODS, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Connection } from '../connection.ts';
import { ProxyError, type FailureCode } from '../errors.ts';
import type { Leg } from '../leg/leg.ts';
import { expectsWhatIsKnown, readRequest, type Body, type ForwardRequest } from '../protocol/http-request.ts';
import { refused, type Head } from '../protocol/http.ts';
import { ClientStream, type Listener } from './client-stream.ts';
import { Deadline } from './deadline.ts';
import { Exchange, type ExchangeContext, type ExchangeTimeouts } from './exchange.ts';
import { Farewell } from './farewell.ts';
import { parse } from './parser.ts';
import { Records } from './records.ts';

/** What a conversation may touch. */
export interface ConversationContext extends ExchangeContext {
  readonly forwards: Set<Forward>;
  readonly nextId: () => string;
  readonly timeouts: ConversationTimeouts;
}

/** Milliseconds. */
export interface ConversationTimeouts extends ExchangeTimeouts {
  /** From the first byte of a request to the end of its head; of the first one, from accept. */
  readonly handshake: number;
  /** Between two requests. */
  readonly keepAlive: number;
}

/** One client connection that forwards; for draining. */
export interface Forward {
  /** Ends it after the request in flight, at once when there is none. */
  drain(): void;
  /** Ends it now. */
  cut(): void;
  /** The request that is read or answered at the moment. */
  readonly current: Connection | undefined;
  /** Ends it now if it serves a request that `chosen` says. @returns whether it does. */
  cutIf(code: FailureCode, chosen: (connection: Connection) => boolean): boolean;
}

/** Missing or wrong credentials answered in a row before the connection is closed. */
const MAX_LOGINS = 3;
const UNKNOWN_EXPECTATION = 'the only expectation known here is 100-continue';

const KNOWN_METHODS: ReadonlySet<string> = new Set(METHODS);

/** What ends a request ends its client's connection, which is where it is looked at. */
const ignore = (): void => {};

export class Conversation implements Forward, Listener {
  readonly #context: ConversationContext;
  readonly #over: (leg: Leg | undefined) => void;
  readonly #client: ClientStream;
  readonly #deadline = new Deadline();
  readonly #records: Records;
  readonly #farewell: Farewell;
  /** Since when a request has been on its way here; on the clock of `performance.now()`. Undefined between two. */
  #begunAt: number | undefined;
  #head: Head | undefined = undefined;
  #wanted: ForwardRequest | undefined = undefined;
  #exchange: Exchange | undefined = undefined;
  /** 407s answered in a row. */
  #logins = 0;
  /** The client has been told that it may stay. */
  #stays = false;
  #draining = false;
  #finished = false;

  /** @param over Called once, with the leg when the client wants a tunnel. */
  constructor(
    first: Connection,
    leg: Leg,
    context: ConversationContext,
    over: (leg: Leg | undefined) => void,
  ) {
    this.#context = context;
    this.#records = new Records(first, context);
    this.#begunAt = first.startedAt;
    this.#over = over;
    this.#client = new ClientStream(leg, this);
    this.#farewell = new Farewell(this.#client, this.#deadline);
  }

  start(): void {
    this.#context.forwards.add(this);
    this.#awaitHead();
    parse(this.#client);
    this.#client.listen();
  }

  began(): void {
    if (this.#begunAt !== undefined) return;
    this.#begunAt = performance.now();
    this.#awaitHead();
  }

  #awaitHead(): void {
    const ms = this.#begunAt! + this.#context.timeouts.handshake - performance.now();
    this.#deadline.set(ms, () => this.broken(new ProxyError('HANDSHAKE_TIMEOUT')));
  }

  asked(head: Head): Body | undefined {
    if (head.method === 'CONNECT') {
      process.nextTick(() => this.#leave());
      return undefined;
    }
    if (!KNOWN_METHODS.has(head.method))
      throw new ProxyError('METHOD_NOT_SUPPORTED', 'the method is not known here');
    const connection = this.#records.open();
    connection.method = head.method;
    this.#head = head;
    this.#wanted = readRequest(head);
    if (!expectsWhatIsKnown(head)) throw new ProxyError('BAD_REQUEST', UNKNOWN_EXPECTATION);
    connection.target = this.#wanted.target;
    connection.handshakeMs = performance.now() - this.#begunAt!;
    return this.#wanted.body;
  }

  request(request: IncomingMessage, answer: ServerResponse): void {
    const asking = {
      connection: this.#records.open(),
      head: this.#head!,
      wanted: this.#wanted!,
      client: this.#client,
      request,
      answer,
      deadline: this.#deadline,
      mayStay: (status: number, delimited: boolean) => this.#mayStay(status, delimited),
      leaves: () => this.#forget(),
    };
    request.on('error', ignore);
    answer.on('error', ignore);
    this.#exchange = new Exchange(asking, this.#context);
    // What has come with the head is passed on first: a body that is here already is not outstanding.
    process.nextTick(() => void this.#serve(this.#exchange!));
  }

  async #serve(exchange: Exchange): Promise<void> {
    const outcome = await exchange.run();
    this.#exchange = undefined;
    this.#records.current = undefined;
    this.#begunAt = undefined;
    if (outcome === 'tunnel' || this.#client.destroyed) this.#finish();
    else if (outcome === 'cut') this.#farewell.abort();
    else if (this.#stays && !this.#draining) this.#next();
    else this.#close();
  }

  #mayStay(status: number, delimited: boolean): boolean {
    this.#logins = status === 407 ? this.#logins + 1 : 0;
    const { keepAlive, upgrade } = this.#wanted!;
    const whole = this.#client.waiting && this.#exchange!.broken === undefined;
    const wants = keepAlive && !upgrade && !this.#draining && this.#logins < MAX_LOGINS;
    this.#stays = delimited && whole && wants;
    return this.#stays;
  }

  #next(): void {
    if (!this.#records.await()) return this.#close();
    this.#deadline.set(this.#context.timeouts.keepAlive, () => this.#close());
    this.#client.next();
  }

  /** What came was no request: nothing behind it can be trusted to be one. */
  broken(error: ProxyError): void {
    if (this.#farewell.said) return;
    if (this.#exchange !== undefined) return this.#exchange.break(error);
    const connection = this.#records.open();
    connection.status = error.message === UNKNOWN_EXPECTATION ? 417 : error.failure.http;
    this.#client.write(refused(error, false, connection.status, connection.method));
    this.#records.close(error);
    this.#begunAt = undefined;
    this.#close();
  }

  ended(): void {
    if (this.#farewell.said) {
      this.#farewell.answered();
    } else if (this.#begunAt === undefined) {
      this.#close();
    } else {
      this.broken(new ProxyError('CLIENT_GONE'));
    }
  }

  gone(): void {
    const { failure } = this.#client;
    const error = new ProxyError(failure === undefined ? 'CLIENT_GONE' : 'CLIENT_RESET', undefined, failure);
    if (this.#exchange !== undefined) return this.#exchange.break(error);
    if (this.#begunAt !== undefined) this.#records.close(error);
    this.#finish();
  }

  drain(): void {
    this.#draining = true;
    if (this.#begunAt === undefined && !this.#farewell.said) this.#close();
  }

  cut(): void {
    if (this.#farewell.said || this.#begunAt === undefined) this.#client.destroy();
    else this.broken(new ProxyError('SHUTTING_DOWN'));
  }

  get current(): Connection | undefined {
    return this.#records.current;
  }

  cutIf(code: FailureCode, chosen: (connection: Connection) => boolean): boolean {
    const { current } = this;
    if (current === undefined || !chosen(current)) return false;
    this.broken(new ProxyError(code));
    return true;
  }

  #close(): void {
    this.#farewell.close(this.#context.timeouts.idle);
  }

  /** The client wants a tunnel: its request is to be read by somebody else. */
  #leave(): void {
    if (this.#client.destroyed) return;
    this.#forget();
    this.#finish(this.#client.release());
  }

  #forget(): void {
    this.#records.end();
    this.#deadline.clear();
    this.#context.forwards.delete(this);
  }

  #finish(leg?: Leg): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#forget();
    this.#over(leg);
  }
}
