/** Where inputs lie: one folder a target in `corpus` and in `crashes`. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TargetName } from './targets.ts';

/** An input that lies in a file. */
export interface Stored {
  readonly file: string;
  readonly bytes: Buffer;
}

export type Shelf = 'corpus' | 'crashes';

/** `corpus` holds inputs worth starting from, `crashes` those that once broke something. */
function folderOf(kind: Shelf, target: TargetName): string {
  return fileURLToPath(new URL(`./${kind}/${target}/`, import.meta.url));
}

/** In the order of the file names; a folder that is not there is empty. */
export function stored(kind: Shelf, target: TargetName): Stored[] {
  const folder = folderOf(kind, target);
  let names: string[];
  try {
    names = readdirSync(folder).toSorted();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names.map((name) => ({ file: folder + name, bytes: readFileSync(folder + name) }));
}

/** @returns The path of the file. */
export function save(kind: Shelf, target: TargetName, input: Uint8Array): string {
  const folder = folderOf(kind, target);
  mkdirSync(folder, { recursive: true });
  const file = folder + createHash('sha256').update(input).digest('hex').slice(0, 12);
  writeFileSync(file, input);
  return file;
}
