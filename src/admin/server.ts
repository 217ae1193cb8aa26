/**
 * The admin listener: HTTP for the admin API, metrics, probes and the dashboard.
 *
 * It runs on the main thread, beside the data threads, so that it answers while they are overloaded or drain. Everything it
 * does is bounded: connections, heads, bodies, waiting answers, readers of events, and time.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Endpoint } from '../connection.ts';
import { bindServer, type ListenAddress, type UnixAddress } from '../listener.ts';
import { Gate } from './auth.ts';
import type { Control } from './control.ts';
import { Desk } from './desk.ts';
import { EventReaders, type EventOptions } from './events.ts';
import { PROBLEM_TYPE, rawProblem, RequestProblem } from './problem.ts';
import { forgetToken, obtainToken } from './token.ts';

/** As the configuration has it. */
export interface AdminConfig {
  readonly at: ListenAddress | UnixAddress;
  /** Undefined: from the file; without one, a token is made and kept where {@link file://./token.ts tokenFileOf} says. */
  readonly token: string | undefined;
  readonly tokenFile: string | undefined;
  /** Origins of other pages that may ask: `https://ops.example`. */
  readonly cors: readonly string[];
  /** Names it goes by, beside addresses and `localhost`. */
  readonly hosts: readonly string[];
  /** Who may read metrics. */
  readonly metrics: 'open' | 'token';
}

export interface AdminOptions extends AdminConfig {
  /** A listening socket that is there already; undefined: one is bound. */
  readonly fd?: number | undefined;
  /** Other processes may listen there as well, for the time of an upgrade. @default false */
  readonly reusePort?: boolean;
  /** Hears what nobody foresaw, with the request it was met in. */
  readonly report?: (error: unknown, request: string) => void;
  readonly events?: EventOptions;
}

export interface AdminServer {
  readonly endpoint: Endpoint;
  /** Of the dashboard, with a slash at its end; undefined on a Unix socket. */
  readonly url: string | undefined;
  /** Not a field: objects are printed, tokens never. */
  token(): string;
  /**
   * Ends all connections; those with an answer on its way get a second.
   * @param handedOver Another process serves on, by the same token. Default: none does.
   */
  close(handedOver?: boolean): Promise<void>;
}

/** Milliseconds, bytes, counts. */
const LIMITS = {
  headersTimeout: 5000,
  requestTimeout: 15_000,
  keepAliveTimeout: 10_000,
  connectionsCheckingInterval: 1000,
  maxHeaderSize: 16_384,
};
const MOST_CONNECTIONS = 256;
/** Without a byte either way: a reader of events hears something far more often. */
const SOCKET_IDLE_MS = 60_000;
/** For answers that are on their way when it closes. */
const GRACE_MS = 1000;
const BACKLOG = 512;

/** @throws StartError */
export async function startAdmin(options: AdminOptions, control: Control): Promise<AdminServer> {
  const report = options.report ?? ((): void => {});
  const events = new EventReaders(control, (error) => report(error, 'events'), options.events);
  // The gate is built when the port is known, which a token of our own making is kept by.
  let desk: Desk | undefined;
  const server = createServer({ ...LIMITS, requireHostHeader: false, noDelay: true }, (request, response) => {
    if (desk === undefined) request.destroy();
    else void desk.serve(request, response);
  });
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  harden(server, (socket) => desk?.isBusy(socket) === true);
  const endpoint = await open(server, options);
  server.on('error', (error) => report(error, 'accept'));
  try {
    const token = obtainToken(options, placeOf(options.at, endpoint));
    const gate = new Gate({ ...options, token, unix: 'path' in options.at });
    desk = new Desk({ gate, events, control, metrics: options.metrics, report });
    return {
      endpoint,
      url: urlOf(endpoint),
      token: () => token,
      close: async (handedOver = false) => {
        await close(server, sockets, events);
        // Nobody will look for a port that the kernel chose this once.
        if (!handedOver && isPassing(options)) forgetToken(placeOf(options.at, endpoint));
      },
    };
  } catch (error) {
    await close(server, sockets, events);
    throw error;
  }
}

async function open(server: Server, { at, fd, reusePort }: AdminOptions): Promise<Endpoint> {
  if (fd === undefined) return await bindServer(server, at, reusePort);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ fd, backlog: BACKLOG }, resolve);
  await promise;
  server.off('error', reject);
  const bound = server.address();
  if (bound !== null && typeof bound === 'object') return { address: bound.address, port: bound.port };
  return { address: 'path' in at ? `unix:${at.path}` : 'unix', port: 0 };
}

/**
 * Bounds and answers for whatever is no request.
 * @param isBusy Whether an answer is under way there: behind it, another one would be taken for a part of it.
 */
function harden(server: Server, isBusy: (socket: Duplex) => boolean): void {
  server.maxConnections = MOST_CONNECTIONS;
  server.maxHeadersCount = 100;
  server.timeout = SOCKET_IDLE_MS;
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (error.code === 'ECONNRESET' || !socket.writable || isBusy(socket)) socket.destroy();
    else dismiss(socket as Socket, explain(error));
  });
  server.on('connect', (_: IncomingMessage, socket: Socket) => {
    const problem = new RequestProblem(405, 'this is no proxy: it has no CONNECT', { Allow: 'GET, HEAD' });
    dismiss(socket, problem);
  });
  server.on('upgrade', (_: IncomingMessage, socket: Socket) => {
    dismiss(socket, new RequestProblem(400, 'there is nothing to upgrade to'));
  });
  server.on('checkExpectation', (_: IncomingMessage, response: ServerResponse) => {
    const problem = new RequestProblem(417, 'of all expectations only 100-continue is met');
    response.writeHead(417, { 'Content-Type': PROBLEM_TYPE, Connection: 'close' });
    response.end(JSON.stringify(problem));
  });
}

/** The last answer on a connection, and some time to read it. */
function dismiss(socket: Socket, problem: RequestProblem): void {
  socket.on('error', () => {});
  socket.setTimeout(0);
  const cut = setTimeout(() => socket.destroy(), GRACE_MS);
  socket.once('close', () => clearTimeout(cut));
  socket.resume();
  socket.end(rawProblem(problem));
}

function explain({ code }: NodeJS.ErrnoException): RequestProblem {
  if (code === 'HPE_HEADER_OVERFLOW')
    return new RequestProblem(431, 'the head of the request is larger than 16 KiB');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new RequestProblem(408, 'the request did not arrive in time');
  return new RequestProblem(400, 'this is not a valid HTTP/1.1 request');
}

const isPassing = ({ at, token, tokenFile }: AdminOptions): boolean =>
  'port' in at && at.port === 0 && (token ?? tokenFile) === undefined;

function placeOf(at: AdminOptions['at'], { address, port }: Endpoint): ListenAddress | UnixAddress {
  return 'path' in at ? at : { host: address, port };
}

function urlOf({ address, port }: Endpoint): string | undefined {
  if (address.startsWith('unix')) return undefined;
  const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}/`;
}

async function close(server: Server, sockets: ReadonlySet<Socket>, events: EventReaders): Promise<void> {
  events.close();
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeIdleConnections();
  const cut = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, GRACE_MS);
  await promise;
  clearTimeout(cut);
}
