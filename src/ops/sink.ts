/**
 * Writes log lines without ever making anybody wait.
 *
 * One write is on its way at a time; what arrives meanwhile is joined into the next one. What waits is bounded: above
 * the bound lines are dropped and counted, and as soon as there is room again one line says how many. A target that
 * stalls, fills up or fails costs lines, never traffic, and recovers by itself.
 *
 * Belongs to the main thread; data threads hand it text (see {@link file://./batch.ts}).
 */
import { close, write } from 'node:fs';
import { Backlog, type Chunk } from './backlog.ts';
import { openTarget, type OpenTarget, type SinkTarget } from './target.ts';
import { clock, type LineFormat } from './text.ts';

export interface SinkOptions {
  /** Bytes that may wait, the write on its way included; at least 1. @default 4 MiB */
  readonly maxBytes?: number;
  /** `auto` is `human` on a terminal and `json` elsewhere. @default 'auto' */
  readonly format?: LineFormat | 'auto';
}

/** Milliseconds between two tries on a target that takes no more: doubled from `first` on, reset by every byte taken. */
const RETRY = { first: 5, last: 500, lastWhileFlushing: 50 } as const;

export class LineSink {
  /** The target is a terminal. */
  readonly terminal: boolean;
  /** How lines for this target should look. */
  readonly format: LineFormat;
  readonly #target: SinkTarget;
  readonly #backlog: Backlog;
  #open: OpenTarget;
  /** From reopen(), until the chunk on its way is over. */
  #replacement: OpenTarget | undefined;
  #writing = false;
  #retry: NodeJS.Timeout | undefined;
  #retryMs: number = RETRY.first;
  #flushes = new Set<() => void>();
  #closed = false;

  /** @throws {SinkError} when the file cannot be opened. */
  constructor(target: SinkTarget, options: SinkOptions = {}) {
    const { maxBytes = 4 * 1024 * 1024, format = 'auto' } = options;
    this.#target = target;
    this.#open = openTarget(target);
    this.terminal = this.#open.terminal;
    this.format = format === 'auto' ? (this.terminal ? 'human' : 'json') : format;
    this.#backlog = new Backlog(maxBytes, (lines) => dropNotice(lines, this.format));
  }

  /** Lines dropped so far, because the target was too slow, failed, or was closed. */
  get dropped(): number {
    return this.#backlog.dropped;
  }

  /** @param lines Any number of whole lines, each ended by `\n`. Never blocks, never throws. */
  write(lines: string): void {
    if (this.#closed) this.#backlog.drop(lines);
    else this.#backlog.add(lines);
    this.#advance();
  }

  /**
   * Resolves when everything is written or given up, at the latest after `deadlineMs` milliseconds; never rejects. For
   * the end of a program: it keeps the process alive that long.
   */
  flush(deadlineMs: number): Promise<void> {
    if (!this.#closed) this.#backlog.tell();
    this.#advance();
    if (this.#backlog.empty) return Promise.resolve();
    this.#hurry();
    const { promise, resolve } = Promise.withResolvers<void>();
    const flushed = (): void => {
      clearTimeout(deadline);
      this.#flushes.delete(flushed);
      resolve();
    };
    const deadline = setTimeout(flushed, deadlineMs);
    this.#flushes.add(flushed);
    return promise;
  }

  /**
   * Opens the file by its name again, after a log rotation has moved it. A chunk on its way is finished in the old file.
   * Standard streams stay as they are.
   *
   * @throws {SinkError} when that fails; the old file stays in use.
   */
  reopen(): void {
    if (this.#closed || typeof this.#target === 'string') return;
    const opened = openTarget(this.#target);
    if (this.#replacement !== undefined) release(this.#replacement);
    this.#replacement = opened;
    if (this.#backlog.chunk === undefined) this.#swap(opened);
  }

  /** Drops what waits, counted, and closes the file. Meant to follow {@link flush}. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retry);
    // A write in the thread pool still uses the descriptor: its end closes it.
    if (!this.#writing) this.#end();
  }

  /** Starts the next write unless one is on its way. */
  #advance(): void {
    if (this.#closed || this.#backlog.chunk !== undefined) return;
    const chunk = this.#backlog.take();
    if (chunk !== undefined) this.#push(chunk);
  }

  #push(chunk: Chunk): void {
    this.#writing = true;
    write(this.#open.fd, chunk.bytes, chunk.done, (error, written) => {
      this.#writing = false;
      if (error === null) chunk.done += written;
      if (chunk.done === chunk.bytes.length) this.#settle(true);
      else if (this.#closed) this.#end();
      else if (error === null && written > 0) this.#continue(chunk);
      // Nothing taken, with or without an error to say so: waiting beats spinning.
      else if (error === null || error.code === 'EAGAIN') this.#tryLater(chunk);
      // Refused for good (disk full, reader gone): these lines are lost, the next ones are tried afresh.
      else this.#settle(false);
    });
  }

  #continue(chunk: Chunk): void {
    this.#retryMs = RETRY.first;
    this.#push(chunk);
  }

  #tryLater(chunk: Chunk): void {
    const wait = this.#retryMs;
    this.#retryMs = Math.min(wait * 2, this.#flushes.size > 0 ? RETRY.lastWhileFlushing : RETRY.last);
    // Unref'd: a stalled target must not keep a finished program alive.
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#push(chunk);
    }, wait).unref();
  }

  /** A flush does not sit out a long pause between two tries. */
  #hurry(): void {
    const chunk = this.#backlog.chunk;
    if (this.#retry === undefined || chunk === undefined) return;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#continue(chunk);
  }

  #settle(written: boolean): void {
    this.#retryMs = RETRY.first;
    this.#backlog.settle();
    if (this.#closed) return this.#end();
    if (this.#replacement !== undefined) this.#swap(this.#replacement);
    // Drops told of only beside the next line would stay untold on a target that falls quiet.
    if (written && this.#backlog.empty) this.#backlog.tell();
    this.#advance();
    this.#wake();
  }

  #swap(replacement: OpenTarget): void {
    release(this.#open);
    this.#open = replacement;
    this.#replacement = undefined;
    this.#backlog.startAfresh();
  }

  #end(): void {
    this.#backlog.abandon();
    release(this.#open);
    if (this.#replacement !== undefined) release(this.#replacement);
    this.#wake();
  }

  #wake(): void {
    if (this.#backlog.empty) for (const flushed of this.#flushes) flushed();
  }
}

function release(target: OpenTarget): void {
  // Nobody can do anything about an error of close(2).
  if (target.owned) close(target.fd, () => {});
}

function dropNotice(lines: number, format: LineFormat): string {
  const now = Date.now();
  const message = 'log lines dropped: their target was too slow or failed';
  return format === 'human'
    ? `${clock(now)} warn  ${message} dropped=${lines}\n`
    : `{"time":"${new Date(now).toISOString()}","level":"warn","message":"${message}","dropped":${lines}}\n`;
}
