/** A gateway with an admin listener, something to be seen on it, and a browser that looks. */
import { once } from 'node:events';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  chromium,
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type Page,
} from 'playwright-core';
import { loadConfig, type GyreOptions, type LoadedConfig } from '../../src/runtime/config.ts';
import { startGateway, type Gateway } from '../../src/runtime/gateway.ts';
import { socksRequest } from './gateway.ts';
import { Peer } from './peer.ts';
import { findProgram } from './program.ts';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-sync',
];

export interface World extends AsyncDisposable {
  readonly gateway: Gateway;
  /** The dashboard, without and with its token. */
  readonly url: string;
  readonly link: string;
  /** Of the echo that traffic goes to. */
  readonly targetPort: number;
  /** Writes the file anew; a reload takes it up. */
  configure(change: Partial<GyreOptions>): Promise<void>;
  /** The file as it is, whatever it is. */
  scribble(text: string): Promise<void>;
  /** A tunnel that stands. @param user Logs in as. @param port Of the target; default the echo's. */
  tunnel(user?: string, port?: number): Promise<Peer>;
}

export const USER_PASSWORD = 's3cret';

/** @param options Beside an admin listener, one port, and loopback targets. */
export async function startWorld(options: Partial<GyreOptions> = {}): Promise<World> {
  const leaving = new AsyncDisposableStack();
  const { path: folder } = leaving.use(await mkdtempDisposable(join(tmpdir(), 'gyre-dashboard-')));
  const file = join(folder, 'gyre.yaml');
  const base: Partial<GyreOptions> = {
    listen: '127.0.0.1:0',
    pool: '127.0.0.2-127.0.0.9',
    workers: 1,
    admin: '127.0.0.1:0',
    targets: { allowPrivate: true },
    log: { level: 'info', access: 'off' },
    ...options,
    timeouts: { drain: '50ms', ...options.timeouts },
  };
  // JSON is YAML.
  const configure = (change: Partial<GyreOptions>): Promise<void> =>
    writeFile(file, JSON.stringify({ ...base, ...change }, null, 2));
  await configure({});
  const reloadFrom = (): LoadedConfig => loadConfig({ file, environment: {} });
  const { config, notes } = reloadFrom();
  const gateway = leaving.use(await startGateway(config, { file, reloadFrom, notes }));
  const target = leaving.use(await startEchoTarget());
  const url = gateway.dashboard(false)!;
  return {
    gateway,
    url,
    link: gateway.dashboard(true)!,
    targetPort: target.port,
    configure,
    scribble: (text) => writeFile(file, text),
    tunnel: (user, port = target.port) => openTunnel(gateway.endpoints[0]!.port, port, user),
    [Symbol.asyncDispose]: () => leaving.disposeAsync(),
  };
}

async function openTunnel(port: number, targetPort: number, user: string | undefined): Promise<Peer> {
  const client = await Peer.connect(port);
  client.write(Buffer.of(5, 1, user === undefined ? 0 : 2));
  await client.read(2);
  if (user !== undefined) {
    const [name, password] = [Buffer.from(user), Buffer.from(USER_PASSWORD)];
    client.write(Buffer.concat([Buffer.of(1, name.length), name, Buffer.of(password.length), password]));
    const [, failed] = await client.read(2);
    if (failed !== 0) throw new Error(`${user} may not come in`);
  }
  client.write(socksRequest(targetPort));
  const answer = await client.read(10);
  if (answer[1] !== 0) throw new Error(`refused with REP ${answer[1]}`);
  return client;
}

async function startEchoTarget(): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Everything a page should not have said: errors on its console, exceptions, what its policy has refused. */
export type Complaints = string[];

export interface Eyes {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly complaints: Complaints;
}

export async function openBrowser(): Promise<Browser & AsyncDisposable> {
  const executablePath = findProgram('chromium')!;
  return await chromium.launch({ executablePath, args: FLAGS, timeout: 40_000 });
}

/** A page of its own, with nothing kept from others. */
export async function look(
  browser: Browser,
  link: string,
  options: BrowserContextOptions = {},
): Promise<Eyes> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const complaints: Complaints = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(link);
  return { context, page, complaints };
}
