/** Gyre itself as a program: the real command line in a process of its own, ended with the test. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment } from './program.ts';

export interface GyreProcess extends AsyncDisposable {
  /** Of the first listener. */
  readonly port: number;
  /** Of every listener, in the order of the configuration. */
  readonly ports: readonly number[];
  /** `127.0.0.1:PORT`, as most clients want it. */
  readonly address: string;
  /** The line that says everything listens. */
  readonly ready: string;
  /** Everything it has logged so far. */
  log(): string;
}

export interface GyreOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Words before the command, for example `ip netns exec NAME`. */
  readonly prefix?: readonly string[];
}

/** The command line under test. TEST_GYRE points the same cases at another build, such as an installed package. */
export const GYRE_BIN: string =
  process.env['TEST_GYRE'] ?? fileURLToPath(new URL('../../bin/gyre.js', import.meta.url));

const READY_MS = 20_000;
const END_MS = 5_000;

/** Runs `gyre serve` with these arguments; resolves when it is ready, rejects with its log when it ends before that. */
export async function startGyre(args: readonly string[], options: GyreOptions = {}): Promise<GyreProcess> {
  const command = [...(options.prefix ?? []), process.execPath, GYRE_BIN, 'serve', ...args];
  const child = spawn(command[0]!, command.slice(1), {
    env: { ...cleanEnvironment(), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (log += chunk));
  try {
    const ready = await readyLine(child);
    const ports = Array.from(ready.matchAll(/:(\d+)(?=[, ])/g), ([, digits]) => Number(digits));
    const port = ports[0]!;
    return {
      port,
      ports,
      address: `127.0.0.1:${port}`,
      ready,
      log: () => log,
      [Symbol.asyncDispose]: () => end(child),
    };
  } catch (error) {
    await end(child);
    throw new Error(`gyre serve ${args.join(' ')} did not become ready:\n${log}`, { cause: error });
  }
}

async function readyLine(child: ChildProcess): Promise<string> {
  const waiting = AbortSignal.timeout(READY_MS);
  const ready = Promise.withResolvers<string>();
  child.once('error', ready.reject);
  child.once('exit', (code, signal) => ready.reject(new Error(`it ended with ${code ?? signal}`)));
  waiting.addEventListener('abort', () => ready.reject(new Error(`not within ${READY_MS} ms`)), {
    once: true,
  });
  // The reader stays for the life of the process, so that a later line on stdout never fills the pipe.
  createInterface(child.stdout!).on('line', (line) => {
    if (line.startsWith('gyre ready')) ready.resolve(line);
  });
  return await ready.promise;
}

/** SIGTERM lets tunnels drain; clients that linger must not hold the tests up, so SIGKILL follows. */
async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const kill = setTimeout(() => child.kill('SIGKILL'), END_MS);
  await ended;
  clearTimeout(kill);
}
