/**
 * What the admin API says: the JSON of `/api/v1/`, as types. The server answers it, the command line and the dashboard read
 * it, and `config/openapi.json` describes it to everybody else.
 *
 * Times are milliseconds since the epoch, durations milliseconds, sizes bytes. A field that has nothing to say is null,
 * never missing. No field ever holds a password or a token.
 */
import type { InboundName } from '../connection.ts';
import type { Blame, FailureCode } from '../errors.ts';

export type EgressState = 'new' | 'up' | 'down' | 'draining';

/** `GET /status`, and the event `status` once a second. */
export interface Status {
  readonly version: string;
  readonly node: string;
  readonly pid: number;
  readonly startedAt: number;
  readonly now: number;
  /** `draining` from the moment it is told to stop. */
  readonly state: 'starting' | 'ready' | 'draining';
  readonly listeners: readonly ListenerStatus[];
  readonly threads: readonly ThreadStatus[];
  readonly totals: Totals;
  /** Over all connections since the start. */
  readonly latency: { readonly handshake: Latency; readonly dial: Latency };
  readonly pools: readonly PoolStatus[];
  readonly sessions: { readonly live: number };
  readonly users: { readonly known: number };
  readonly config: ConfigState;
}

export interface ListenerStatus {
  /** As it is written in the configuration, with the port it really has: `127.0.0.1:1080`, `tls://…`, `unix:/…`. */
  readonly address: string;
  readonly kind: 'tcp' | 'tls' | 'unix';
  readonly proxyProtocol: boolean;
}

/** With `workers: 0` there is one, the main thread itself. */
export interface ThreadStatus {
  readonly index: number;
  readonly state: 'serving' | 'starting' | 'lost';
  /** Since when. */
  readonly since: number;
  /** How often it was replaced. */
  readonly restarts: number;
  readonly active: number;
  /** How late its timers were lately, at worst. */
  readonly loopDelayMs: number;
}

export interface Totals {
  /** Connections accepted; forwarded requests count one by one. */
  readonly accepted: number;
  readonly active: number;
  /** Tunnels that stood and are over. */
  readonly tunnels: number;
  /** Payload bytes from client to target, those of live tunnels included (up to a second late). */
  readonly sent: number;
  readonly received: number;
  readonly byInbound: Readonly<Record<InboundName, number>>;
  /** Only those that have happened. */
  readonly failures: Readonly<Partial<Record<FailureCode, number>>>;
  readonly byBlame: Readonly<Record<Blame, number>>;
  readonly logLinesDropped: number;
}

/** Estimated from a histogram; null while nothing was measured. */
export interface Latency {
  readonly count: number;
  readonly p50Ms: number | null;
  readonly p90Ms: number | null;
  readonly p99Ms: number | null;
}

/** `GET /pools` answers a list of them. */
export interface PoolStatus {
  readonly name: string;
  /** As written, without secrets. */
  readonly expression: readonly string[];
  /** All addresses it stands for: a whole number in digits, since blocks have more than 2^53. */
  readonly addresses: string;
  /** Egresses: single addresses, and blocks as one each. */
  readonly members: number;
  readonly byState: Readonly<Record<EgressState, number>>;
  /** Live tunnels. */
  readonly tunnels: number;
  readonly sources: readonly SourceStatus[];
}

export interface SourceStatus {
  /** The term, without secrets. */
  readonly text: string;
  readonly state: 'fresh' | 'stale' | 'failed';
  /** When it was last read well. */
  readonly readAt: number | null;
  readonly error: string | null;
  /** Reads that failed, in all. */
  readonly errors: number;
}

/** `GET /egresses?pool=&state=&q=&offset=&limit=` answers a {@link Page}. */
export interface EgressView {
  readonly pool: string;
  /** Of a block, its first address. */
  readonly address: string;
  readonly family: 4 | 6;
  readonly block: boolean;
  readonly state: EgressState;
  /** Since when, as far as known. */
  readonly since: number | null;
  readonly tunnels: number;
  /** Source ports left to one destination; null for a block. */
  readonly freePorts: number | null;
  /** Failures in a row. */
  readonly failures: number;
  readonly ejections: number;
  readonly lastError: string | null;
  /** What the outside sees, as far as a probe has found out. */
  readonly publicAddress: string | null;
  /** It would be down, but for the floor of its pool. */
  readonly held: boolean;
  readonly retryAt: number | null;
  /** Taken out by hand: by `drain` or `eject`. */
  readonly byHand: 'drain' | 'eject' | null;
}

/**
 * `POST /egresses/{address}/{action}` answers the {@link EgressView} after it.
 * drain: no new connections until `undrain`; eject: like a failure of its own, it comes back by itself; probe: asks the probe
 * target now, or binds the address where there is none.
 */
export type EgressAction = 'drain' | 'undrain' | 'eject' | 'probe';

/** `GET /pools/{pool}/map`: the members in the order of `GET /egresses?pool=`, as bytes. */
export interface PoolMap {
  readonly pool: string;
  readonly total: number;
  /** Base64 of a byte each: 0 new, 1 up, 2 down, 3 draining. */
  readonly states: string;
  /** Base64 of 16 bits each, little endian: live tunnels, at most 65535. */
  readonly tunnels: string;
}

