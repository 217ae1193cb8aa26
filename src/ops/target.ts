/**
 * Opens what a log is written to, so that a write can never block.
 *
 * `process.stderr` is no way out: on a terminal its writes are synchronous, so one Ctrl-S stops the whole program, and on
 * a pipe nobody reads a pending write keeps the process from ending. Writing to a blocking descriptor in the thread pool
 * is none either: exit waits for the thread. What is left is a descriptor that answers EAGAIN.
 */
import { closeSync, constants, fstatSync, openSync, type Stats } from 'node:fs';
import { isatty } from 'node:tty';
import { humanText } from './text.ts';

/** A standard stream, or a file that is appended to (created with mode 0640). */
export type SinkTarget = 'stderr' | 'stdout' | { readonly path: string };

/** A log file that cannot be opened: what is wrong in one sentence for people, and what they can do. */
export class SinkError extends Error {
  override readonly name = 'SinkError' as const;
  readonly hint: string;

  constructor(message: string, hint: string, cause: unknown) {
    super(message, { cause });
    this.hint = hint;
  }
}

export interface OpenTarget {
  readonly fd: number;
  /** Opened here, so closed here; descriptors 1 and 2 belong to the process. */
  readonly owned: boolean;
  readonly terminal: boolean;
}

// O_NOCTTY: opening a terminal must not make it the controlling one of a daemon that has none.
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK | constants.O_NOCTTY;

const ANOTHER = 'choose another file';
/** What is wrong, and what helps. */
const REASONS: Readonly<Record<string, readonly [reason: string, hint: string]>> = {
  ENOENT: ['its directory does not exist', `create the directory, or ${ANOTHER}`],
  ENOTDIR: ['a part of its path is not a directory', ANOTHER],
  EISDIR: ['it is a directory', 'name a file in it'],
  EACCES: ['permission denied', `let this user write there, or ${ANOTHER}`],
  EPERM: ['permission denied', `let this user write there, or ${ANOTHER}`],
  EROFS: ['the file system is read-only', ANOTHER],
  ENOSPC: ['the disk is full', `make room, or ${ANOTHER}`],
  ENXIO: ['it is a named pipe nobody reads, or a socket', `start the reader first, or ${ANOTHER}`],
  EMFILE: ['this process has too many files open', 'raise its limit (ulimit -n)'],
};

/** @throws {SinkError} when the file cannot be opened for appending. */
export function openTarget(target: SinkTarget): OpenTarget {
  return typeof target === 'string' ? openStream(target) : openPath(target.path);
}

function openPath(path: string): OpenTarget {
  try {
    const fd = openSync(path, FLAGS | constants.O_CREAT, 0o640);
    return { fd, owned: true, terminal: isatty(fd) };
  } catch (thrown) {
    const { code = 'unknown error' } = thrown as NodeJS.ErrnoException;
    const [reason, hint] = REASONS[code] ?? [code, ANOTHER];
    throw new SinkError(`cannot open the log file ${humanText(path)}: ${reason}`, hint, thrown);
  }
}

function openStream(name: 'stderr' | 'stdout'): OpenTarget {
  const fd = name === 'stderr' ? 2 : 1;
  const kind = fstatSync(fd);
  const terminal = isatty(fd);
  // A file keeps the descriptor it came with: writers before and after us share its offset, a second opening would not.
  if (kind.isFile()) return { fd, owned: false, terminal };
  // A pipe or terminal is opened afresh: O_NONBLOCK then is ours alone and surprises nobody who shares the stream.
  const fresh = kind.isSocket() ? undefined : openAgain(fd, kind);
  if (fresh !== undefined) return { fd: fresh, owned: true, terminal };
  // A socket (as under systemd) cannot be opened again. The first touch of the process' own stream makes it non-blocking.
  void process[name];
  return { fd, owned: false, terminal };
}

/** The same pipe or device by a new descriptor; undefined where /proc is missing or the owner is another user. */
function openAgain(fd: number, kind: Stats): number | undefined {
  let fresh: number;
  try {
    fresh = openSync(`/proc/self/fd/${fd}`, FLAGS);
  } catch {
    return undefined;
  }
  const again = fstatSync(fresh);
  if (again.ino === kind.ino && again.rdev === kind.rdev) return fresh;
  closeSync(fresh);
  return undefined;
}
