/** The client side of HTTP CONNECT (RFC 9110 §9.3.6). */
import { request, type IncomingMessage } from 'node:http';
import { isIP, type Socket } from 'node:net';
import type { Endpoint } from '../connection.ts';
import { connectTo, nameOf, noConnection } from './connect.ts';
import { Failure } from './exit.ts';
import type { ProxyAddress } from './proxy-url.ts';
import { ProxyRefusal } from './socks-client.ts';

/**
 * A tunnel through an HTTP proxy.
 * @throws {ProxyRefusal} With the proxy's own reason.
 * @throws {Failure} Anything else that went wrong.
 */
export async function connectTunnel(
  proxy: ProxyAddress,
  target: Endpoint,
  signal: AbortSignal,
): Promise<Socket> {
  const authority = formatAuthority(target);
  const headers: Record<string, string> = { Host: authority };
  if (proxy.credentials !== undefined) {
    const { name, password } = proxy.credentials;
    headers['Proxy-Authorization'] = `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
  }
  const socket = await connectTo(proxy, 'the proxy', signal);
  return await new Promise((resolve, reject) => {
    request({ method: 'CONNECT', createConnection: () => socket, path: authority, headers, signal })
      .on('error', (error: NodeJS.ErrnoException) => {
        // llhttp could not read the answer.
        const strange = error.code?.startsWith('HPE_') === true;
        reject(strange ? noHttp() : noConnection(error, nameOf('the proxy', proxy)));
      })
      .on('response', () => reject(noHttp()))
      .on('connect', (response, socket, early) => {
        socket.on('error', () => {});
        const refusal = refused(response, proxy);
        if (refusal === undefined) {
          socket.unshift(early);
          return resolve(socket);
        }
        socket.destroy();
        reject(refusal);
      })
      .end();
  });
}

function noHttp(): Failure {
  return new Failure('what answers there does not speak HTTP CONNECT', 'is it the port of the proxy?');
}

function formatAuthority({ address, port }: Endpoint): string {
  return isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}

function refused(response: IncomingMessage, proxy: ProxyAddress): Failure | undefined {
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return undefined;
  if (status === 407) {
    return proxy.credentials === undefined
      ? new Failure('the proxy wants a user name and a password', 'give them with --user NAME:PASSWORD')
      : new Failure('the proxy does not accept this user name and password');
  }
  // Headers may hold anything: only what prints goes to the terminal.
  const reason = `${status} ${response.statusMessage ?? ''}`.replace(/[^\x20-\x7e]/g, '').trim();
  return new ProxyRefusal(status, `the proxy answered ${reason}`);
}
