/** A real `gyre serve` with its admin listener on, and commands that talk to it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Status } from '../../src/admin/api.ts';
import { tokenFileOf } from '../../src/admin/token.ts';
import { AdminClient } from '../../src/cli/admin-client.ts';
import { findAdmin } from '../../src/cli/admin-place.ts';
import { eventually } from './gateway.ts';
import { Peer, Target } from './peer.ts';
import { runProgram, type Outcome, type RunOptions } from './program.ts';
import { GYRE_BIN, startGyre, type GyreProcess } from './program-gyre.ts';

export interface AdminGyre extends AsyncDisposable {
  readonly process: GyreProcess;
  /** `127.0.0.1:PORT` of the admin listener. */
  readonly admin: string;
  /** The configuration, which the test may change. */
  readonly file: string;
  /** Of commands: where generated tokens are. */
  readonly env: Readonly<Record<string, string>>;
  readonly target: Target;
  /** Runs `gyre` with these arguments and the address of the admin listener. */
  run(args: readonly string[], options?: RunOptions): Promise<Outcome>;
  /** The document `--json` prints. */
  json<T>(args: readonly string[]): Promise<T>;
  write(config: string): void;
  /** Ends all tunnels, and waits until the gateway has seen that: what one test leaves must not be in the next. */
  calm(): Promise<void>;
  /** A SOCKS5 tunnel to the target, as a user when there is one; what it writes can be counted on both sides. */
  tunnel(user?: string): Promise<{ readonly client: Peer; readonly remote: Peer }>;
}

/** @param config YAML beside `admin` and `listen`. */
export async function adminGyre(config: string, args: readonly string[] = []): Promise<AdminGyre> {
  const folder = mkdtempSync(join(tmpdir(), 'gyre-admin-'));
  const admin = `127.0.0.1:${await freePort()}`;
  const file = join(folder, 'gyre.yaml');
  const env = { XDG_RUNTIME_DIR: folder };
  const write = (text: string): void =>
    writeFileSync(file, `admin: ${admin}\nlisten: 127.0.0.1:0\n${text}`, { mode: 0o600 });
  write(config);
  const process = await startGyre(['--config', file, ...args], { env });
  const target = await Target.listen();
  const clients: Peer[] = [];
  const run = (words: readonly string[], options: RunOptions = {}): Promise<Outcome> =>
    runProgram(globalThis.process.execPath, [GYRE_BIN, ...words], {
      ...options,
      env: { ...env, GYRE_ADMIN: admin, ...options.env },
    });
  return {
    process,
    admin,
    file,
    env,
    target,
    run,
    write,
    json: async <T>(words: readonly string[]) => {
      const { code, stdout, stderr } = await run([...words, '--json']);
      if (stderr !== '' || stdout.trimEnd().includes('\n')) throw new Error(`${code}: ${stderr}${stdout}`);
      return JSON.parse(stdout) as T;
    },
    calm: async () => {
      for (const client of clients.splice(0)) client.reset();
      const tokenFile = tokenFileOf({ host: '127.0.0.1', port: Number(admin.split(':')[1]) }, env);
      const asking = new AdminClient(findAdmin({ admin, tokenFile }, {}));
      await eventually(
        'no connections',
        async () => (await asking.get<Status>('status')).totals.active === 0,
      );
    },
    tunnel: async (user) => {
      const client = await Peer.connect(process.port);
      clients.push(client);
      client.write(user === undefined ? '05 01 00' : '05 01 02');
      await client.read(2);
      if (user !== undefined) {
        client.write(Buffer.from([1, Buffer.byteLength(user), ...Buffer.from(user), 2, 0x70, 0x77]));
        await client.read(2);
      }
      client.write(Buffer.of(5, 1, 0, 1, 127, 0, 0, 1, target.port >> 8, target.port & 255));
      const answer = await client.read(10);
      if (answer[1] !== 0) throw new Error(`refused with ${answer[1]}`);
      return { client, remote: await target.accept() };
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.reset();
      await target[Symbol.asyncDispose]();
      await process[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

/** One that was free a moment ago: the admin listener's own is in no line that a test could read it from. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
