/**
 * The way of one forwarded request, top to bottom:
 *
 *   authenticate → authorize → resolve → pick → dial → ask → relay → account
 *
 * Every request goes it anew, on an upstream connection of its own, whatever its client's connection was used for
 * before: who asks, what for and from which address are never carried over from one to the next.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Leg } from '../leg/leg.ts';
import { account } from '../account.ts';
import type { Connection, Observer, Stay } from '../connection.ts';
import type { Interrupt } from '../egress/dial/dial.ts';
import { ProxyError } from '../errors.ts';
import type { Authenticator } from '../policy/auth.ts';
import type { ForwardRequest } from '../protocol/http-request.ts';
import { basicCredentials, proxyStatus, refusal, type Head } from '../protocol/http.ts';
import { relay, type Tunnels } from '../relay.ts';
import { route, type Route, type RouteContext, type RouteTimeouts } from '../route.ts';
import type { ClientStream } from './client-stream.ts';
import type { Deadline } from './deadline.ts';
import { RemoteStream } from './remote-stream.ts';
import type { MayStay } from './response-head.ts';
import { Passage } from './passage.ts';

/** How often the bytes of a long exchange are counted against quotas; milliseconds. */
const METER_MS = 1000;

/** What an exchange may touch. */
export interface ExchangeContext extends RouteContext {
  readonly auth: Authenticator;
  /** @throws ProxyError when a client address has too many unfinished requests. */
  readonly enter: (client: string) => Stay;
  readonly observer: Observer;
  readonly tunnels: Tunnels;
  readonly timeouts: ExchangeTimeouts;
}

/** Milliseconds. */
export interface ExchangeTimeouts extends RouteTimeouts {
  /** Resolving and all connects together. */
  readonly dialHttp: number;
  /** From the complete request to the head of the response. */
  readonly response: number;
  /** Without a byte to or from the target. */
  readonly idle: number;
}

/** The request, and the client it is from. */
export interface Asking {
  readonly connection: Connection;
  readonly head: Head;
  readonly wanted: ForwardRequest;
  readonly client: ClientStream;
  readonly request: IncomingMessage;
  readonly answer: ServerResponse;
  readonly deadline: Deadline;
  /** Whether the client may stay for another request behind this answer; to be asked once for each. */
  readonly mayStay: MayStay;
  /** The client leaves for a tunnel. */
  readonly leaves: () => void;
}

/** What became of a request: answered in full, answered in part, or made a tunnel that is over by now. */
export type Outcome = 'answered' | 'cut' | 'tunnel';

export class Exchange implements Interrupt {
  broken: ProxyError | undefined = undefined;
  onBroken: ((error: ProxyError) => void) | undefined = undefined;
  readonly #asking: Asking;
  readonly #context: ExchangeContext;

  constructor(asking: Asking, context: ExchangeContext) {
    this.#asking = asking;
    this.#context = context;
  }

