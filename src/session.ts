/** Which connections belong together: from what is known of one to its sticky session. */
import { DEFAULT_POOL, type Connection } from './connection.ts';
import { sessionKey, type SessionKind, type SessionRequest } from './egress/sessions/sessions.ts';

/** What connections keep the same egress by. */
export interface SessionOptions {
  /** What makes a session where the user name names none. */
  readonly by: 'name' | 'client' | 'port' | 'listen';
  /** From its first use; milliseconds, 0 = for ever. */
  readonly ttl: number;
  /** Without a new connection; milliseconds, 0 = for ever. */
  readonly idle: number;
  /** Rather fails than moves to another egress. */
  readonly strict: boolean;
}

/** The sticky session of a connection: the one its user name names, or the one that goes by where it came from or to. */
export function sessionOf(
  connection: Connection,
  tag: string | undefined,
  options: SessionOptions,
): SessionRequest | undefined {
  const { identity, client, listener } = connection;
  const named = identity?.parameters;
  const terms = {
    ttlMs: named?.ttlMs ?? options.ttl,
    idleMs: options.idle,
    strict: named?.strict === true || options.strict,
  };
  // One id in two pools, or with two tags, is two sessions: they could never agree on an address.
  const session = (kind: SessionKind, label: string, ...whose: string[]): SessionRequest => {
    connection.session = label;
    const pool = named?.pool ?? identity?.account?.pool ?? DEFAULT_POOL;
    return { key: sessionKey(kind, pool, tag ?? '', label, ...whose), ...terms };
  };
  // An id means the same session whether it came in the user name or in the server name of TLS.
  const id = named?.session ?? connection.serverSession;
  if (id !== undefined) return session('user', id, identity?.user ?? '');
  if (options.by === 'client') return session('client', client.address);
  // Who came in before sessions went by that has no such thing noted.
  if (listener === undefined) return undefined;
  if (options.by === 'port') return session('port', String(listener.port));
  if (options.by === 'listen') return session('listen', listener.address);
  return undefined;
}
