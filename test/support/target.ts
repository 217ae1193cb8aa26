/** An HTTP server to be reached through the proxy: it tells every caller which address it came from. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Certificate } from './tls.ts';

/** One request as the target saw it. */
export interface Visit {
  /** The caller's address: behind a proxy, the egress. */
  readonly address: string;
  readonly port: number;
  readonly method: string;
  readonly url: string;
  /** Names and values by turns, as they were sent. */
  readonly rawHeaders: readonly string[];
}

export interface Target extends AsyncDisposable {
  readonly port: number;
  /** `http://127.0.0.1:PORT` or `https://...`, without a slash at the end. */
  readonly origin: string;
  /** Every request since the last {@link takeVisits}, oldest first. */
  takeVisits(): Visit[];
}

export type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

export interface TargetOptions {
  /** Speak TLS with this certificate. */
  readonly certificate?: Certificate;
  /** @default '127.0.0.1' */
  readonly host?: string;
  /** @default {@link answer} */
  readonly handler?: Handler;
}

/** Starts a target on a free port. */
export async function startTarget(options: TargetOptions = {}): Promise<Target> {
  const { certificate, host = '127.0.0.1', handler = answer } = options;
  let visits: Visit[] = [];
  const listener: Handler = (request, response) => {
    visits.push(visitOf(request));
    handler(request, response);
  };
  const server =
    certificate === undefined ? http.createServer(listener) : https.createServer(certificate, listener);
  server.on('checkContinue', (request, response) => {
    if (request.url !== REFUSES_BODY) response.writeContinue();
    listener(request, response);
  });
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const authority = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return {
    port,
    origin: `${certificate === undefined ? 'http' : 'https'}://${authority}`,
    takeVisits() {
      const taken = visits;
      visits = [];
      return taken;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** @returns what a target notes of a request. */
export function visitOf({ socket, method = '', url = '', rawHeaders }: http.IncomingMessage): Visit {
  const { remoteAddress = '', remotePort = 0 } = socket;
  return { address: remoteAddress, port: remotePort, method, url, rawHeaders };
}

/** A path whose body nobody may send: who asks first (`Expect: 100-continue`) hears 413 at once. */
export const REFUSES_BODY = '/refuses-body';
/** A path whose answer comes after a 103 with the link `</style.css>; rel=preload`. */
export const HINTS_EARLY = '/hints-early';

/**
 * `POST`: the request's body, back. `PUT`: a line with its digest as third word. `/page`: a web page with many resources.
 * Anything else: one line with the caller's address and the path, so that an answer proves both who asked and what was
 * asked.
 */
export function answer(request: http.IncomingMessage, response: http.ServerResponse): void {
  const url = request.url ?? '/';
  if (url === REFUSES_BODY) {
    response.writeHead(413, { connection: 'close' }).end();
  } else if (request.method === 'POST') {
    request.pipe(response);
  } else if (request.method === 'PUT') {
    const digest = createHash('sha256');
    request.on('data', (chunk: Buffer) => digest.update(chunk));
    request.once('end', () =>
      response.end(`${request.socket.remoteAddress} ${url} ${digest.digest('hex')}\n`),
    );
  } else if (url === '/page') {
    response.setHeader('content-type', 'text/html').end(PAGE);
  } else if (url.startsWith('/image/')) {
    response.setHeader('content-type', 'image/svg+xml').end(IMAGE);
  } else if (url.startsWith('/script/')) {
    response
      .setHeader('content-type', 'text/javascript')
      .end('document.scriptsRun = (document.scriptsRun ?? 0) + 1;');
  } else {
    if (url === HINTS_EARLY) response.writeEarlyHints({ link: '</style.css>; rel=preload' });
    response.setHeader('content-type', 'text/plain').end(`${request.socket.remoteAddress} ${url}\n`);
  }
}

/** What {@link answer} puts on `/page`, as paths. */
export const PAGE_IMAGES: readonly string[] = Array.from({ length: 40 }, (_, i) => `/image/${i}.svg`);
export const PAGE_SCRIPTS: readonly string[] = Array.from({ length: 20 }, (_, i) => `/script/${i}.js`);

const PAGE = [
  '<!doctype html><meta charset="utf-8"><title>Many resources</title><link rel="icon" href="data:,">',
  ...PAGE_IMAGES.map((path) => `<img src="${path}" alt="">`),
  ...PAGE_SCRIPTS.map((path) => `<script src="${path}"></script>`),
].join('\n');

const IMAGE =
  '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>';
