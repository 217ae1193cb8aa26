/** Other people's programs, run as their users run them, but under a deadline and in a clean environment. */
import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';

/** How a program ended. `code` is null when a signal ended it. */
export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Added to {@link cleanEnvironment}. */
  readonly env?: Readonly<Record<string, string>>;
  /** Written to the program's stdin, which is then closed. */
  readonly input?: string;
  readonly cwd?: string;
  /** Milliseconds until the program and its children are killed. @default 20_000 */
  readonly timeoutMs?: number;
}

/** System programs (`sshd`, `ip`) live outside an ordinary user's PATH. */
const FOLDERS = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
const OUTPUT_LIMIT = 4 * 1024 * 1024;

/** Children that still run: none of them outlives the test file, whatever happens to it. */
const running = new Set<number>();
process.once('exit', () => running.forEach(killGroup));

/** The path of an installed program, or undefined. */
export function findProgram(name: string): string | undefined {
  const candidates = isAbsolute(name) ? [name] : FOLDERS.map((folder) => join(folder, name));
  return candidates.find(isExecutable);
}

/**
 * The environment every program gets: no proxy settings, no locale, no personal configuration. A variable set on the
 * machine (`no_proxy=127.0.0.1`, for one) would send a client straight to the target and let a case pass for nothing.
 */
export function cleanEnvironment(): Record<string, string> {
  return { PATH: FOLDERS.join(delimiter), HOME: tmpdir(), LANG: 'C', LC_ALL: 'C' };
}

/** Runs a program to its end. A program that does not end in time is an error; a non-zero exit is an {@link Outcome}. */
export async function runProgram(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Outcome> {
  const { timeoutMs = 20_000 } = options;
  const child = spawn(findProgram(command) ?? command, args, {
    cwd: options.cwd,
    env: { ...cleanEnvironment(), ...options.env },
    // A group of its own, so that the deadline also reaches what the program started (ssh → nc, git → git-remote-https).
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const { pid } = child;
  if (pid !== undefined) running.add(pid);
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  child.stdin.on('error', () => {}); // EPIPE: the program ended without reading, and its exit code says so.
  child.stdin.end(options.input);

  const ended = Promise.withResolvers<Pick<Outcome, 'code' | 'signal'>>();
  const deadline = setTimeout(() => {
    if (pid !== undefined) killGroup(pid);
    ended.reject(new Error(`${command} did not end within ${timeoutMs} ms\n${stdout()}\n${stderr()}`));
  }, timeoutMs);
  child.once('error', ended.reject);
  child.once('close', (code, signal) => ended.resolve({ code, signal }));
  try {
    const { code, signal } = await ended.promise;
    return { code, signal, stdout: stdout(), stderr: stderr() };
  } finally {
    clearTimeout(deadline);
    if (pid !== undefined) running.delete(pid);
  }
}

/** Keeps the first {@link OUTPUT_LIMIT} characters of a stream and lets the rest go by. */
function collect(stream: NodeJS.ReadableStream): () => string {
  let text = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    if (text.length < OUTPUT_LIMIT) text += chunk;
  });
  return () => text;
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // ESRCH: it ended by itself.
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