  /** Never rejects: how it ended is in the record, and the client has been told. */
  async run(): Promise<Outcome> {
    const { connection } = this.#asking;
    let outcome: Outcome;
    let way: Route | undefined;
    try {
      await this.#authenticate();
      const deadline = performance.now() + this.#context.timeouts.dialHttp;
      way = await route(connection, deadline, this, this.#context);
      outcome = await this.#pass(way);
    } catch (thrown) {
      outcome = await this.#refuse(ProxyError.from(thrown));
    }
    way?.release();
    account(connection, this.#context.observer);
    return outcome;
  }

  /** Nobody waits for the outcome any more, or must not. */
  break(error: ProxyError): void {
    if (this.broken !== undefined) return;
    this.broken = error;
    this.onBroken?.(error);
  }

  async #authenticate(): Promise<void> {
    if (this.broken !== undefined) throw this.broken;
    const { connection, head, deadline } = this.#asking;
    const { auth, enter } = this.#context;
    connection.stay ??= enter(connection.client.address);
    const credentials = basicCredentials(head);
    if (credentials !== undefined) {
      const identity = auth.verify(credentials, connection.client.address);
      connection.identity = identity instanceof Promise ? await this.#unlessBroken(identity) : identity;
    }
    if (connection.identity === undefined && (auth.required || credentials !== undefined))
      throw new ProxyError(credentials === undefined ? 'AUTH_REQUIRED' : 'BAD_CREDENTIALS');
    // The handshake is over; the dial has a deadline of its own.
    deadline.clear();
  }

  #unlessBroken<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      answer.then(resolve, reject);
      if (this.broken === undefined) this.onBroken = reject;
      else reject(this.broken);
    });
  }

  async #pass({ remote }: Route): Promise<Outcome> {
    const { connection, client } = this.#asking;
    const { leg } = remote;
    const stream = new RemoteStream(remote.leg);
    client.leg.shaper = connection.stay?.up;
    remote.leg.shaper = connection.stay?.down;
    const meter = setInterval(() => this.#spend(leg), METER_MS);
    let tunnelled = false;
    try {
      if ((await this.#ask(stream, proxyStatus(remote.bound, remote.moved))) === 'switched') {
        tunnelled = true;
        clearInterval(meter);
        await this.#tunnel(stream);
        return 'tunnel';
      }
      // A request that was answered early is still on its way: nobody will read the rest of it.
      if (client.waiting) stream.part();
      else stream.abort();
      return 'answered';
    } catch (error) {
      stream.abort();
      throw error;
    } finally {
      clearInterval(meter);
      client.leg.shaper = undefined;
      if (!tunnelled) this.#spend(leg);
    }
  }

  #spend({ traffic }: Leg): void {
    const { connection } = this.#asking;
    const before = connection.sent + connection.received;
    // A socket that is destroyed forgets what it had not written yet; sums over all connections must never fall.
    connection.sent = Math.max(connection.sent, traffic.written);
    connection.received = Math.max(connection.received, traffic.read);
    const more = connection.sent + connection.received - before;
    this.#context.observer.moved(connection);
    if (connection.stay?.spend(more) === false) this.break(new ProxyError('QUOTA_EXCEEDED'));
  }

  #ask(remote: RemoteStream, proxyStatus: string): Promise<'answered' | 'switched'> {
    if (this.broken !== undefined) throw this.broken;
    // What it says now is for somebody else, or for nobody.
    if (remote.leg.held !== undefined)
      throw new ProxyError('BAD_RESPONSE', 'the target speaks before it is asked');
    this.#context.observer.dialled(this.#asking.connection);
    this.#asking.connection.phase = 'reply';
    const passage = new Passage({ ...this.#asking, remote, proxyStatus, timeouts: this.#context.timeouts });
    this.onBroken = (error) => passage.fail(error);
    const outcome = passage.run();
    remote.listen();
    return outcome;
  }

  /** From here on nobody between the two knows HTTP. */
  async #tunnel(remote: RemoteStream): Promise<void> {
    const { connection, client, leaves } = this.#asking;
    connection.phase = 'relay';
    leaves();
    const { tunnels } = this.#context;
    await new Promise<void>((over) => relay(connection, client.release(), remote.release(), tunnels, over));
  }

  /** Says no, if that can still be said. */
  #refuse(error: ProxyError): Promise<Outcome> | Outcome {
    const { connection, answer, client, deadline, mayStay } = this.#asking;
    connection.failure = error;
    if (client.destroyed || answer.headersSent || connection.status === 101) return 'cut';
    const { status, reason, fields, body } = refusal(error, mayStay(error.failure.http, true));
    connection.status = status;
    deadline.set(this.#context.timeouts.idle, () => client.destroy());
    return new Promise((told) => {
      answer.once('close', () => told('answered'));
      answer.sendDate = false;
      answer.writeHead(status, reason, fields).end(body);
    });
  }
}
