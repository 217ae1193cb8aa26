/** The configuration: what a user may write, what the rest of the program reads, and the way from one to the other. */
import type { AdminConfig } from '../admin/server.ts';
import type { FamilyOptions } from '../egress/dial/dial.ts';
import type { HealthOptions } from '../egress/health/health.ts';
import type { CursorScope } from '../egress/rotation/rotator.ts';
import type { StrategyName, StrategyOptions } from '../egress/rotation/strategies.ts';
import type { ListenAddress, ListenerConfig } from '../listener.ts';
import type { SessionOptions } from '../session.ts';
import type { UserConfig } from '../policy/auth.ts';
import type { LimitOptions } from '../policy/limits/terms.ts';
import type { RuleConfig } from '../policy/rules.ts';
import type { ExternalCheck } from '../policy/users/external.ts';
import type { OverloadOptions } from './overload.ts';
import { readConfigFile, type ConfigFile } from './config/file.ts';
import { readEnvironment, type Environment } from './config/environment.ts';
import { layer, spell, type Locate, type Setting } from './config/layers.ts';
import { compile } from './config/compile.ts';
import type { GyreOptions } from './config/options.ts';

export { ConfigError, type Problem } from './config/problem.ts';
export type { ListenAddress, ListenerConfig, TlsFiles, UnixAddress } from '../listener.ts';
export type { UserConfig } from '../policy/auth.ts';
export type { GyreOptions } from './config/options.ts';

/** What the program runs on: complete, checked and frozen. Durations are whole milliseconds. */
export interface Config {
  /** Where clients connect. Port 0: the kernel chooses. Each TLS listener has its files, whoever named them. */
  readonly listen: readonly ListenerConfig[];
  /** Terms of the pool expression, as written; not empty. */
  readonly pool: readonly string[];
  /** Other pools by name, for clients that ask for one: `alice-pool-NAME`. */
  readonly pools: Readonly<Record<string, readonly string[]>>;
  /** Which address of the pool comes next. */
  readonly strategy: StrategyName;
  /** Whose turns are counted together, for round-robin and weighted. */
  readonly cursor: CursorScope;
  /** What the strategy `hash` goes by. */
  readonly hashBy: StrategyOptions['hashBy'];
  /** When the strategy `sequential` moves on: after so many requests, or so many milliseconds; 0 = not by that. */
  readonly every: { readonly requests: number; readonly ms: number };
  /** Which family to leave by when target and pool have both; stagger in milliseconds. */
  readonly family: FamilyOptions;
  /** Source ports: `own` shares one port among tunnels to different destinations, `kernel` lets the kernel choose. */
  readonly ports: 'own' | 'kernel';
  /** What connections keep the same egress by; times in milliseconds. */
  readonly sessions: SessionOptions & {
    /** Where their terms are kept over a restart; undefined: nowhere. */
    readonly file: string | undefined;
  };
  /** When an address is taken out, and how it comes back; times in milliseconds. */
  readonly health: HealthOptions;
  /** Worker threads, 0–256. 0 serves on the caller's own thread. */
  readonly workers: number;
  /** Who may use the proxy. No credentials are asked for without users, a users file and a check. Names are unique. */
  readonly users: readonly UserConfig[];
  /** More users, in an htpasswd file, which is read again when it changes; undefined: none. */
  readonly usersFile: string | undefined;
  /** Who is asked about users that are not listed; undefined: nobody. */
  readonly userCheck: ExternalCheck | undefined;
  /** What becomes of the tunnels of a user who is taken out. */
  readonly removedUsers: 'cut' | 'keep';
  /** Client addresses and prefixes that may connect, and that may not, which wins. No allowed ones: all are. */
  readonly clients: { readonly allow: readonly string[]; readonly deny: readonly string[] };
  readonly targets: {
    /** Lets clients reach private, loopback, link-local and metadata addresses. */
    readonly allowPrivate: boolean;
    /** The first that matches decides; what none matches is allowed. */
    readonly rules: readonly RuleConfig[];
  };
  /** Those of listeners are in the order of `listen`, those of single users are those of `users`. */
  readonly limits: LimitOptions & {
    /** Where it is kept over a restart how much of quotas is used; undefined: nowhere. */
    readonly quotaFile: string | undefined;
  };
  /** When new clients are turned away; shares from 0 to 1, and milliseconds. 0: never. */
  readonly overload: OverloadOptions;
  /** A listener other hosts can reach may do without users and allowed clients. */
  readonly openRelay: boolean;
  /** Name servers as `ADDRESS` or `ADDRESS:PORT`. Empty: those of the system. */
  readonly dns: { readonly servers: readonly string[] };
  readonly timeouts: Timeouts;
  /** The file is read again when it changes. */
  readonly watch: boolean;
  readonly log: {
    readonly level: 'error' | 'warn' | 'info' | 'debug';
    /** `auto`: human on a terminal, JSON otherwise. */
    readonly format: 'auto' | 'human' | 'json';
    /** `off`, `-` for standard error with the log, or the path of a file. */
    readonly access: string;
  };
  /** A small HTTP listener that answers with the caller's address; undefined: none. Always on loopback. */
  readonly echo: ListenAddress | undefined;
  /** Where the admin API is, and who may use it; undefined: nowhere. */
  readonly admin: AdminConfig | undefined;
}

