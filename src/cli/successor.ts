/**
 * Upgrade in place: a running Gyre starts the program that is on disk now, gives it its listening sockets, and leaves when the
 * new one serves. The sockets never close, so no connection that waits in them is lost, and none is refused.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { handoverVariables, type ListeningSocket } from '../runtime/inherited.ts';

/** In which the new process has to be ready; sources of its pool may take their time. Milliseconds. */
export const READY_MS = 120_000;
/** Of what the new process reports; more is no report of ours. */
const MOST_REPORT = 4096;
const READY = 'ready';

/** What a program is started by a second time. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly argv0: string;
}

/** This program, as it was started, from what is on disk now: `process.argv` still has what `hide.ts` took from view. */
export function thisProgram(): Program {
  const [, ...args] = process.argv;
  return { command: process.execPath, args: [...process.execArgv, ...args], argv0: process.argv0 };
}

/** What a successor is given. */
export interface Estate {
  readonly sockets: readonly ListeningSocket[];
  /** They are systemd's. */
  readonly activated: boolean;
}

export interface SuccessorOptions {
  /** @default {@link thisProgram} */
  readonly program?: Program;
  /** @default 120_000 */
  readonly readyMs?: number;
  /** Ends it, unless it serves by then. */
  readonly signal?: AbortSignal;
}

/**
 * @returns The process id of the new process, which serves by now.
 * @throws Error that says why it does not; it has ended then.
 */
export async function startSuccessor(
  { sockets, activated }: Estate,
  { program = thisProgram(), readyMs = READY_MS, signal }: SuccessorOptions = {},
): Promise<number> {
  const { command, args, argv0 } = program;
  const child = spawn(command, args, {
    argv0,
    stdio: ['inherit', 'inherit', 'inherit', ...sockets.map(({ fd }) => fd), 'pipe'],
    env: { ...withoutOurs(process.env), ...handoverVariables(sockets.length, activated) },
  });
  const late = setTimeout(() => child.kill('SIGKILL'), readyMs);
  const stop = (): void => void child.kill('SIGTERM');
  signal?.addEventListener('abort', stop);
  try {
    const ended = endOf(child);
    const report = await Promise.race([reportOf(child.stdio.at(-1) as Readable), ended]);
    if (report === READY) return child.pid!;
    const end = await ended;
    throw new Error(report === end || report === '' ? end : report);
  } finally {
    clearTimeout(late);
    signal?.removeEventListener('abort', stop);
    // It is nobody's child any more: this process may end before it.
    child.unref();
  }
}

/** What systemd says to the old process only. */
function withoutOurs({ WATCHDOG_PID: _, ...environment }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return environment;
}

/** How it ended, in words. */
async function endOf(child: ChildProcess): Promise<string> {
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    if (signal === 'SIGKILL') return 'the new process was not ready in time, or was killed';
    return `the new process ended with ${signal ?? `exit code ${code}`} before it was ready`;
  } catch (error) {
    return `the new process could not be started: ${(error as Error).message}`;
  }
}

/** A line, or what there is of it when the pipe ends. */
async function reportOf(pipe: Readable): Promise<string> {
  let text = '';
  pipe.setEncoding('utf8').on('error', () => {});
  for await (const chunk of pipe as AsyncIterable<string>) {
    text += chunk;
    if (text.includes('\n') || text.length > MOST_REPORT) break;
  }
  return text.split('\n', 1)[0]!;
}

/** The new process' side: tells the old one, once. */
export class Predecessor {
  #fd: number | undefined;

  /** @param fd Undefined: there is none. */
  constructor(fd: number | undefined) {
    this.#fd = fd;
  }

  ready(): void {
    this.#say(READY);
  }

  /** @param why A sentence. */
  failed(why: string): void {
    this.#say(why.replaceAll('\n', ' '));
  }

  #say(line: string): void {
    if (this.#fd === undefined) return;
    const fd = this.#fd;
    this.#fd = undefined;
    try {
      writeSync(fd, `${line}\n`);
    } catch {
      // It has ended meanwhile: there is nobody to relieve.
    }
    closeSync(fd);
  }
}
