/** The configuration: what a user may write, what the rest of the program reads, and the way from one to the other. */
import type { FamilyOptions } from '../egress/dial/dial.ts';
import type { HealthOptions } from '../egress/health/health.ts';
import type { CursorScope } from '../egress/rotation/rotator.ts';
import type { StrategyName, StrategyOptions } from '../egress/rotation/strategies.ts';
import type { ListenAddress } from '../listener.ts';
import type { SessionOptions } from '../session.ts';
import type { UserConfig } from '../policy/auth.ts';
import { readConfigFile, type ConfigFile } from './config/file.ts';
import { readEnvironment, type Environment } from './config/environment.ts';
import { layer, spell, type Locate, type Setting } from './config/layers.ts';
import { compile } from './config/compile.ts';

export { ConfigError, type Problem } from './config/problem.ts';
export type { ListenAddress } from '../listener.ts';
export type { UserConfig } from '../policy/auth.ts';

/** What the program runs on: complete, checked and frozen. Durations are whole milliseconds. */
export interface Config {
  /** Where clients connect. Port 0: the kernel chooses. */
  readonly listen: readonly ListenAddress[];
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
  /** Who may use the proxy. Empty: no credentials are asked for. Names are unique. */
  readonly users: readonly UserConfig[];
  /** Client addresses and prefixes that may connect. Empty: all. */
  readonly clients: { readonly allow: readonly string[] };
  readonly targets: {
    /** Lets clients reach private, loopback, link-local and metadata addresses. */
    readonly allowPrivate: boolean;
  };
  /** A listener other hosts can reach may do without users and allowed clients. */
  readonly openRelay: boolean;
  /** Name servers as `ADDRESS` or `ADDRESS:PORT`. Empty: those of the system. */
  readonly dns: { readonly servers: readonly string[] };
  readonly timeouts: Timeouts;
  readonly log: {
    readonly level: 'error' | 'warn' | 'info' | 'debug';
    /** `auto`: human on a terminal, JSON otherwise. */
    readonly format: 'auto' | 'human' | 'json';
    /** `off`, `-` for standard error with the log, or the path of a file. */
    readonly access: string;
  };
  /** A small HTTP listener that answers with the caller's address; undefined: none. Always on loopback. */
  readonly echo: ListenAddress | undefined;
}

/** Milliseconds. */
export interface Timeouts {
  /** From accept to the complete request. */
  readonly handshake: number;
  /** One connect from one egress. */
  readonly connect: number;
  /** All attempts together, for a SOCKS client. */
  readonly dialSocks: number;
  /** All attempts together, for an HTTP client. */
  readonly dialHttp: number;
  /** Resolving a name; within the dial total. */
  readonly dns: number;
  /** A tunnel without a byte either way. */
  readonly idle: number;
  /** A half-closed tunnel without a byte. */
  readonly fin: number;
  /** Tunnels still open when the program is told to stop; 0 cuts them at once. */
  readonly drain: number;
}

/**
 * What a configuration file holds, and what {@link defineConfig} takes; the default stands in each description.
 * Durations are text with a unit: `500ms`, `10s`, `5m`, `1h`.
 */
