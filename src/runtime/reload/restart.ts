/** What cannot be changed while the program runs. */
import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../config.ts';
import { valueAt } from '../config/layers.ts';

/**
 * Threads, the format of lines and files that are kept over a restart are made once; the admin listener is what people see a
 * reload by.
 */
export const NEEDS_RESTART: readonly string[] = [
  'workers',
  'admin',
  'sessions.file',
  'limits.quotaFile',
  'log.format',
];

/**
 * @param running What is in use. @param wanted What is to be.
 * @returns what can be: as wanted, but for what takes a restart; and the paths of that, where it differs.
 */
export function untilRestart(
  running: Config,
  wanted: Config,
): { readonly config: Config; readonly needsRestart: readonly string[] } {
  let config = wanted;
  const needsRestart: string[] = [];
  for (const path of NEEDS_RESTART) {
    const steps = path.split('.');
    const kept = valueAt(running, steps);
    if (isDeepStrictEqual(kept, valueAt(wanted, steps))) continue;
    needsRestart.push(path);
    config = withValue(config, steps, kept) as Config;
  }
  return { config: Object.freeze(config), needsRestart };
}

function withValue(tree: unknown, [step, ...rest]: readonly string[], value: unknown): unknown {
  if (step === undefined) return value;
  const branch = tree as Readonly<Record<string, unknown>>;
  return { ...branch, [step]: withValue(branch[step], rest, value) };
}
