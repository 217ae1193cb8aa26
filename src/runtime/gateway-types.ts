/** What a gateway is to whoever holds one. */
import type { ReloadReport } from '../admin/api.ts';
import type { Control } from '../admin/control.ts';
import type { Endpoint } from '../connection.ts';
import type { Stats as ConnectionStats } from '../ops/counters.ts';
import type { Log } from '../ops/log.ts';
import type { Config, GyreOptions, LoadedConfig } from './config.ts';
import type { Inherited, ListeningSocket } from './inherited.ts';
import type { EgressStatus } from './membership.ts';
import type { Reloads } from './reload/reloads.ts';

/** What has happened since the start, over all threads. */
export interface Stats extends ConnectionStats {
  /** Log and access lines that found no room because their target was too slow or full. */
  readonly logLinesDropped: number;
}

/** How big a pool is. */
export interface PoolSummary {
  readonly addresses: bigint;
}

/** A running proxy. Close it, or hold it with `await using`. */
export interface Gateway extends AsyncDisposable {
  /** Where it listens, in the order of the config. */
  readonly endpoints: readonly Endpoint[];
  /** The first listener as an `http://` proxy URL, which every client takes; the same port speaks SOCKS5. */
  readonly url: string;
  /** The "what is my address" responder, when it is on. */
  readonly echo: Endpoint | undefined;
  /** The admin listener, when it is on. */
  readonly admin: Endpoint | undefined;
  /**
   * Where the dashboard is; undefined when there is none a browser could reach.
   * @param withToken It opens without a question then: not to be shown to anybody else.
   */
  dashboard(withToken: boolean): string | undefined;
  readonly pool: PoolSummary;
  /** Where the program around it may say something too. */
  readonly log: Log;
  /** Whether all threads move, as a watchdog wants to know it. */
  readonly beating: boolean;
  /** `draining` from the moment it is told to stop. */
  readonly state: GatewayState;
  /** What it runs on: changed as a whole by a reload. */
  readonly config: Config;
  /** All that can be seen and steered: what the admin API is made of. */
  readonly control: Control;
  /** Resolves when it has been closed, by whomever. */
  readonly closed: Promise<void>;
  /** What became of reloads. */
  readonly reloads: Pick<Reloads, 'state' | 'history' | 'again' | 'on'>;
  stats(): Stats;
  /** Every egress with its state, live tunnels and free source ports; a block is one as a whole. */
  egresses(): Iterable<EgressStatus>;
  /**
   * Puts another pool in place for all new connections; live tunnels keep their egress.
   * @param name Of a named pool; without it, the one that is used when nobody names one.
   * @throws PoolError and keeps the old pool; RangeError when there is no room for it beside what still drains.
   */
  replacePool(expression: readonly string[], name?: string): Promise<PoolSummary>;
  /**
   * Puts another configuration in place for all new connections; live tunnels and listeners that are the same stay. What is
   * wrong leaves everything as it was. One at a time: who asks meanwhile shares the next one.
   * @param options All of them, as at the start: not only what is different.
   * @returns what has changed, what takes a restart, and what is wrong; never rejects.
   */
  reload(options: GyreOptions): Promise<ReloadReport>;
  /**
   * Stops accepting at once and lets live tunnels end.
   * @param drainMs How long they may take, in milliseconds; default the config's `timeouts.drain`. Then they are cut.
   * @param handedOver Another process has the sockets of {@link handOver}, and serves.
   */
  close(drainMs?: number, handedOver?: boolean): Promise<void>;
  /** What the next process needs to serve in place of this one: its listening sockets, and its files as they are now. */
  handOver(): readonly ListeningSocket[];
}

export type GatewayState = 'starting' | 'ready' | 'draining';

/** What a gateway is beside its configuration. */
export interface GatewayOptions {
  /** False has legs make do with documented API, as on Node versions where there is nothing else. */
  readonly adoptHandles?: boolean | undefined;
  /** Loads the configuration again, from the places it came from. May throw a ConfigError. */
  readonly reloadFrom?: (() => LoadedConfig) | undefined;
  /** The file it came from. */
  readonly file?: string | undefined;
  /** Of what was in it; see {@link LoadedConfig}. */
  readonly fingerprint?: string | undefined;
  /** What has been said about it already: one sentence each. */
  readonly notes?: readonly string[] | undefined;
  /** Listening sockets that the process was born with. */
  readonly inherited?: Inherited | undefined;
  /** What options given to `reload` mean. */
  readonly define?: ((options: GyreOptions) => Config) | undefined;
}