export interface GyreOptions {
  /**
   * `127.0.0.1:1080`, `[::1]:1080`, `:1080` for every address of this host, `1080` for 127.0.0.1.
   * @default '127.0.0.1:1080'
   */
  readonly listen?: string | number | readonly (string | number)[] | undefined;
  /**
   * The addresses connections leave from: `192.0.2.10`, `192.0.2.10-192.0.2.19`, `192.0.2.0/28`, `2001:db8:1::/64`,
   * `interface:eth0`, and `!` before any of them to exclude. Commas or a list.
   */
  readonly pool: string | readonly string[];
  /** @default none */
  readonly pools?: Readonly<Record<string, string | readonly string[]>> | undefined;
  /** @default 'round-robin' */
  readonly strategy?: StrategyName | undefined;
  /** @default 'destination' */
  readonly cursor?: CursorScope | undefined;
  /** @default 'client' */
  readonly hashBy?: StrategyOptions['hashBy'] | undefined;
  /** A number of requests such as 100, or a duration such as `5m`. @default 1 */
  readonly every?: number | string | undefined;
  readonly family?:
    | {
        /** @default 6 */
        readonly prefer?: 4 | 6 | undefined;
        /** @default both */
        readonly only?: 4 | 6 | undefined;
        /** Head start of the preferred family. @default '250ms' */
        readonly stagger?: string | undefined;
      }
    | undefined;
  /** @default 'own' */
  readonly ports?: 'own' | 'kernel' | undefined;
  readonly sessions?:
    | {
        /** @default 'name' */
        readonly by?: SessionOptions['by'] | undefined;
        /** @default '10m' */
        readonly ttl?: string | undefined;
        /** @default '0s', none */
        readonly idle?: string | undefined;
        /** @default false */
        readonly strict?: boolean | undefined;
        /** @default none */
        readonly file?: string | undefined;
      }
    | undefined;
  readonly health?: HealthSettings | undefined;
  /** @default the cores this process may use */
  readonly workers?: number | undefined;
  /** @default none */
  readonly users?: readonly UserConfig[] | undefined;
  readonly clients?:
    | {
        /** @default everyone */
        readonly allow?: string | readonly string[] | undefined;
      }
    | undefined;
  readonly targets?:
    | {
        /** @default false */
        readonly allowPrivate?: boolean | undefined;
      }
    | undefined;
  /** @default false */
  readonly openRelay?: boolean | undefined;
  readonly dns?:
    | {
        /** @default those of the system */
        readonly servers?: string | readonly string[] | undefined;
      }
    | undefined;
  /** @default handshake 10s, connect 4s, dialSocks 5s, dialHttp 10s, dns 5s, idle 1h, fin 60s, drain 30s */
  readonly timeouts?: { readonly [Name in keyof Timeouts]?: string | undefined } | undefined;
  readonly log?:
    | {
        /** @default 'info' */
        readonly level?: 'error' | 'warn' | 'info' | 'debug' | undefined;
        /** @default 'auto' */
        readonly format?: 'auto' | 'human' | 'json' | undefined;
        /** @default '-' */
        readonly access?: string | undefined;
      }
    | undefined;
  /** A loopback address and port, or `off`. @default 'off' */
  readonly echo?: string | number | undefined;
}

export interface HealthSettings {
  /** Failures in a row that take an address out. @default 5 */
  readonly failures?: number | undefined;
  /** Share of the pool that stays in use whatever fails, from 0 to 1. @default 0.5 */
  readonly floor?: number | undefined;
  /** @default first 5s, last 5m */
  readonly backoff?: { readonly first?: string | undefined; readonly last?: string | undefined } | undefined;
  /** Asks a target from each address on an interval; none unless a target is given. */
  readonly probe?:
    | {
        /** `tcp://HOST:PORT` or `http://HOST:PORT/PATH`, HOST an address. */
        readonly target: string;
        /** @default '30s' */
        readonly interval?: string | undefined;
        /** @default '5s' */
        readonly timeout?: string | undefined;
        /** @default 16 */
        readonly concurrency?: number | undefined;
        /** @default 2 */
        readonly rise?: number | undefined;
        /** @default 3 */
        readonly fall?: number | undefined;
      }
    | undefined;
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
  /** What a user should know although it is no error: one sentence each. */
  readonly notes: readonly string[];
}

/**
 * The configuration of a gateway inside another program.
 * @throws {ConfigError} With all that is wrong.
 */
export function defineConfig(options: GyreOptions): Config {
  return compile(options, spell, []);
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
  const config = compile(tree, locate, [...environment.problems, ...(file?.problems ?? [])]);
  return { config, file: path, notes: [...environment.notes, ...exposedPasswords(config, file, locate)] };
}

function exposedPasswords({ users }: Config, file: ConfigFile | undefined, locate: Locate): string[] {
  const fromFile = file !== undefined && locate(['users']) === file.locate(['users']);
  if (!fromFile || !file.readableByAll || !users.some((user) => 'password' in user)) return [];
  return [
    `everyone on this host can read the passwords in ${file.path}: chmod 600 it, or write passwordHash`,
  ];
}
