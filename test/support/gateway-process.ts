/** The process of `gateway-main.ts`, seen from the test. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { GyreOptions } from '../../src/runtime/config.ts';
import type { Order, Report } from './gateway-main.ts';

const PROGRAM = fileURLToPath(new URL('gateway-main.ts', import.meta.url));
const END_MS = 5000;
/** `sysconf(_SC_CLK_TCK)` of Linux. */
const TICKS_PER_S = 100;

export interface GatewayProcess extends AsyncDisposable {
  readonly pid: number;
  readonly ports: readonly number[];
  report(): Promise<Report>;
  /** Has it use so much memory beside its own; bytes. */
  hold(bytes: number): Promise<Report>;
  /** Processor time used so far, in seconds. */
  cpu(): number;
  /** What it has said on stderr. */
  log(): string;
  /** How it ended; undefined while it lives. */
  death(): string | undefined;
}

/** Defaults as in `gateway.ts`, but a log of everything. @param openFiles Descriptors it may have; default: as we. */
export async function gatewayProcess(
  options: Partial<GyreOptions>,
  openFiles?: number,
): Promise<GatewayProcess> {
  const limit = openFiles === undefined ? '' : `ulimit -n ${openFiles}; `;
  const words = ['-c', `${limit}exec "$@"`, 'bash', process.execPath, '--expose-gc', PROGRAM];
  const child = spawn('bash', words, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let log = '';
  let death: string | undefined;
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (log += text));
  const gone = Promise.withResolvers<never>();
  gone.promise.catch(() => {});
  child.on('exit', (code, signal) => {
    death = `the gateway ended with ${signal ?? code}`;
    gone.reject(new Error(`${death}\n${log}`));
  });
  const tell = async (order: Order): Promise<Report> => {
    const answer = Promise.withResolvers<Report>();
    child.once('message', (report: Report) => answer.resolve(report));
    child.send(order);
    return await Promise.race([answer.promise, gone.promise]);
  };
  const end = async (): Promise<void> => {
    if (death !== undefined) return;
    const ended = once(child, 'exit');
    child.disconnect();
    const kill = setTimeout(() => child.kill('SIGKILL'), END_MS);
    await ended;
    clearTimeout(kill);
  };
  const start: GyreOptions = {
    listen: '127.0.0.1:0',
    pool: '127.0.0.2-127.0.0.9',
    workers: 0,
    targets: { allowPrivate: true },
    ...options,
    log: { level: 'debug', format: 'json', access: 'off', ...options.log },
    timeouts: { drain: '50ms', ...options.timeouts },
  };
  try {
    const { ports } = await tell({ start });
    return {
      pid: child.pid!,
      ports,
      report: () => tell('report'),
      hold: (bytes) => tell({ hold: bytes }),
      cpu: () => cpuOf(child.pid!),
      log: () => log,
      death: () => death,
      [Symbol.asyncDispose]: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** `utime` and `stime` of proc_pid_stat(5). */
function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The name of the program may have anything in it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}
