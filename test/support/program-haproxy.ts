/** HAProxy in front of a gateway, as a load balancer that says who its client is. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { eventually } from './gateway.ts';
import { cleanEnvironment, findProgram } from './program.ts';

export interface Balancer extends AsyncDisposable {
  readonly port: number;
}

/**
 * @param folder Where its configuration file is written.
 * @param server How it speaks to the gateway, as its configuration has it: `127.0.0.1:1080 send-proxy`.
 */
export async function startHaproxy(folder: string, server: string): Promise<Balancer> {
  const port = await freePort();
  const file = join(folder, `haproxy-${port}.cfg`);
  await writeFile(file, configuration(port, server));
  // -db: in the foreground.
  const child = spawn(findProgram('haproxy')!, ['-db', '-q', '-f', file], {
    env: cleanEnvironment(),
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(child, 'exit');
  await eventually('HAProxy listens', () => accepts(port));
  return {
    port,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function configuration(port: number, server: string): string {
  return [
    'defaults',
    '  mode tcp',
    '  timeout connect 5s',
    '  timeout client 30s',
    '  timeout server 30s',
    'listen gyre',
    `  bind 127.0.0.1:${port}`,
    `  server gyre ${server}`,
    '',
  ].join('\n');
}

/** HAProxy cannot be asked for a port of the kernel's choice. */
async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
