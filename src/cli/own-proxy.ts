/** Listeners seen from the program itself: how they are written, and which of them it can use as a client. */
import type { Endpoint } from '../connection.ts';
import type { Config, ListenerConfig } from '../runtime/config.ts';
import { formatListeners } from '../runtime/config/listen.ts';
import { asksWho } from '../runtime/config/rules-access.ts';
import { unixPath } from './connect.ts';
import type { ProxyAddress } from './proxy-url.ts';

/** What clients may speak, in a few words. SOCKS4 has no passwords. */
export function protocols(config: Pick<Config, 'users' | 'usersFile' | 'userCheck'>): string {
  return asksWho(config) ? 'socks5, http' : 'socks5, socks4, http';
}

/** Where a gateway listens, as it may be written; what has a port comes first. */
export function endpointsInWords(
  endpoints: readonly Endpoint[],
  listeners: readonly ListenerConfig[],
): string[] {
  const places = endpoints.map((endpoint, index) => {
    const path = unixPath(endpoint);
    const at = path === undefined ? { host: endpoint.address, port: endpoint.port } : { path, mode: 0 };
    return { at, tls: listeners[index]?.tls };
  });
  const [files, ports] = [places.filter(({ at }) => 'path' in at), places.filter(({ at }) => 'port' in at)];
  return formatListeners([...ports, ...files]);
}

/**
 * The listener a client on this host gets into with the least: plain ones, then those with TLS, then socket files.
 * @returns Its index; -1 when each wants a PROXY header or a client certificate.
 */
export function easiest(listeners: readonly ListenerConfig[]): number {
  const effort = ({ at, tls }: ListenerConfig): number => ('path' in at ? 2 : tls === undefined ? 0 : 1);
  const open = listeners.filter(isOpen).toSorted((a, b) => effort(a) - effort(b));
  return listeners.indexOf(open[0]!);
}

/**
 * The way into a gateway for the program that runs it.
 * @param endpoints In the order of the listeners.
 * @returns Undefined as {@link easiest}.
 */
export function ownProxy(
  endpoints: readonly Endpoint[],
  listeners: readonly ListenerConfig[],
): ProxyAddress | undefined {
  const index = easiest(listeners);
  return index === -1 ? undefined : proxyAt(endpoints[index]!, listeners[index]!);
}

/** Whether anybody may begin to speak there. */
export function isOpen({ tls, proxyProtocol }: ListenerConfig): boolean {
  return proxyProtocol === undefined && tls?.clientCa === undefined;
}

/** As a client on this host sees a listener; a certificate is taken as it comes. */
export function proxyAt(endpoint: Endpoint, { tls }: ListenerConfig): ProxyAddress {
  const { address, port } = reachable(endpoint);
  if (tls === undefined) return { protocol: 'socks5', address, port };
  return { protocol: 'http', address, port, tls: { ca: undefined, verify: false } };
}

/** A listener on all addresses is reached on loopback. */
export function reachable({ address, port }: Endpoint): Endpoint {
  if (address === '0.0.0.0' || address === '::') return { address: '127.0.0.1', port };
  return { address, port };
}
