/**
 * What may be limited, as an operator writes it, and the same compiled: numbers only, `Infinity` where nothing limits.
 */

/** By the calendar, in UTC. */
export type Period = 'hour' | 'day' | 'month';

/** The limits of one subject; what is left out is not limited. */
export interface LimitTerms {
  /** At the same time; 0 and up. */
  readonly connections?: number;
  /** New connections. `count` of them may come at once, then one every `perMs / count` milliseconds. */
  readonly rate?: { readonly count: number; readonly perMs: number };
  /** From client to target; bytes per second, at least 1. A tunnel pauses for `bytes / up` at least after each read. */
  readonly up?: number;
  /** From target to client; bytes per second. */
  readonly down?: number;
  /** Both ways together. */
  readonly quota?: { readonly bytes: number; readonly period: Period };
}

/** Plain data, so that it crosses to other threads. */
export interface LimitOptions {
  /** All connections together. */
  readonly global: LimitTerms;
  /** Each listener, in the order of the config. */
  readonly perListener: readonly LimitTerms[];
  /** Each client address; in IPv6 each /64, since that is what one client has. */
  readonly perClient: LimitTerms;
  /** Each user, as far as `users` says nothing else of it, field by field. */
  readonly perUser: LimitTerms;
  readonly users: Readonly<Record<string, LimitTerms>>;
  /** Connections of one client address whose request is not complete yet; `Infinity` for no limit. */
  readonly handshakes: number;
  readonly logins: LoginTerms;
}

/** Wrong passwords of one client address, and wrong passwords for one user name. */
export interface LoginTerms {
  /** This many within `perMs` of the first one lock it out; `Infinity` for no limit. */
  readonly failures: number;
  readonly perMs: number;
  /** For this long. */
  readonly banMs: number;
}

/** Who limits count for. The order is that of {@link Plan.terms}. */
export const KINDS = ['global', 'listener', 'client', 'user'] as const;
export const GLOBAL = 0;
export const LISTENER = 1;
export const CLIENT = 2;
export const USER = 3;
export type Kind = typeof GLOBAL | typeof LISTENER | typeof CLIENT | typeof USER;

/** Directions, as indices of {@link Terms.speeds}. */
export const UP = 0;
export const DOWN = 1;
export type Direction = typeof UP | typeof DOWN;

/** {@link LimitTerms}, compiled. */
export interface Terms {
  /** Whether there is any limit at all. */
  readonly limited: boolean;
  readonly connections: number;
  /** What a new connection costs of {@link windowMs}; 0 = no limit. */
  readonly spacingMs: number;
  readonly windowMs: number;
  /** Up and down; bytes per millisecond. */
  readonly speeds: readonly [number, number];
  readonly quotaBytes: number;
  readonly period: Period;
}

const UNLIMITED: Terms = compile({}, 'nobody');

/** The limits of everybody; replaced as a whole when the config changes. */
export class Plan {
  readonly handshakes: number;
  /** Whether anything at all is limited but handshakes. */
  readonly limited: boolean;
  readonly #global: Terms;
  readonly #listeners: readonly Terms[];
  readonly #client: Terms;
  readonly #anyUser: Terms;
  /** A map, because the names are for clients to choose. */
  readonly #users: ReadonlyMap<string, Terms>;

  /** @throws RangeError with one sentence for a number that can be no limit. */
  constructor({ global, perListener, perClient, perUser, users, handshakes }: LimitOptions) {
    this.handshakes = handshakes;
    this.#global = compile(global, 'all connections');
    this.#listeners = perListener.map((terms, i) => compile(terms, `listener ${i + 1}`));
    this.#client = compile(perClient, 'each client');
    this.#anyUser = compile(perUser, 'each user');
    this.#users = new Map(
      Object.entries(users).map(([name, terms]) => [
        name,
        compile({ ...perUser, ...terms }, `user ${JSON.stringify(name)}`),
      ]),
    );
    const all = [this.#global, ...this.#listeners, this.#client, this.#anyUser, ...this.#users.values()];
    this.limited = all.some(({ limited }) => limited);
  }

  /** By {@link Kind}. @param client Whether the client has an address; one on a socket file has none. */
  terms(listener: number, client: boolean, user: string | undefined): readonly Terms[] {
    return [
      this.#global,
      this.#listeners[listener] ?? UNLIMITED,
      client ? this.#client : UNLIMITED,
      user === undefined ? UNLIMITED : (this.#users.get(user) ?? this.#anyUser),
    ];
  }
}

function compile(terms: LimitTerms, whose: string): Terms {
  const { connections, rate, up, down, quota } = terms;
  check(connections, 0, `the limit of connections of ${whose}`);
  check(rate?.count, 1, `the count of new connections of ${whose}`);
  check(rate?.perMs, 1, `the time that new connections of ${whose} are counted in`);
  check(up, 1, `the bandwidth of ${whose}`);
  check(down, 1, `the bandwidth of ${whose}`);
  check(quota?.bytes, 0, `the quota of ${whose}`);
  return {
    limited: [connections, rate, up, down, quota].some((limit) => limit !== undefined),
    connections: connections ?? Infinity,
    spacingMs: rate === undefined ? 0 : rate.perMs / rate.count,
    windowMs: rate?.perMs ?? 0,
    speeds: [(up ?? Infinity) / 1000, (down ?? Infinity) / 1000],
    quotaBytes: quota?.bytes ?? Infinity,
    period: quota?.period ?? 'day',
  };
}

function check(value: number | undefined, least: number, what: string): void {
  if (value === undefined || value >= least) return;
  throw new RangeError(`${what} is ${value}: write ${least} or more, or leave it out for no limit`);
}