/** Milliseconds. */
export interface Timeouts {
  /** From accept to the complete PROXY header, where one is expected. */
  readonly proxyHeader: number;
  /** From accept to the complete request, with PROXY header and TLS. */
  readonly handshake: number;
  /** One connect from one egress. */
  readonly connect: number;
  /** All attempts together, for a SOCKS client. */
  readonly dialSocks: number;
  /** All attempts together, for an HTTP client. */
  readonly dialHttp: number;
  /** Resolving a name; within the dial total. */
  readonly dns: number;
  /** From the complete request to the head of the response, for plain HTTP. */
  readonly response: number;
  /** A client connection between two requests, for plain HTTP. */
  readonly keepAlive: number;
  /** A tunnel without a byte either way. */
  readonly idle: number;
  /** A half-closed tunnel without a byte. */
  readonly fin: number;
  /** Tunnels still open when the program is told to stop; 0 cuts them at once. */
  readonly drain: number;
  /** A worker thread that does nothing for so long is replaced; 0: never. Less than a second counts as a second. */
  readonly stall: number;
}

/** Where a command line takes its configuration from. */
export interface ConfigSources {
  /** `--config`; before `GYRE_CONFIG`. */
  readonly file?: string | undefined;
  /** `process.env`. */
  readonly environment?: Environment | undefined;
  /** Stronger than environment and file. */
  readonly flags?: readonly Setting[] | undefined;
}

export interface LoadedConfig {
  readonly config: Config;
  /** The file that was read. */
  readonly file: string | undefined;
  /** Of what was in it. */
  readonly fingerprint?: string | undefined;
  /** What a user should know although it is no error: one sentence each. */
  readonly notes: readonly string[];
}

/**
 * The configuration of a gateway inside another program.
 * @throws {ConfigError} With all that is wrong.
 */
export function defineConfig(options: GyreOptions): Config {
  return compile(options, spell, []).config;
}

/**
 * Flags over environment over file over defaults.
 * @throws {ConfigError} With all that is wrong; only a file that cannot be read or parsed hides what else there may be.
 */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const environment = readEnvironment(sources.environment ?? {});
  const path = sources.file ?? environment.file;
  const file = path === undefined ? undefined : readConfigFile(path);
  const { tree, locate } = layer(file, [...environment.settings, ...(sources.flags ?? [])]);
  const { config, notes } = compile(tree, locate, [...environment.problems, ...(file?.problems ?? [])]);
  return {
    config,
    file: path,
    fingerprint: file?.fingerprint,
    notes: [...environment.notes, ...notes, ...exposedPasswords(config, file, locate)],
  };
}

function exposedPasswords(
  { users, userCheck, admin }: Config,
  file: ConfigFile | undefined,
  locate: Locate,
): string[] {
  if (file === undefined || !file.readableByAll) return [];
  const fromFile = (...path: string[]): boolean => locate(path) === file.locate(path);
  const listed = fromFile('users') && users.some((user) => 'password' in user);
  const sent = fromFile('userCheck') && userCheck !== undefined && new URL(userCheck.url).password !== '';
  const ruled = fromFile('admin', 'token') && admin?.token !== undefined;
  if (!listed && !sent && !ruled) return [];
  const remedy = listed
    ? 'chmod 600 it, or write passwordHash'
    : ruled
      ? 'chmod 600 it, or write tokenFile'
      : 'chmod 600 it';
  const what = listed || sent ? 'passwords' : 'token';
  return [`everyone on this host can read the ${what} in ${file.path}: ${remedy}`];
}
