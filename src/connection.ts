/**
 * The nouns of the way, and the record of one connection.
 *
 * The record has a fixed shape: every field exists from birth, so that the hot path never changes its hidden class and
 * the access log never has to ask whether a field is there.
 */
import type { ProxyError, Phase } from './errors.ts';

export type Family = 4 | 6;

/** The protocol a client speaks to us. */
export type InboundName = 'socks5' | 'socks4' | 'http-connect' | 'http-forward';

/** A textual IP address and a TCP port; `unix:PATH` or `unix` and 0 for a socket in the file system. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** What the client asked for: a name or an address, and a port (1–65535). */
export interface Target {
  /** A canonical lower-case name without trailing dot, or a canonical IP address without brackets. */
  readonly host: string;
  readonly port: number;
  /** 4 or 6 when `host` is an address, 0 when it is a name that must be resolved. */
  readonly family: 0 | Family;
}

/** The pool of who names none. */
export const DEFAULT_POOL = 'default';

/** A name and password as a client sent them. Never logged. */
export interface Credentials {
  readonly name: string;
  readonly password: string;
}

/** Who a client turned out to be. */
export interface Identity {
  readonly user: string;
  /** What is known of the user; undefined where nobody has to log in. */
  readonly account?: Account | undefined;
  /** What it asked for beside its name; undefined where nobody reads parameters. */
  readonly parameters?: SessionParameters | undefined;
}

/** By what a user leaves. */
export interface Account {
  /** The pool, when it asks for none. */
  readonly pool?: string | undefined;
  /** The pools it may ask for by name; undefined: all. */
  readonly pools?: readonly string[] | undefined;
  /** How its turns are chosen; undefined: as everybody's. */
  readonly strategy?: string | undefined;
}

/** What a client can ask for by its user name: `NAME-session-ID-ttl-10m-strict-country-de`. */
export interface SessionParameters {
  readonly pool: string | undefined;
  /** The id of a sticky session, 1–64 characters. It belongs to the user: two users with one id have two sessions. */
  readonly session: string | undefined;
  /** How long the session keeps its address, from its first use; 1 second to 7 days. */
  readonly ttlMs: number | undefined;
  /** Rather no connection than one from another address. */
  readonly strict: boolean;
  /** What the egress should carry, `country=de`, in lower case; each key at most once. */
  readonly tags: readonly string[];
}

/** A local address a connection leaves from. */
export interface Egress {
  readonly address: string;
  readonly family: Family;
  /** Its place in the table of all egresses; the addresses of a block share one. */
  readonly slot: number;
}

/** What a connection holds of the limits, from accept to its end; `policy/limits` has them. */
export interface Stay {
  /** The request is complete. @throws ProxyError that says which limit is reached. */
  settle(listener: number, user: string | undefined): void;
  /** From client to target, and back; undefined when nothing limits that. */
  readonly up: Shaper | undefined;
  readonly down: Shaper | undefined;
  /** Bytes that have passed since the last time. @returns false when a quota is used up. */
  spend(bytes: number): boolean;
  /** Gives everything back; once, however often it is called. */
  leave(): void;
}

/** Slows reading down. */
export interface Shaper {
  /** @param bytes Just read. @returns How long not to read; milliseconds, 0 = go on. */
  take(bytes: number): number;
}

/** The record of one connection: what the access log prints when it is over. */
export class Connection {
  /** Unique while the process lives: thread number and a count, for example `2-81`. */
  readonly id: string;
  /** Where it came from; behind a trusted sender, what the PROXY header says. */
  client: Endpoint;
  /** Milliseconds since the epoch. */
  readonly openedAt: number;
  /** The same moment on the monotonic clock, `performance.now()`. */
  readonly startedAt: number = performance.now();
  phase: Phase = 'accept';
  /** Which listener accepted it, in the order of the config. */
  listenerIndex = 0;
  /** Where it was accepted; only known when sessions go by it. */
  listener: Endpoint | undefined = undefined;
  /** Undefined before it was let in. */
  stay: Stay | undefined = undefined;
  inbound: InboundName | undefined = undefined;
  /** The session that the server name of TLS names. */
  serverSession: string | undefined = undefined;
  identity: Identity | undefined = undefined;
  target: Target | undefined = undefined;
  /** Of a forwarded request: its method, and the status of the answer, 0 until there is one. */
  method: string | undefined = undefined;
  status = 0;
  /** The target's address that was dialled last. */
  resolved: string | undefined = undefined;
  egress: Egress | undefined = undefined;
  /** What its sticky session goes by, if it has one: an id, an address, or a port. */
  session: string | undefined = undefined;
  /** The session has left another egress for this one. */
  moved = false;
  /** Dials begun. */
  attempts = 0;
  /** Milliseconds spent: up to the complete request, resolving, dialling, and in all. */
  handshakeMs = 0;
  resolveMs = 0;
  dialMs = 0;
  totalMs = 0;
  /** Payload bytes from client to target, and back; of a live tunnel up to a second late. */
  sent = 0;
  received = 0;
  /** Of these, what the counters of all connections know of already. */
  countedSent = 0;
  countedReceived = 0;
  /** Whose FIN or RST came first, once the tunnel stood. */
  closedBy: 'client' | 'target' | undefined = undefined;
  /** Why it failed; undefined for a tunnel that ended by FIN. */
  failure: ProxyError | undefined = undefined;

  constructor(id: string, client: Endpoint, openedAt: number) {
    this.id = id;
    this.client = client;
    this.openedAt = openedAt;
  }
}

/** Who watches connections: log, metrics, tests. One call per event, never one per packet. */
export interface Observer {
  opened(connection: Connection): void;
  /** Its remote stands; its phase is `reply` next. Not for those that fail before. */
  dialled(connection: Connection): void;
  /** Its `sent` and `received` have grown: about once a second while they do. */
  moved(connection: Connection): void;
  closed(connection: Connection): void;
}
