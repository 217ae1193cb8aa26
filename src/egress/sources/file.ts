/** A file with a list of addresses, watched. */
import { constants, type Stats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { FileTerm } from '../expression/term.ts';
import { FolderWatch } from './folder-watch.ts';
import { listReader } from './list.ts';
import {
  collect,
  MOST_BYTES,
  REFRESH_MS,
  SourceError,
  tooLong,
  WATCH_MS,
  type Source,
  type SourceOptions,
} from './source.ts';

/** How long a file must have rested, in milliseconds: less is taken for being written at this moment. */
const SETTLE_MS = 200;
/** Without a line end at the end there may be more to come: such a file has to rest this many times longer. */
const PATIENCE = 10;
/** Times a file that does not come to rest is looked at. */
const MOST_LOOKS = 50;

interface Content {
  readonly bytes: Uint8Array;
  /** Milliseconds since the last change. */
  readonly age: number;
}

/**
 * A file counts as being written until it has not changed for a moment, and is not read before. One whose last line has no
 * end and makes no sense has lost the rest of it: the answer before stays, unless the file has been like that for long.
 */
export function fileSource(term: FileTerm, options: SourceOptions = {}): Source {
  const { settleMs = SETTLE_MS, refreshMs = REFRESH_MS, watchMs = WATCH_MS } = options;
  const parse = listReader(term);
  return {
    text: term.text,
    refreshMs: term.refreshMs ?? refreshMs,
    async read(signal) {
      const { bytes, age } = await readRested(term.path, settleMs, signal);
      const answer = await parse(bytes);
      const torn = bytes.at(-1) !== NEWLINE && answer.problems.some(({ line }) => line === answer.lines);
      if (torn && age < PATIENCE * PATIENCE * settleMs)
        throw new SourceError('its last line is half-written');
      return answer;
    },
    watch: (changed) => new FolderWatch(term.path, watchMs, changed).start(),
  };
}

const NEWLINE = 0x0a;

async function readRested(path: string, settleMs: number, signal: AbortSignal): Promise<Content> {
  for (let look = 0; look < MOST_LOOKS; look++) {
    const { bytes, age } = await readOnce(path, settleMs);
    const needed = bytes !== undefined && bytes.at(-1) === NEWLINE ? settleMs : PATIENCE * settleMs;
    // An age below zero is a clock or a date set by hand: nothing to wait for.
    if (bytes !== undefined && (age >= needed || age < 0)) return { bytes, age };
    const rest = bytes === undefined ? settleMs : needed - age;
    await pause(Math.min(rest, settleMs) + 1, undefined, { signal });
  }
  throw new SourceError('it is being written all the time');
}

/** @returns No bytes when it changes right now. */
async function readOnce(path: string, settleMs: number): Promise<{ bytes?: Uint8Array; age: number }> {
  // Opening a pipe would wait for its writer for ever.
  const file = await openFile(path);
  try {
    const before = await file.stat();
    if (!before.isFile()) throw new SourceError('it is not a regular file');
    if (before.size > MOST_BYTES) throw tooLong();
    const age = ageOf(before);
    if (age >= 0 && age < settleMs) return { age };
    const bytes = await collect(file.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>);
    const after = await file.stat();
    return sameContent(before, after) ? { bytes, age } : { age: 0 };
  } finally {
    await file.close();
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw new SourceError(reason((error as NodeJS.ErrnoException).code));
  }
}

function reason(code = 'an unknown error'): string {
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EACCES') return 'it may not be read: give the user gyre runs as the right to';
  return `it cannot be opened: ${code}`;
}

/** Since its content changed, in milliseconds: a file moved here may have been written long ago, and is complete then. */
function ageOf({ mtimeMs }: Stats): number {
  return Date.now() - mtimeMs;
}

function sameContent(a: Stats, b: Stats): boolean {
  return a.size === b.size && a.mtimeMs === b.mtimeMs && a.ino === b.ino;
}
