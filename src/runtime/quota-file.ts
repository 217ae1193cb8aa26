/** What is used of quotas, kept in a file so that a restart gives nobody a second one. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { StartError } from '../listener.ts';
import type { Log } from '../ops/log.ts';
import type { LimitMemory } from '../policy/limits/memory.ts';
import { exportQuotas, importQuotas, type ListenerPlace } from '../policy/limits/quota-state.ts';

/** How often the file is written; what was used since is forgotten when the process is killed; milliseconds. */
const SAVE_MS = 30_000;

export class QuotaFile {
  readonly #path: string;
  readonly #memory: LimitMemory;
  readonly #log: Log;
  readonly #utc: () => number;
  readonly #placeOf: ListenerPlace | undefined;
  readonly #timer: NodeJS.Timeout;

  /**
   * Reads what there is, before the first connection.
   * @param utc Milliseconds since the epoch.
   * @param placeOf Of listeners, by their slots, when it is written; when it is read, their slots are their places.
   * @throws StartError when the file can be neither read nor made.
   */
  constructor(
    path: string,
    memory: LimitMemory,
    log: Log,
    utc: () => number = Date.now,
    placeOf?: ListenerPlace,
  ) {
    this.#path = path;
    this.#memory = memory;
    this.#log = log;
    this.#utc = utc;
    this.#placeOf = placeOf;
    this.#load();
    try {
      this.#write();
    } catch (error) {
      const { message } = error as Error;
      throw new StartError(
        `cannot keep quotas in ${path}: ${message}`,
        'name a file in a directory Gyre may write to',
        error,
      );
    }
    this.#timer = setInterval(() => this.save(), SAVE_MS).unref();
  }

  save(): void {
    try {
      this.#write();
    } catch (error) {
      this.#log.warn('quotas could not be saved', { file: this.#path, error });
    }
  }

  /** @param save False when another process writes the file by now. */
  close(save = true): void {
    clearInterval(this.#timer);
    if (save) this.save();
  }

  #load(): void {
    try {
      const taken = importQuotas(this.#memory, readFileSync(this.#path, 'utf8'), this.#utc);
      this.#log.info('quotas taken over', { file: this.#path, quotas: taken });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      this.#log.warn('the file of quotas is damaged or not readable: starting without it', {
        file: this.#path,
        error,
      });
      this.#keepAside();
    }
  }

  /** It may have been written by hand, and one comma is not worth all quotas. */
  #keepAside(): void {
    try {
      renameSync(this.#path, `${this.#path}.damaged`);
    } catch {
      // Then there is nothing to keep, or no way to.
    }
  }

  /** Beside, then over it: whoever reads sees the old file or the new one, never half of it. */
  #write(): void {
    const beside = `${this.#path}.new`;
    writeFileSync(beside, exportQuotas(this.#memory, this.#utc, this.#placeOf), { mode: 0o600 });
    renameSync(beside, this.#path);
  }
}
