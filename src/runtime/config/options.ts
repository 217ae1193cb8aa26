/** The options as one writes them, in a configuration file or in code. */
import type { CursorScope } from '../../egress/rotation/rotator.ts';
import type { StrategyName, StrategyOptions } from '../../egress/rotation/strategies.ts';
import type { SessionOptions } from '../../session.ts';
import type { Timeouts } from '../config.ts';

/**
 * What a configuration file holds, and what `defineConfig` takes; the default stands in each description.
 * Durations are text with a unit: `500ms`, `10s`, `5m`, `1h`.
 */
export interface GyreOptions {
  /**
   * `127.0.0.1:1080`, `[::1]:1080`, `:1080` for every address of this host, `1080` for 127.0.0.1; `tls://` before any of
   * them; `unix:/run/gyre.sock`; or an object.
   * @default '127.0.0.1:1080'
   */
  readonly listen?: ListenOption | readonly ListenOption[] | undefined;
  /** What listeners with `tls://` show, unless they name files of their own. @default none */
  readonly tls?: TlsOptions | undefined;
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
  readonly users?: readonly UserOption[] | undefined;
  /** Path of an htpasswd file; bcrypt and scrypt. @default none */
  readonly usersFile?: string | undefined;
  /** Asks by HTTP about users that are not listed. @default nobody is asked */
  readonly userCheck?:
    | {
        /** Gets `{user, password, client}` as JSON by POST, and answers 2xx for yes, 401 or 403 for no. */
        readonly url: string;
        /** @default '2s' */
        readonly timeout?: string | undefined;
        /** How long a yes is believed. @default '30s' */
        readonly cache?: string | undefined;
      }
    | undefined;
  /** @default 'cut' */
  readonly removedUsers?: 'cut' | 'keep' | undefined;
  readonly clients?:
    | {
        /** @default everyone */
        readonly allow?: string | readonly string[] | undefined;
        /** Wins over allow. @default nobody */
        readonly deny?: string | readonly string[] | undefined;
      }
    | undefined;
  readonly targets?:
    | {
        /** @default false */
        readonly allowPrivate?: boolean | undefined;
        /** The first that matches decides; what none matches is allowed. @default none */
        readonly rules?: readonly RuleOption[] | undefined;
      }
    | undefined;
  readonly limits?:
    | {
        /** All connections together. @default none */
        readonly all?: LimitSettings | undefined;
        /** Each client address, in IPv6 each /64. @default none */
        readonly client?: LimitSettings | undefined;
        /** Each user, as far as its own `limits` say nothing else. @default none */
        readonly user?: LimitSettings | undefined;
        /** Connections of one client address whose request is not complete; 0: any number. @default 8192 */
        readonly handshakes?: number | undefined;
        /** Wrong passwords, for each client address and each user name. */
        readonly logins?:
          | {
              /** This many are too many; 0: never. @default 100 */
              readonly failures?: number | undefined;
              /** Within this time. @default '1m' */
              readonly per?: string | undefined;
              /** How long nobody gets in then. @default '1m' */
              readonly ban?: string | undefined;
            }
          | undefined;
        /** Where it is kept over a restart how much of quotas is used. @default nowhere */
        readonly quotaFile?: string | undefined;
      }
    | undefined;
  /** When new clients are turned away, so that those inside are served. */
  readonly overload?:
    | {
        /** Share of the file descriptors this process may open, from 0 to 1; 0: never. @default 0.95 */
        readonly descriptors?: number | undefined;
        /** Share of the memory its control group may use, from 0 to 1; 0: never. @default 0.9 */
        readonly memory?: number | undefined;
        /** How late the timers of a thread may be; 0s: as late as they like. @default '0s' */
        readonly loopDelay?: string | undefined;
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
  /**
   * @default proxyHeader 3s, handshake 10s, connect 4s, dialSocks 5s, dialHttp 10s, dns 5s, response 5m, keepAlive 60s,
   * idle 1h, fin 60s, drain 30s, stall 10s
   */
  readonly timeouts?: { readonly [Name in keyof Timeouts]?: string | undefined } | undefined;
  /** Reads the configuration file again when it changes; without a file nothing. @default false */
  readonly watch?: boolean | undefined;
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
  /** Admin API, metrics and dashboard: `127.0.0.1:1082`, `unix:/run/gyre/admin.sock`, an object, or `off`. @default 'off' */
  readonly admin?: string | number | AdminSettings | undefined;
}

export interface AdminSettings {
  /** @default 'off' */
  readonly listen?: string | number | undefined;
  /** 16 to 512 characters. @default made at the start, for the user Gyre runs as */
  readonly token?: string | undefined;
  /** A file that holds it, or will. @default none */
  readonly tokenFile?: string | undefined;
  /** Origins of other pages that may ask. @default none */
  readonly cors?: string | readonly string[] | undefined;
  /** Names it is reached by, beside addresses and localhost. @default none */
  readonly hosts?: string | readonly string[] | undefined;
  /** Who may read `/metrics`. @default 'open' */
  readonly metrics?: 'open' | 'token' | undefined;
}

/** One listener. */
export type ListenOption = string | number | ListenerOptions;

export interface ListenerOptions extends TlsOptions {
  readonly address: string | number;
  /** Addresses and networks whose PROXY header is believed, and without which nobody gets in. @default none is expected */
  readonly proxyProtocol?: string | readonly string[] | undefined;
  /** Of the listener; of a range of ports each has them. @default none */
  readonly limits?: LimitSettings | undefined;
  /** Of a Unix socket, in octal digits. @default '660' */
  readonly mode?: string | undefined;
}

/** PEM files, by their paths. */
export interface TlsOptions {
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Clients must show a certificate of these authorities. @default none is asked for */
  readonly clientCa?: string | undefined;
  /** `proxy.example`: the server name `s-ID.proxy.example` names the sticky session ID. @default none */
  readonly sessionDomain?: string | undefined;
}

/** One user. */
export type UserOption = UserTerms & ({ readonly password: string } | { readonly passwordHash: string });

interface UserTerms {
  /** 1 to 255 bytes, no colon. */
  readonly name: string;
  /** What it leaves by when it asks for no pool. @default the pool */
  readonly pool?: string | undefined;
  /** The pools it may ask for. @default all */
  readonly pools?: string | readonly string[] | undefined;
  /** @default the strategy of everybody */
  readonly strategy?: StrategyName | undefined;
  /** `2027-01-31` or `2027-01-31T18:00+01:00`: from then on it is refused. UTC unless it says otherwise. @default never */
  readonly expires?: string | undefined;
  /** The only targets it may reach, as in `targets.rules`. @default what the rules allow */
  readonly targets?: string | readonly string[] | undefined;
  /** @default those of each user */
  readonly limits?: LimitSettings | undefined;
}

/**
 * One rule: `allow` or `deny`, and whom it is about. `example.com`, `*.example.com` (below it), `.example.com` (both),
 * `192.0.2.0/24`, each with ports behind it (`:443`, `:80,443`, `:8000-8999`); `:25` for any host, and `all`.
 */
export interface RuleOption {
  readonly allow?: string | readonly string[] | undefined;
  readonly deny?: string | readonly string[] | undefined;
  /** Names of users. @default everybody */
  readonly users?: string | readonly string[] | undefined;
}

/** What is left out is not limited. */
export interface LimitSettings {
  /** At the same time. */
  readonly connections?: number | undefined;
  /** New connections: `20/s`, `600/m`, `1000/h`. */
  readonly rate?: string | undefined;
  /** From client to target: `1MB/s`, `512KiB/s`, `8Mbit/s`. */
  readonly up?: string | undefined;
  /** From target to client. */
  readonly down?: string | undefined;
  /** Both ways together, by the calendar in UTC: `100GB/month`, `10GB/day`, `1GB/hour`. */
  readonly quota?: string | undefined;
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
