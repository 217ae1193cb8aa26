/** Who may ask: by the name they ask for (DNS rebinding), the page they ask from, and the token they show. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { RequestProblem } from './problem.ts';

export interface GateOptions {
  readonly token: string;
  /** Names it is reached by, beside addresses and `localhost`. */
  readonly hosts: readonly string[];
  /** Origins whose pages may ask: `https://ops.example`. */
  readonly cors: readonly string[];
  /** Nobody can be lured to a socket file, whatever a name resolves to. */
  readonly unix: boolean;
}

/** Wrong tokens of an address within a minute; more are not looked at. */
const MOST_WRONG = 20;
const WINDOW_MS = 60_000;
/** How long an address that has shown the right token is not shut out by the wrong ones of others there. */
const TRUST_MS = 3_600_000;
/** Addresses that are remembered. */
const MOST_ADDRESSES = 1024;

interface Visits {
  wrong: number;
  since: number;
  trustedUntil: number;
}

export class Gate {
  readonly #options: GateOptions;
  readonly #token: Buffer;
  readonly #hosts: ReadonlySet<string>;
  readonly #now: () => number;
  readonly #visits = new Map<string, Visits>();

  /** @param now Milliseconds, monotonic. */
  constructor(options: GateOptions, now: () => number = () => performance.now()) {
    this.#options = options;
    this.#now = now;
    this.#token = digest(options.token);
    const ofOrigins = options.cors.map((origin) => new URL(origin).hostname);
    this.#hosts = new Set(['localhost', ...options.hosts.map((name) => name.toLowerCase()), ...ofOrigins]);
  }

  /**
   * A page can make a browser connect here under a name of its own that resolves to this host, and would then read the
   * answers. It cannot do so under an address.
   * @throws RequestProblem 400 without exactly one Host, 403 for a name nobody has configured.
   */
  checkHost({ rawHeaders, headers: { host } }: IncomingMessage): void {
    const given = rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'host').length;
    if (given > 1) throw new RequestProblem(400, 'the request has more than one Host');
    if (this.#options.unix) return;
    if (host === undefined) throw new RequestProblem(400, 'the request has no Host');
    const name = hostname(host);
    if (name === undefined) throw new RequestProblem(400, 'the Host of the request is not a host and port');
    if (isIP(name) !== 0 || this.#hosts.has(name)) return;
    throw new RequestProblem(
      403,
      `this listener does not go by the name ${JSON.stringify(name)}: ask for its address, or add the name to admin.hosts`,
    );
  }

  /**
   * @returns The origin that may read the answer although it is another one; undefined for none.
   * @throws RequestProblem 403 for a page of somebody else.
   */
  checkOrigin({ headers: { origin, host } }: IncomingMessage): string | undefined {
    if (origin === undefined) return undefined;
    if (this.#options.cors.includes(origin)) return origin;
    // Of one host: what ends TLS before us changes the scheme.
    if (host !== undefined && URL.parse(origin)?.host === host.toLowerCase()) return undefined;
    throw new RequestProblem(403, 'pages of this origin may not ask: add it to admin.cors');
  }

  /** @throws RequestProblem 401, or 429 after too many wrong ones. */
  checkToken(request: IncomingMessage): void {
    const given = /^bearer +(\S+)\s*$/i.exec(request.headers.authorization ?? '')?.[1];
    if (given === undefined) {
      const detail = 'this takes the token: send Authorization: Bearer TOKEN';
      throw new RequestProblem(401, detail, { 'WWW-Authenticate': 'Bearer realm="gyre"' });
    }
    const visits = this.#of(place(request.socket.remoteAddress));
    const now = this.#now();
    if (visits.wrong >= MOST_WRONG && visits.trustedUntil <= now)
      throw tooMany(visits.since + WINDOW_MS - now);
    if (timingSafeEqual(digest(given), this.#token)) {
      visits.trustedUntil = now + TRUST_MS;
      return;
    }
    visits.wrong++;
    if (visits.wrong > MOST_WRONG) throw tooMany(visits.since + WINDOW_MS - now);
    throw new RequestProblem(401, 'this is not the token', {
      'WWW-Authenticate': 'Bearer realm="gyre", error="invalid_token"',
    });
  }

  /** The latest visitor last; the one that was away longest is forgotten. */
  #of(address: string): Visits {
    const now = this.#now();
    const known = this.#visits.get(address);
    const visits = known ?? { wrong: 0, since: now, trustedUntil: 0 };
    if (visits.since + WINDOW_MS <= now) {
      visits.wrong = 0;
      visits.since = now;
    }
    this.#visits.delete(address);
    this.#visits.set(address, visits);
    if (this.#visits.size > MOST_ADDRESSES) this.#visits.delete(this.#visits.keys().next().value!);
    return visits;
  }
}

function tooMany(waitMs: number): RequestProblem {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  return new RequestProblem(429, `too many wrong tokens: come again in ${seconds} s`, {
    'Retry-After': String(seconds),
  });
}

/** Without the port, in lower case, an IPv6 address without its brackets; undefined for what is none. */
export function hostname(host: string): string | undefined {
  const [, bracketed, plain] = /^(?:\[([^[\]]*)\]|([^:[\]]+))(?::\d{1,5})?$/.exec(host) ?? [];
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? bracketed : undefined;
  const name = plain?.toLowerCase().replace(/\.$/, '');
  return name !== undefined && /^[a-z0-9._-]+$/.test(name) ? name : undefined;
}

/** One guesser has a whole /64 of IPv6 (RFC 6177 §2). */
function place(address = 'unix'): string {
  return isIP(address) === 6 && !address.startsWith('::ffff:')
    ? address.split(':').slice(0, 4).join(':')
    : address;
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
