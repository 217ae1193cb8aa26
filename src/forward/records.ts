/** The records of one client connection: one a request, each opened and closed once. */
import { account } from '../account.ts';
import { Connection, type Observer, type Stay } from '../connection.ts';
import type { ProxyError } from '../errors.ts';

export interface RecordsContext {
  /** @throws ProxyError when a client address has too many unfinished requests. */
  readonly enter: (client: string) => Stay;
  readonly observer: Observer;
  readonly nextId: () => string;
}

export class Records {
  /** Of the request that is read or answered; undefined when there is none yet. */
  current: Connection | undefined;
  /** What the client holds of the limits between two requests. */
  #stay: Stay | undefined = undefined;
  readonly #first: Connection;
  readonly #context: RecordsContext;

  /** @param first Open already, and current. */
  constructor(first: Connection, context: RecordsContext) {
    this.current = first;
    this.#first = first;
    this.#context = context;
  }

  /** The current one, or a new one of the same client. */
  open(): Connection {
    this.current ??= this.#follow();
    return this.current;
  }

  /** Closes the current one. @param error Why its request went no further. */
  close(error: ProxyError): void {
    const connection = this.open();
    connection.failure = error;
    account(connection, this.#context.observer);
    this.current = undefined;
  }

  /**
   * Another request may come: until it is complete this is a client like one that has just connected.
   * @returns false when its address has too many of those.
   */
  await(): boolean {
    try {
      this.#stay = this.#context.enter(this.#first.client.address);
      return true;
    } catch {
      return false;
    }
  }

  /** No other request comes. */
  end(): void {
    this.#stay?.leave();
    this.#stay = undefined;
  }

  #follow(): Connection {
    const { client, listener, listenerIndex, serverSession } = this.#first;
    const next = new Connection(this.#context.nextId(), client, Date.now());
    next.listener = listener;
    next.listenerIndex = listenerIndex;
    next.serverSession = serverSession;
    next.stay = this.#stay;
    this.#stay = undefined;
    next.inbound = 'http-forward';
    next.phase = 'handshake';
    this.#context.observer.opened(next);
    return next;
  }
}
