/** What the doctor sees of a host: files of /proc, /sys and /run, and what a few programs say. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Milliseconds; none of the programs has to think for long. */
const PROGRAM_MS = 3000;

export interface System {
  /** A file as text; undefined when it is not there or may not be read. @param path Absolute. */
  read(path: string): string | undefined;
  /** The names in a folder; none when it is not there. @param path Absolute. */
  list(path: string): readonly string[];
  /** What a program prints; undefined when it is not there, fails, or takes too long. */
  run(command: string, ...args: readonly string[]): Promise<string | undefined>;
}

/** @param root What stands for `/`: a recorded tree in tests. */
export function systemAt(root = '/', run: System['run'] = runProgram): System {
  return {
    read(path) {
      try {
        return readFileSync(join(root, path), 'utf8');
      } catch {
        return undefined;
      }
    },
    list(path) {
      try {
        return readdirSync(join(root, path));
      } catch {
        return [];
      }
    },
    run,
  };
}

/** A setting of /proc/sys by its name in sysctl(8), trimmed; undefined when this kernel has none. */
export function sysctl(system: System, name: string): string | undefined {
  return system.read(`/proc/sys/${name.replaceAll('.', '/')}`)?.trim();
}

/** As {@link sysctl}, for a whole number. */
export function sysctlNumber(system: System, name: string): number | undefined {
  const text = sysctl(system, name);
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;
}

function runProgram(command: string, ...args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const options = { timeout: PROGRAM_MS, killSignal: 'SIGKILL', encoding: 'utf8' } as const;
    execFile(command, args, options, (error, stdout) => resolve(error === null ? stdout : undefined));
  });
}
