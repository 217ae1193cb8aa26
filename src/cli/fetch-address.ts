/** One request through a proxy, to a target that answers with the address it was reached from. */
import { get } from 'node:http';
import { isIP, type Socket } from 'node:net';
import type { Endpoint } from '../connection.ts';
import { connectTo, startTls } from './connect.ts';
import { connectTunnel } from './connect-client.ts';
import { EXIT, Failure } from './exit.ts';
import type { ProxyAddress } from './proxy-url.ts';
import { requestTunnel } from './socks-client.ts';

/** From the first packet to the last byte of the answer; milliseconds. */
const DEADLINE_MS = 15_000;
/** An answer with an address in it is short. */
const LARGEST_BODY = 65_536;

/** @throws {Failure} It is no http or https URL. */
export function parseTarget(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const spoken = url?.protocol === 'http:' || url?.protocol === 'https:';
  if (url !== undefined && spoken && url.hostname.length <= 253) return url;
  throw new Failure(
    'the target is not an http or https URL',
    'write for example https://api.ipify.org',
    EXIT.usage,
  );
}

/**
 * The first IP address in the body of the answer.
 * @throws {Failure} With the reason, the proxy's own where it gave one.
 */
export async function fetchAddress(proxy: ProxyAddress, url: URL): Promise<string> {
  const signal = AbortSignal.timeout(DEADLINE_MS);
  let tunnel: Socket | undefined;
  try {
    tunnel = await openTunnel(proxy, endpointOf(url), signal);
    const stream = url.protocol === 'https:' ? await secure(tunnel, url, signal) : tunnel;
    const { status, body } = await fetchBody(stream, url, signal);
    return firstAddress(body) ?? fail(`the target answered ${status} without an IP address in it`);
  } finally {
    tunnel?.destroy();
  }
}

/** The first text that is an IP address, in whatever surrounds it: plain text, JSON, HTML. */
export function firstAddress(body: string): string | undefined {
  for (const [word] of body.matchAll(/[\da-f:.]{2,}/gi)) {
    const bare = word.replace(/\.+$/, '');
    if (isIP(bare) !== 0) return bare;
  }
  return undefined;
}

async function openTunnel(proxy: ProxyAddress, target: Endpoint, signal: AbortSignal): Promise<Socket> {
  if (proxy.protocol === 'http') return await connectTunnel(proxy, target, signal);
  const socket = await connectTo(proxy, 'the proxy', signal);
  try {
    await requestTunnel(socket, target, proxy.credentials);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function secure(tunnel: Socket, url: URL, signal: AbortSignal): Promise<Socket> {
  const trust = { ca: undefined, verify: true };
  return startTls(tunnel, endpointOf(url).address, trust, 'the target', signal);
}

function endpointOf({ hostname, port, protocol }: URL): Endpoint {
  return {
    address: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
  };
}

function fetchBody(
  stream: Socket,
  url: URL,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly body: string }> {
  const headers = { Host: url.host, Accept: '*/*', Connection: 'close', 'User-Agent': 'gyre' };
  return new Promise((resolve, reject) => {
    const broken = (error: NodeJS.ErrnoException): void =>
      reject(
        new Failure(
          signal.aborted
            ? 'the target did not answer in time'
            : `the answer of the target broke off: ${error.code ?? error.message}`,
        ),
      );
    get(
      { createConnection: () => stream, path: `${url.pathname}${url.search}`, headers, signal },
      (response) => {
        let body = '';
        response
          .setEncoding('latin1')
          .on('error', broken)
          .on('data', (chunk: string) => {
            body += chunk;
            if (body.length > LARGEST_BODY) response.destroy(new Error('it is too long'));
          })
          .on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      },
    ).on('error', broken);
    // The handshake left it paused; by the time it flows, the request listens.
    stream.resume();
  });
}

function fail(message: string): never {
  throw new Failure(message);
}
