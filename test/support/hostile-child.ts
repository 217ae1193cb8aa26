/** The process of `hostile-gateway.ts`, seen from the test. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { GyreOptions } from '../../src/runtime/config.ts';
import type { FromGateway, Health, ToGateway } from './hostile-gateway.ts';

const PROGRAM = fileURLToPath(new URL('hostile-gateway.ts', import.meta.url));
const END_MS = 5000;

export interface GatewayChild extends AsyncDisposable {
  readonly pid: number;
  /** Starts gateways; answers the ports of their listeners, in order. Once. */
  start(options: readonly GyreOptions[]): Promise<readonly (readonly number[])[]>;
  health(): Promise<readonly Health[]>;
  /** What it has said on stderr. */
  log(): string;
  /** How it ended; undefined while it lives. */
  death(): string | undefined;
}

export function startChild(): GatewayChild {
  // The flags of the test runner are not meant for it.
  const child = fork(PROGRAM, { execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let log = '';
  let death: string | undefined;
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (log += text));
  const gone = Promise.withResolvers<never>();
  gone.promise.catch(() => {});
  child.on('exit', (code, signal) => {
    death = `the gateways ended with ${signal ?? code}`;
    gone.reject(new Error(`${death}\n${log}`));
  });
  const ask = async (message: ToGateway): Promise<FromGateway> => {
    const answer = Promise.withResolvers<FromGateway>();
    child.once('message', (said: FromGateway) => answer.resolve(said));
    child.send(message);
    return await Promise.race([answer.promise, gone.promise]);
  };
  return {
    pid: child.pid!,
    start: async (start) => ((await ask({ start })) as Extract<FromGateway, { ports: unknown }>).ports,
    health: async () => ((await ask('how are you')) as Extract<FromGateway, { health: unknown }>).health,
    log: () => log,
    death: () => death,
    async [Symbol.asyncDispose]() {
      if (death !== undefined) return;
      const ended = once(child, 'exit');
      child.disconnect();
      const kill = setTimeout(() => child.kill('SIGKILL'), END_MS);
      await ended;
      clearTimeout(kill);
    },
  };
}
