/** The proxy a command talks to, as users write it for curl. */
import { isIP } from 'node:net';
import type { Credentials, Endpoint } from '../connection.ts';
import { EXIT, Failure } from './exit.ts';

export interface ProxyAddress extends Endpoint {
  readonly protocol: 'socks5' | 'http';
  readonly credentials?: Credentials | undefined;
}

const URL_FORM = /^(?:(socks5h?|http):\/\/)?(?:([^@/]*)@)?(\[[^\]]+\]|[^:@/[\]]+)(?::(\d{1,5}))?\/?$/i;

/**
 * Reads `socks5h://127.0.0.1:1080`, `http://NAME:PASSWORD@[::1]:1080`, `127.0.0.1:1080`. As with curl, the port is 1080
 * when there is none. `socks5://` is the same as `socks5h://`: names always go to the proxy.
 * @throws {Failure} Without the text: there may be a password in it.
 */
export function parseProxyUrl(text: string): ProxyAddress {
  const [, scheme = 'socks5h', userinfo, host, port = '1080'] = URL_FORM.exec(text) ?? [];
  if (host === undefined || Number(port) === 0 || Number(port) > 65_535) {
    throw new Failure(
      'this is not the URL of a proxy',
      'write for example socks5h://127.0.0.1:1080 or http://127.0.0.1:1080',
      EXIT.usage,
    );
  }
  return {
    protocol: scheme.toLowerCase() === 'http' ? 'http' : 'socks5',
    address: host.replace(/^\[|\]$/g, ''),
    port: Number(port),
    credentials: userinfo === undefined ? undefined : readCredentials(userinfo, decode),
  };
}

/**
 * `NAME:PASSWORD`, parted at the first colon.
 * @throws {Failure} Without the text.
 */
export function readCredentials(text: string, read: (part: string) => string = (part) => part): Credentials {
  const colon = text.indexOf(':');
  const [name, password] = [text.slice(0, colon), text.slice(colon + 1)].map(read);
  const fits = (part: string | undefined): part is string =>
    part !== undefined && part !== '' && Buffer.byteLength(part) <= 255;
  if (colon !== -1 && fits(name) && fits(password)) return { name, password };
  throw new Failure('the user is not NAME:PASSWORD with 1 to 255 bytes each', undefined, EXIT.usage);
}

/** Without credentials: fit to be shown. */
export function formatProxy({ protocol, address, port }: ProxyAddress): string {
  const host = isIP(address) === 6 ? `[${address}]` : address;
  return `${protocol === 'socks5' ? 'socks5h' : 'http'}://${host}:${port}`;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
