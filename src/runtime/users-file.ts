/**
 * The users of an htpasswd file, kept on the main thread: read at the start, and again whenever the file changes.
 *
 * A file counts as a whole or not at all: as long as one line cannot be read, the users before stay, and it is told once
 * why. A file without any user is believed when it stays so for a moment: taking the last user out has to work.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { FolderWatch } from '../egress/sources/folder-watch.ts';
import { StartError } from '../listener.ts';
import type { Log } from '../ops/log.ts';
import type { Account } from '../policy/users/account.ts';
import { readHtpasswd, type HtpasswdProblem } from '../policy/users/htpasswd.ts';

/** All in milliseconds. */
export interface UsersFileTimes {
  /** How long the file must rest after a change before it is read. */
  readonly settleMs: number;
  /** How long it may be broken, or without users, before that is told or believed: it may be half-written. */
  readonly patienceMs: number;
  /** How often it is looked at without a sign of change: not every file system gives one. */
  readonly checkMs: number;
  /** How often to try again to watch a folder that is not there. */
  readonly retryMs: number;
}

const TIMES: UsersFileTimes = { settleMs: 200, patienceMs: 3000, checkMs: 30_000, retryMs: 2000 };

/** Bytes; a hundred thousand users fit. */
const LARGEST_FILE = 16 * 1024 * 1024;

export class UsersFile {
  readonly #path: string;
  readonly #log: Log;
  readonly #publish: (accounts: readonly Account[]) => void;
  readonly #times: UsersFileTimes;
  #accounts: readonly Account[] = [];
  /** What was told about a file that cannot be used. */
  #told: string | undefined = undefined;
  #stops: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined = undefined;
  #looking = false;

  /** @param publish Hears all users whenever they have changed. What it throws counts as a mistake in the file. */
  constructor(
    path: string,
    log: Log,
    publish: (accounts: readonly Account[]) => void,
    times: UsersFileTimes = TIMES,
  ) {
    this.#path = path;
    this.#log = log;
    this.#publish = publish;
    this.#times = times;
  }

  /** @throws StartError with what is wrong: `FILE:LINE: …`. */
  async load(): Promise<readonly Account[]> {
    this.#accounts = parse(this.#path, (await readBytes(this.#path)).bytes);
    if (this.#accounts.length === 0) this.#log.warn(`there are no users in ${this.#path}: none can log in`);
    return this.#accounts;
  }

  /** As the file was last read well. */
  get accounts(): readonly Account[] {
    return this.#accounts;
  }

  /** Watches the file from now on, and looks once at what happened since it was loaded. */
  start(): void {
    const { settleMs, checkMs, retryMs } = this.#times;
    const look = (): void => this.#lookIn(settleMs);
    this.#stops = [new FolderWatch(this.#path, retryMs, look).start()];
    const timer = setInterval(look, checkMs).unref();
    this.#stops.push(() => clearInterval(timer));
    look();
  }

  stop(): void {
    for (const stop of this.#stops) stop();
    this.#stops = [];
    clearTimeout(this.#timer);
  }

  /** @param doubt What was odd at the last look, if this one is to see whether it still is. */
  #lookIn(ms: number, doubt?: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(doubt), ms).unref();
  }

  async #look(doubt: string | undefined): Promise<void> {
    const { settleMs, patienceMs } = this.#times;
    if (this.#looking) return this.#lookIn(settleMs, doubt);
    this.#looking = true;
    try {
      const { bytes, age } = await readBytes(this.#path);
      if (this.#stops.length === 0) return;
      // An age below zero is a clock or a date set by hand: nothing to wait for.
      if (age >= 0 && age < settleMs) return this.#lookIn(settleMs, doubt);
      const accounts = parse(this.#path, bytes);
      if (accounts.length === 0 && this.#accounts.length > 0 && doubt !== EMPTY)
        this.#lookIn(patienceMs, EMPTY);
      else this.#take(accounts);
    } catch (error) {
      if (this.#stops.length === 0) return;
      const { message } = error as Error;
      if (doubt === message) this.#tellBroken(error as Error);
      else if (this.#told !== message) this.#lookIn(patienceMs, message);
    } finally {
      this.#looking = false;
    }
  }

  #take(accounts: readonly Account[]): void {
    if (!same(accounts, this.#accounts)) {
      this.#publish(accounts);
      this.#log.info('the users file has been read again', this.#difference(accounts));
      if (accounts.length === 0) this.#log.warn(`no users are left in ${this.#path}: none can log in`);
      this.#accounts = accounts;
    } else if (this.#told !== undefined) {
      this.#log.info('the users file is as it was before', { file: this.#path });
    }
    this.#told = undefined;
  }

  #difference(accounts: readonly Account[]): Record<string, unknown> {
    const before = new Set(this.#accounts.map(({ name }) => name));
    const added = accounts.filter(({ name }) => !before.delete(name)).length;
    return { file: this.#path, users: accounts.length, added, removed: before.size };
  }

  #tellBroken(error: Error): void {
    if (this.#told === error.message) return;
    this.#told = error.message;
    this.#log.warn('the changed users file cannot be used: the users before stay', {
      error,
      hint: error instanceof StartError ? error.hint : undefined,
    });
  }
}

/** No message of a file that is broken. */
const EMPTY = '';

function same(a: readonly Account[], b: readonly Account[]): boolean {
  return a.length === b.length && JSON.stringify(a) === JSON.stringify(b);
}

/** @throws StartError */
function parse(path: string, bytes: Uint8Array): readonly Account[] {
  const { accounts, problems } = readHtpasswd(bytes);
  const [first, ...more] = problems;
  if (first !== undefined)
    throw new StartError(`${path}:${first.line}: ${first.message}${others(more)}`, first.hint);
  return accounts;
}

function others(problems: readonly HtpasswdProblem[]): string {
  if (problems.length === 0) return '';
  return `; and line${problems.length === 1 ? '' : 's'} ${problems.map(({ line }) => line).join(', ')}`;
}

interface Content {
  readonly bytes: Uint8Array;
  /** Milliseconds since the last change. */
  readonly age: number;
}

/** @throws StartError */
async function readBytes(path: string): Promise<Content> {
  // Opening a pipe would wait for its writer for ever.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
    throw notOpened(path, error as NodeJS.ErrnoException);
  });
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new StartError(`the users file ${path} is not a regular file`);
    if (stats.size > LARGEST_FILE)
      throw new StartError(`the users file ${path} is larger than ${LARGEST_FILE / 2 ** 20} MiB`);
    return { bytes: await file.readFile(), age: Date.now() - (await file.stat()).mtimeMs };
  } finally {
    await file.close();
  }
}

function notOpened(path: string, error: NodeJS.ErrnoException): StartError {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR')
    return new StartError(`there is no users file ${path}`, 'make one with: htpasswd -cB FILE NAME', error);
  if (error.code === 'EACCES' || error.code === 'EPERM')
    return new StartError(
      `the users file ${path} may not be read`,
      'give the user gyre runs as the right to',
      error,
    );
  return new StartError(
    `the users file ${path} cannot be opened: ${error.code ?? error.message}`,
    undefined,
    error,
  );
}
