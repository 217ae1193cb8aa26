/** Hears when a file is another one than before, however it was changed. */
import { statSync, watch, type FSWatcher, type Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Milliseconds in which the changes in a folder make one. */
const DEBOUNCE_MS = 50;

/**
 * Watches the folder of a file, since a file that replaces another by its name is a different one. Links are followed when
 * looking, so that a link switched over inside the folder counts as a change.
 */
export class FolderWatch {
  readonly #path: string;
  readonly #folder: string;
  readonly #retryMs: number;
  readonly #changed: () => void;
  #watcher: FSWatcher | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;
  /** Undefined until the first look. */
  #seen: string | undefined = undefined;
  #inode = '';
  #stopped = false;

  /** @param retryMs How often to try again when the folder cannot be watched; milliseconds. */
  constructor(path: string, retryMs: number, changed: () => void) {
    this.#path = path;
    this.#folder = dirname(path);
    this.#retryMs = retryMs;
    this.#changed = changed;
  }

  /** @returns What ends it. */
  start(): () => void {
    this.#open();
    return () => {
      this.#stopped = true;
      clearTimeout(this.#timer);
      this.#watcher?.close();
    };
  }

  #open(): void {
    try {
      this.#watcher = watch(this.#folder, { persistent: false }, () => this.#look());
      this.#watcher.on('error', () => this.#lost());
      this.#inode = inode(statSync(this.#folder));
    } catch {
      this.#lost();
      return;
    }
    // What happened before the watch stood.
    this.#note(markNow(this.#path));
  }

  #lost(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#seen ??= '';
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#open();
    }, this.#retryMs).unref();
  }

  #look(): void {
    if (this.#stopped) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#compare();
    }, DEBOUNCE_MS).unref();
  }

  async #compare(): Promise<void> {
    const [file, folder] = await Promise.all([stats(this.#path), stats(this.#folder)]);
    if (this.#stopped || this.#watcher === undefined) return;
    this.#note(mark(file));
    // Another folder has taken the place of the one that is watched.
    if (folder === undefined || inode(folder) !== this.#inode) this.#lost();
  }

  #note(seen: string): void {
    const changed = this.#seen !== undefined && this.#seen !== seen;
    this.#seen = seen;
    if (changed) this.#changed();
  }
}

/** Of what a path leads to at the end of all links; undefined when it leads nowhere. */
function stats(path: string): Promise<Stats | undefined> {
  return stat(path).catch(() => undefined);
}

/** Changes whenever the file is another one, or has another content. */
function mark(stats: Stats | undefined): string {
  return stats === undefined ? '' : `${inode(stats)} ${stats.size} ${stats.mtimeMs} ${stats.ctimeMs}`;
}

function markNow(path: string): string {
  try {
    return mark(statSync(path));
  } catch {
    return '';
  }
}

function inode({ dev, ino }: Stats): string {
  return `${dev} ${ino}`;
}
