/** What one worker thread was told to do, and has not said yet that it is done. */
import type { Endpoint } from '../../connection.ts';

/** Plain data: it crosses threads. */
export interface Done {
  /** Where its listeners are. */
  readonly endpoints?: readonly Endpoint[] | undefined;
  /** Why it could not be done. */
  readonly problem?: { readonly message: string; readonly hint: string | undefined } | undefined;
}

export class Errands {
  readonly #waiting = new Map<number, (done: Done | undefined) => void>();
  #id = 0;
  #over = false;

  /** @param send Sends the errand under that number. @returns undefined when the thread has ended. */
  run(send: (id: number) => void): Promise<Done | undefined> {
    if (this.#over) return Promise.resolve(undefined);
    const id = ++this.#id;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      send(id);
    });
  }

  done(id: number, done: Done): void {
    this.#waiting.get(id)?.(done);
    this.#waiting.delete(id);
  }

  /** The thread has ended. */
  end(): void {
    this.#over = true;
    for (const resolve of this.#waiting.values()) resolve(undefined);
    this.#waiting.clear();
  }
}
