/** Every process of the bench: started here, pinned here, and ended here by its number, whatever happens. */
import { type ChildProcess, spawn, spawnSync, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { allowedCores, descriptorLimit, isAlive, processTree, type Seen } from './proc.ts';

export const START_DEADLINE_MS = 20_000;
const END_DEADLINE_MS = 5_000;
const RETRY_MS = 20;

export type Side = 'proxy' | 'load';

const running = new Set<ChildProcess>();
let stopping = false;

/** Where configurations, logs and the compiled floor live; removed at the end. */
export const folder: string = mkdtempSync(join(tmpdir(), 'gyre-bench-'));

/** The path of a program, looked for where daemons are too; undefined if it is not installed. */
export function findProgram(name: string): string | undefined {
  const places = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return places
    .map((place) => join(place, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** The cores given to this benchmark, before it pins itself. */
export const cores: readonly number[] = allowedCores();

/** The last core for the proxy alone, the others for everything else; undefined where that cannot be done. */
export const pinning:
  | { readonly taskset: string; readonly proxy: string; readonly load: string }
  | undefined = (() => {
  const taskset = findProgram('taskset');
  const cores = allowedCores();
  if (taskset === undefined || cores.length < 2) return undefined;
  return { taskset, proxy: String(cores.at(-1)), load: cores.slice(0, -1).join(',') };
})();

/** Moves the harness itself off the proxy's core. */
export function pinSelf(): void {
  if (pinning) spawnSync(pinning.taskset, ['-a', '-cp', pinning.load, String(process.pid)]);
}

/**
 * Lets this process, and what it starts from now on, open so many files, if that is allowed. Node itself has gone as far
 * as the hard limit already; this goes beyond, where it is root who runs.
 */
export function raiseDescriptors(count: number): void {
  const prlimit = findProgram('prlimit');
  if (prlimit === undefined || descriptorLimit() >= count) return;
  spawnSync(prlimit, ['--pid', String(process.pid), `--nofile=${count}:${count}`]);
}

export function start(side: Side, file: string, args: readonly string[], stdio: StdioOptions): ChildProcess {
  if (stopping) throw new Error('the benchmark is being stopped');
  const child = pinning
    ? spawn(pinning.taskset, ['-c', pinning[side], file, ...args], { stdio, cwd: folder })
    : spawn(file, args, { stdio, cwd: folder });
  running.add(child);
  child.once('exit', () => running.delete(child));
  child.once('error', () => running.delete(child));
  return child;
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

function killLeftovers(seen: readonly Seen[]): void {
  for (const process_ of seen) {
    try {
      if (isAlive(process_)) process.kill(process_.pid, 'SIGKILL');
    } catch {
      // It ended by itself in between.
    }
  }
}

/** Asks, waits, then insists; workers that outlive their parent are ended too. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || hasEnded(child)) return;
  const seen = processTree(child.pid);
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await Promise.race([exited, delay(END_DEADLINE_MS, undefined, { ref: false })]);
  killLeftovers(seen);
  if (!hasEnded(child)) await exited;
}

/** A port nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Resolves once the port accepts connections; rejects if the process ends first or never listens. */
export async function listening(child: ChildProcess, port: number): Promise<void> {
  const deadline = performance.now() + START_DEADLINE_MS;
  while (!(await answers(port))) {
    if (child.pid === undefined || hasEnded(child)) throw new Error('it ended at once');
    if (performance.now() > deadline)
      throw new Error(`it did not listen within ${START_DEADLINE_MS / 1000} s`);
    await delay(RETRY_MS);
  }
}

/** Ends everything at once; nothing can be started afterwards. */
export function stopAll(): void {
  if (stopping) return;
  stopping = true;
  for (const child of running) killLeftovers(child.pid === undefined ? [] : processTree(child.pid));
  rmSync(folder, { recursive: true, force: true });
}