/** `GET /sessions?q=&offset=&limit=` answers a {@link Page}. */
export interface SessionView {
  /** Opaque; for the paths below. */
  readonly key: string;
  /** Null for one that no thread has seen since the start, like everything else that tells who it is. */
  readonly kind: 'user' | 'client' | 'port' | 'listen' | null;
  readonly pool: string | null;
  readonly user: string | null;
  /** What it goes by: the id a user chose, an address, or a port. */
  readonly id: string | null;
  readonly family: 4 | 6 | null;
  readonly egress: string | null;
  readonly firstUse: number;
  readonly lastUse: number;
  /** Null: never. */
  readonly expiresAt: number | null;
}

/** `POST /sessions/{key}/pin` takes it; from then on the session leaves from there. `DELETE /sessions/{key}` drops one. */
export interface PinRequest {
  /** An address of the session's pool and family. */
  readonly egress: string;
}

/** `GET /tunnels` takes it as query parameters, with `sort` and `limit`; `POST /tunnels/cut` as a body. All that is given must hold. */
export interface TunnelFilter {
  readonly id?: string | undefined;
  readonly user?: string | undefined;
  /** An address, without port. */
  readonly client?: string | undefined;
  /** A host, or `host:port`. */
  readonly target?: string | undefined;
  readonly egress?: string | undefined;
  readonly session?: string | undefined;
  readonly inbound?: InboundName | undefined;
  /** Anywhere in client, user, target, egress or session; case does not matter. */
  readonly q?: string | undefined;
}

export type TunnelSort = 'age' | 'sent' | 'received';

/** A live tunnel. Longest, or most bytes, first. */
export interface TunnelView {
  readonly id: string;
  readonly thread: number;
  readonly client: string;
  readonly user: string | null;
  readonly inbound: InboundName;
  readonly target: string;
  readonly egress: string;
  readonly session: string | null;
  readonly openedAt: number;
  /** Up to a second late. */
  readonly sent: number;
  readonly received: number;
}

/** `GET /tunnels` answers it. */
export interface TunnelPage extends Page<TunnelView> {
  /** Threads that did not answer within a second: their tunnels are missing. */
  readonly silent: readonly number[];
}

/** `POST /tunnels/cut`. */
export type CutRequest = TunnelFilter & {
  /** Must be true when nothing else is said. */
  readonly all?: boolean | undefined;
};

export interface CutAnswer {
  readonly cut: number;
}

/** `GET /users?q=&offset=&limit=` answers a {@link Page}. */
export interface UserView {
  readonly name: string;
  readonly source: 'config' | 'file';
  readonly pool: string | null;
  readonly pools: readonly string[] | null;
  readonly strategy: string | null;
  readonly expiresAt: number | null;
  /** Live. */
  readonly connections: number;
  readonly quota: {
    readonly period: string;
    readonly bytes: number;
    readonly used: number;
    readonly resetsAt: number;
  } | null;
}

export interface ConfigState {
  readonly file: string | null;
  /** When what runs now was put in place. */
  readonly loadedAt: number;
  readonly reloads: { readonly ok: number; readonly failed: number };
  readonly last: ReloadReport | null;
}

/** `GET /config`. */
export interface ConfigView extends ConfigState {
  /** What runs, defaults filled in, secrets as `***`. */
  readonly config: unknown;
  /** The latest first, 20 at most. */
  readonly history: readonly ReloadReport[];
}

/** `POST /config/reload` answers it: 200 when `ok`, 422 when not. Also the event `reload`. */
export interface ReloadReport {
  readonly at: number;
  readonly trigger: 'signal' | 'file' | 'api';
  /** False: the old configuration is still in use, untouched. */
  readonly ok: boolean;
  readonly durationMs: number;
  readonly changes: readonly ConfigChange[];
  /** Paths that have changed in the file and take a restart; they are not in use. */
  readonly needsRestart: readonly string[];
  /** Why not. */
  readonly problems: readonly ReloadProblem[];
}

export interface ConfigChange {
  /** `timeouts.idle`, `listen[1]`, `users.alice`. */
  readonly path: string;
  readonly kind: 'added' | 'removed' | 'changed';
  /** As text, short, without secrets. */
  readonly before: string | null;
  readonly after: string | null;
}

export interface ReloadProblem {
  /** `gyre.yaml:12:3`. */
  readonly where: string;
  readonly message: string;
  readonly hint: string | null;
}

/** `GET /log?limit=&level=`, oldest first, and the event `log`. */
export interface LogLine {
  readonly at: number;
  readonly level: 'error' | 'warn' | 'info' | 'debug';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** `POST /drain`, then 202: as SIGTERM. */
export interface DrainRequest {
  /** How long tunnels may take; default the config's `timeouts.drain`. */
  readonly deadlineMs?: number | undefined;
}

export interface Page<Item> {
  /** How many match. */
  readonly total: number;
  readonly offset: number;
  readonly items: readonly Item[];
}

/**
 * `GET /events`: server-sent events, each with one of these as its data. A reader too slow to take them is cut off.
 */
export interface Events {
  readonly status: Status;
  readonly log: LogLine;
  readonly reload: ReloadReport;
}

/** Every error: RFC 9457, `application/problem+json`. */
export interface ApiProblem {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** Of a reload, or of a body that says something wrong. */
  readonly problems?: readonly ReloadProblem[];
}
