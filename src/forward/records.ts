/** The records of one client connection: one a request, each opened and closed once. */
import { account } from '../account.ts';
import { Connection, type Observer } from '../connection.ts';
import type { ProxyError } from '../errors.ts';

export interface RecordsContext {
  readonly observer: Observer;
  readonly nextId: () => string;
}

export class Records {
  /** Of the request that is read or answered; undefined when there is none yet. */
  current: Connection | undefined;
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

  #follow(): Connection {
    const { client, listener, listenerIndex, serverSession } = this.#first;
    const next = new Connection(this.#context.nextId(), client, Date.now());
    next.listener = listener;
    next.listenerIndex = listenerIndex;
    next.serverSession = serverSession;
    next.inbound = 'http-forward';
    next.phase = 'handshake';
    this.#context.observer.opened(next);
    return next;
  }
}
