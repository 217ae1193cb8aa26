/** How a client connection ends, once nothing more is read from it. */
import type { ClientStream } from './client-stream.ts';
import type { Deadline } from './deadline.ts';

/** A client that does not close after its last answer is cut after this; milliseconds. */
const LINGER_MS = 1000;
/** What was written just before a reset gets this long to arrive; milliseconds. */
const RESET_LINGER_MS = 200;

export class Farewell {
  /** It has begun. */
  said = false;
  readonly #client: ClientStream;
  readonly #deadline: Deadline;

  constructor(client: ClientStream, deadline: Deadline) {
    this.#client = client;
    this.#deadline = deadline;
  }

  /**
   * FIN, behind what is still to be written; then a moment for the client to do the same.
   * @param idleMs How long a client may take that reads nothing of it.
   */
  close(idleMs: number): void {
    const client = this.#client;
    this.said = true;
    this.#deadline.set(idleMs, () => client.destroy());
    client.ignore();
    client.end();
    if (client.writableFinished) this.#linger();
    else client.once('finish', () => this.#linger());
  }

  /** RST: a response that was cut short must not look as if it were whole. */
  abort(): void {
    this.said = true;
    this.#client.ignore();
    this.#deadline.set(RESET_LINGER_MS, () => this.#client.abort());
  }

  /** The client has sent FIN. */
  answered(): void {
    if (this.#client.writableFinished) this.#client.destroy();
  }

  #linger(): void {
    if (this.#client.leg.ended) this.#client.destroy();
    else this.#deadline.set(LINGER_MS, () => this.#client.destroy());
  }
}
