/** What a data thread does as a connection begins, goes on and ends: count it, and write its access line. */
import type { Connection, Observer } from '../connection.ts';
import { accessLine } from './access.ts';
import type { LineBatch } from './batch.ts';
import type { Counters } from './counters.ts';
import type { LineFormat } from './text.ts';

/** Where access lines go, and how they look. */
export interface AccessLog {
  readonly batch: LineBatch;
  readonly format: LineFormat;
}

export class ThreadObserver implements Observer {
  readonly #counters: Counters;
  /** Undefined switches the access log off. */
  access: AccessLog | undefined;
  readonly #unforeseen: (connection: Connection) => void;

  /** @param unforeseen Called for a connection that failed in a way nobody thought of. */
  constructor(
    counters: Counters,
    access: AccessLog | undefined,
    unforeseen: (connection: Connection) => void = () => {},
  ) {
    this.#counters = counters;
    this.access = access;
    this.#unforeseen = unforeseen;
  }

  opened(connection: Connection): void {
    this.#counters.opened(connection);
  }

  dialled(connection: Connection): void {
    this.#counters.dialled(connection);
  }

  moved(connection: Connection): void {
    this.#counters.moved(connection);
  }

  closed(connection: Connection): void {
    this.#counters.closed(connection);
    if (connection.failure?.code === 'INTERNAL') this.#unforeseen(connection);
    if (this.access !== undefined) this.access.batch.add(accessLine(connection, this.access.format));
  }
}
