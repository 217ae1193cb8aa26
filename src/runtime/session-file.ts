/**
 * The terms of sticky sessions, kept in a file so that a restart forgets none.
 *
 * Without it a session still finds its first address again, because that can be computed; when its term began, and where it
 * has moved since, cannot.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Sessions } from '../egress/sessions/sessions.ts';
import { StartError } from '../listener.ts';
import type { Log } from '../ops/log.ts';

/** How often the file is written; what happened since is lost when the process is killed; milliseconds. */
const SAVE_MS = 30_000;

export class SessionFile {
  readonly #path: string;
  readonly #sessions: Sessions;
  readonly #log: Log;
  readonly #timer: NodeJS.Timeout;

  /** Reads what there is. @throws StartError when the file can be neither read nor made. */
  constructor(path: string, sessions: Sessions, log: Log) {
    this.#path = path;
    this.#sessions = sessions;
    this.#log = log;
    this.#load();
    try {
      this.#write();
    } catch (error) {
      const { message } = error as Error;
      throw new StartError(
        `cannot keep sessions in ${path}: ${message}`,
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
      this.#log.warn('sessions could not be saved', { file: this.#path, error });
    }
  }

  /** @param save False when another process writes the file by now. */
  close(save = true): void {
    clearInterval(this.#timer);
    if (save) this.save();
  }

  #load(): void {
    try {
      const taken = this.#sessions.importState(readFileSync(this.#path));
      this.#log.info('sessions taken over', { file: this.#path, sessions: taken });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      this.#log.warn('the file of sessions is damaged or not readable: starting without it', {
        file: this.#path,
        error,
      });
    }
  }

  /** Beside, then over it: whoever reads sees the old file or the new one, never half of it. */
  #write(): void {
    const beside = `${this.#path}.new`;
    writeFileSync(beside, this.#sessions.exportState(), { mode: 0o600 });
    renameSync(beside, this.#path);
  }
}
