/** An admin listener for one test: of a stand-in that says what it is told to, or of a real gateway. */
import { EventEmitter } from 'node:events';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import type { Control } from '../../src/admin/control.ts';
import { startAdmin, type AdminOptions, type AdminServer } from '../../src/admin/server.ts';
import { Peer } from './peer.ts';
import { statusSample } from './admin-samples.ts';

export const TOKEN = 'a-token-for-tests-0123456789';

/** What was met that nobody foresaw: none, in a test that ends well. */
export class StandIn extends EventEmitter implements Control {
  ready = true;
  readonly drained: (number | undefined)[] = [];
  readonly reports: unknown[] = [];

  status: Control['status'] = () => statusSample();
  pools: Control['pools'] = () => [];
  poolMap: Control['poolMap'] = (pool) => ({ pool, total: 0, states: '', tunnels: '' });
  egresses: Control['egresses'] = ({ offset }) => ({ total: 0, offset, items: [] });
  act: Control['act'] = () => Promise.reject(new Error('not in this test'));
  sessions: Control['sessions'] = ({ offset }) => Promise.resolve({ total: 0, offset, items: [] });
  pinSession: Control['pinSession'] = () => Promise.reject(new Error('not in this test'));
  dropSession: Control['dropSession'] = () => Promise.resolve(false);
  tunnels: Control['tunnels'] = () => Promise.resolve({ total: 0, offset: 0, items: [], silent: [] });
  cutTunnels: Control['cutTunnels'] = () => Promise.resolve(0);
  users: Control['users'] = ({ offset }) => ({ total: 0, offset, items: [] });
  config: Control['config'] = () => ({ ...statusSample().config, config: {}, history: [] });
  reload: Control['reload'] = () => Promise.reject(new Error('not in this test'));
  log: Control['log'] = () => [];
  metrics: Control['metrics'] = () => Promise.resolve('up 1\n');

  drain(deadlineMs?: number): void {
    this.drained.push(deadlineMs);
  }

  override on(event: string, listener: (said: never) => void): never {
    super.on(event, listener as () => void);
    return (() => this.off(event, listener as () => void)) as never;
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Undefined for what is no JSON. */
  readonly json: Record<string, unknown> | undefined;
}

export interface Asking {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Undefined: none is sent. */
  readonly token?: string | undefined;
}

/** One request on a connection of its own, with the right token unless another is given. */
export function ask(
  { endpoint, token }: Pick<AdminServer, 'endpoint' | 'token'>,
  path: string,
  asking: Asking = {},
): Promise<Answer> {
  const { method = 'GET', headers = {}, body } = asking;
  const shown = 'token' in asking ? asking.token : token();
  const where = endpoint.address.startsWith('unix:')
    ? { socketPath: endpoint.address.slice('unix:'.length) }
    : { host: endpoint.address, port: endpoint.port };
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const sent = httpRequest(
    {
      ...where,
      method,
      path,
      agent: false,
      timeout: 15_000,
      headers: {
        ...(shown !== undefined && { Authorization: `Bearer ${shown}` }),
        // Node leaves it out with DELETE.
        ...(body !== undefined && { 'Content-Length': String(Buffer.byteLength(body)) }),
        ...headers,
      },
    },
    (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const isJson = /json/.test(response.headers['content-type'] ?? '') && text !== '';
        const json = isJson ? (JSON.parse(text) as Record<string, unknown>) : undefined;
        resolve({ status: response.statusCode!, headers: response.headers, text, json });
      });
    },
  );
  sent.on('error', reject);
  sent.on('timeout', () => sent.destroy(new Error(`no answer to ${method} ${path}`)));
  sent.end(body);
  return promise;
}

export const jsonBody = (value: unknown): Asking => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(value),
});

export interface TestAdmin extends AdminServer, AsyncDisposable {
  readonly control: StandIn;
}

/** On a port of the kernel's choice; every report of something unforeseen is kept by the stand-in. */
export async function standInAdmin(
  options: Partial<AdminOptions> = {},
  control: StandIn = new StandIn(),
): Promise<TestAdmin> {
  const admin = await startAdmin(
    {
      at: { host: '127.0.0.1', port: 0 },
      token: TOKEN,
      tokenFile: undefined,
      cors: [],
      hosts: [],
      metrics: 'open',
      report: (error) => control.reports.push(error),
      ...options,
    },
    control,
  );
  return { ...admin, control, [Symbol.asyncDispose]: () => admin.close() };
}

/** What a connection hears that says just this. */
export async function say(admin: TestAdmin, bytes: Buffer | string): Promise<Peer> {
  const peer = await Peer.connect(admin.endpoint.port);
  peer.socket.write(bytes);
  return peer;
}

/** Errors that come before it are no news: `once` of events would take them for its own. */
export const closing = ({ socket }: Peer): Promise<void> =>
  new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
  });

/** Fields of a request that is let in. */
export const AUTH: string = `Host: 127.0.0.1\r\nAuthorization: Bearer ${TOKEN}\r\n`;
