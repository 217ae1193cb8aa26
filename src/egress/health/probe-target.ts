/** Whom active probes ask, as a user writes it: `tcp://HOST:PORT` or `http://HOST[:PORT][/PATH]`. */
import { isIP } from 'node:net';
import type { Family } from '../../connection.ts';

export interface ProbeTarget {
  readonly protocol: 'tcp' | 'http';
  /** A name, or an address without brackets. */
  readonly host: string;
  /** 1–65535. */
  readonly port: number;
  /** What HTTP asks for: path and query. */
  readonly path: string;
  /** 4 or 6 when `host` is an address, 0 when it is a name. */
  readonly family: 0 | Family;
}

const HINT = 'write for example tcp://192.0.2.1:443 or http://ip.example/';

/** @throws TypeError with a sentence for people; it repeats nothing of the text, which may hold a password. */
export function parseProbeTarget(text: string): ProbeTarget {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const protocol = url?.protocol === 'tcp:' ? 'tcp' : url?.protocol === 'http:' ? 'http' : undefined;
  if (url === undefined || protocol === undefined) {
    throw new TypeError(`the probe target is not a tcp:// or http:// URL: ${HINT}`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new TypeError('the probe target takes no user name and no password: leave them out');
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' && protocol === 'http' ? 80 : Number(url.port);
  if (host === '' || host.length > 253) throw new TypeError(`the probe target has no host: ${HINT}`);
  if (port === 0) throw new TypeError(`the probe target has no port: ${HINT}`);
  if (protocol === 'tcp' && !/^\/?$/.test(url.pathname + url.search + url.hash)) {
    throw new TypeError('a tcp:// probe target is a host and a port only: leave out what follows the port');
  }
  return { protocol, host, port, path: `${url.pathname}${url.search}`, family: isIP(host) as 0 | Family };
}
