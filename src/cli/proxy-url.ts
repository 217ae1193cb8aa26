/** The proxy a command talks to, as users write it for curl. */
import { isIP } from 'node:net';
import type { Credentials } from '../connection.ts';
import { unixPath, type Destination } from './connect.ts';
import { EXIT, Failure } from './exit.ts';

export interface ProxyAddress extends Destination {
  readonly protocol: 'socks5' | 'http';
  readonly credentials?: Credentials | undefined;
}

const URL_FORM = /^(?:(socks5h?|https?):\/\/)?(?:([^@/]*)@)?(\[[^\]]+\]|[^:@/[\]]+)(?::(\d{1,5}))?\/?$/i;

/**
 * Reads `socks5h://127.0.0.1:1080`, `http://NAME:PASSWORD@[::1]:1080`, `127.0.0.1:1080`, and `unix:/run/gyre.sock`. As with
 * curl, the port is 1080 when there is none, and 443 for `https://`, which is TLS around HTTP. `socks5://` is the same as
 * `socks5h://`: names always go to the proxy.
 * @throws {Failure} Without the text: there may be a password in it.
 */
export function parseProxyUrl(text: string): ProxyAddress {
  if (/^unix:\/./.test(text)) return { protocol: 'socks5', address: text, port: 0 };
  const [, written = 'socks5h', userinfo, host, digits] = URL_FORM.exec(text) ?? [];
  const scheme = written.toLowerCase();
  const port = Number(digits ?? (scheme === 'https' ? 443 : 1080));
  if (host === undefined || port === 0 || port > 65_535) {
    throw new Failure(
      'this is not the URL of a proxy',
      'write for example socks5h://127.0.0.1:1080, http://127.0.0.1:1080 or https://proxy.example:1443',
      EXIT.usage,
    );
  }
  return {
    protocol: scheme.startsWith('http') ? 'http' : 'socks5',
    address: host.replace(/^\[|\]$/g, ''),
    port,
    tls: scheme === 'https' ? { ca: undefined, verify: true } : undefined,
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
export function formatProxy(proxy: ProxyAddress): string {
  const { protocol, address, port, tls } = proxy;
  if (unixPath(proxy) !== undefined) return address;
  const scheme = protocol === 'socks5' ? 'socks5h' : tls === undefined ? 'http' : 'https';
  return `${scheme}://${isIP(address) === 6 ? `[${address}]` : address}:${port}`;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
