/**
 * Notices that the configuration file has become another one, however it was written: in place, by a file put in its place,
 * or by a link switched over.
 *
 * Who writes it may be half-way: a file that cannot be used is believed only when it stays so for a moment, and is told once.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { FolderWatch } from '../../egress/sources/folder-watch.ts';
import { fingerprint, LARGEST_FILE } from '../config/file.ts';

/** All in milliseconds. */
export interface ConfigWatchTimes {
  /** How long the file must rest after a change before it is read. */
  readonly settleMs: number;
  /** How long it may be broken before that is told. */
  readonly patienceMs: number;
  /** How often it is looked at without a sign of change: not every file system gives one. */
  readonly checkMs: number;
  /** How often to try again to watch a folder that is not there. */
  readonly retryMs: number;
}

const TIMES: ConfigWatchTimes = { settleMs: 200, patienceMs: 3000, checkMs: 30_000, retryMs: 2000 };

export interface ConfigWatchHooks {
  /** Throws when what is in the file cannot be used. */
  readonly judge: () => unknown;
  /** The file is another one, and rests. */
  readonly changed: () => void;
}

export class ConfigWatch {
  readonly #path: string;
  readonly #hooks: ConfigWatchHooks;
  readonly #times: ConfigWatchTimes;
  /** What was last acted upon; undefined: whatever the first look finds. */
  #seen: string | undefined;
  #stops: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined = undefined;
  #looking = false;

  /** @param read The fingerprint of what is in force: times of files are too coarse to tell what came since. */
  constructor(
    path: string,
    read: string | undefined,
    hooks: ConfigWatchHooks,
    times: ConfigWatchTimes = TIMES,
  ) {
    this.#path = path;
    this.#seen = read;
    this.#hooks = hooks;
    this.#times = times;
  }

  /** Somebody else has read the file, and it is in force. */
  read(content: string | undefined): void {
    this.#seen = content;
  }

  start(): void {
    const { settleMs, checkMs, retryMs } = this.#times;
    const look = (): void => this.#lookIn(settleMs);
    const timer = setInterval(look, checkMs).unref();
    this.#stops = [new FolderWatch(this.#path, retryMs, look).start(), () => clearInterval(timer)];
    look();
  }

  stop(): void {
    for (const stop of this.#stops) stop();
    this.#stops = [];
    clearTimeout(this.#timer);
  }

  /** @param doubt The content that could not be used at the last look, if this one is to see whether it still cannot. */
  #lookIn(ms: number, doubt?: string): void {
    if (this.#stops.length === 0) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(doubt), ms).unref();
  }

  async #look(doubt: string | undefined): Promise<void> {
    const { settleMs, patienceMs } = this.#times;
    if (this.#looking) return this.#lookIn(settleMs, doubt);
    this.#looking = true;
    const { mark, modified } = await readMark(this.#path);
    this.#looking = false;
    this.#seen ??= mark;
    if (this.#stops.length === 0 || mark === this.#seen) return;
    const age = Date.now() - modified;
    // An age below zero is a clock or a date set by hand: nothing to wait for.
    if (age >= 0 && age < settleMs) return this.#lookIn(settleMs, doubt);
    if (doubt !== mark && !this.#isUsable()) return this.#lookIn(patienceMs, mark);
    this.#seen = mark;
    this.#hooks.changed();
  }

  #isUsable(): boolean {
    try {
      this.#hooks.judge();
      return true;
    } catch {
      return false;
    }
  }
}

interface Mark {
  /** The same for the same content, and for the same reason why there is none. */
  readonly mark: string;
  /** Milliseconds since the epoch; 0 when there is no file to be read. */
  readonly modified: number;
}

async function readMark(path: string): Promise<Mark> {
  try {
    // Opening a pipe would wait for its writer for ever.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const bytes = Buffer.alloc(LARGEST_FILE + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read)
      ({ bytesRead: read } = await file.read(bytes, length, bytes.length - length, null));
    const mark = fingerprint(bytes.subarray(0, length));
    return { mark, modified: (await file.stat()).mtimeMs };
  } catch (error) {
    return { mark: (error as NodeJS.ErrnoException).code ?? 'unknown', modified: 0 };
  }
}
