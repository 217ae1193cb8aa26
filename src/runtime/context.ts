/** What the way of a connection works with on one thread, and how it is changed while connections use it. */
import { isDeepStrictEqual } from 'node:util';
import type { Connection, Egress, Endpoint, Stay } from '../connection.ts';
import type { ProxyError } from '../errors.ts';
import { Ports } from '../egress/dial/ports.ts';
import { buildResolver } from '../egress/names/resolver.ts';
import { Rotator, type RotatorMemory } from '../egress/rotation/rotator.ts';
import type { StrategyName } from '../egress/rotation/strategies.ts';
import type { SeenSessions } from '../egress/sessions/seen.ts';
import { Sessions } from '../egress/sessions/sessions.ts';
import type { EgressTable } from '../egress/pool/table.ts';
import { Legs } from '../leg/legs.ts';
import type { LineBatch } from '../ops/batch.ts';
import { Counters } from '../ops/counters.ts';
import { countLogins } from '../ops/logins.ts';
import { ThreadObserver } from '../ops/observer.ts';
import { buildAuthenticator, type Authenticator, type Strangers } from '../policy/auth.ts';
import { buildClientFilter } from '../policy/clients.ts';
import { buildGuard, type Guard } from '../policy/guard.ts';
import { sharedClock } from '../policy/limits/clock.ts';
import { Limits } from '../policy/limits/limits.ts';
import { Logins } from '../policy/limits/logins.ts';
import type { LimitOptions, LimitTerms } from '../policy/limits/terms.ts';
import type { OwnAddresses } from '../policy/own-addresses.ts';
import { buildRules, type Rules } from '../policy/rules.ts';
import { confine } from '../policy/rules/confine.ts';
import type { Account } from '../policy/users/account.ts';
import { ipBytes } from '../protocol/address.ts';
import type { ProxyContext } from '../proxy.ts';
import { Tunnels } from '../relay.ts';
import type { Config } from './config.ts';
import type { EgressReports, LaneOptions, LaneOutput, LaneState, Snapshots } from './lane.ts';
import { Overload } from './overload.ts';
import type { PlacedListener } from './placed-listeners.ts';

/** What a reload changes is changed in place, so that those who are inside go by it as well. */
type Changing<T> = { -readonly [Key in keyof T]: T[Key] };

/** One thread's context, and the parts of it that change. */
export class LaneContext {
  readonly proxy: Changing<ProxyContext>;
  #state: LaneState;
  /** Writes access lines as the present state wants them. */
  readonly #writeAccess: () => void;
  readonly #ports: Ports;
  readonly #rotators: Rotators;
  readonly #auth: Authenticator;
  readonly #limits: Limits;
  readonly #logins: Logins;
  readonly #overload: Overload;
  readonly #own: OwnAddresses;

  constructor(
    options: LaneOptions,
    table: EgressTable,
    own: OwnAddresses,
    lines: LineBatch,
    output: LaneOutput,
  ) {
    const { index, counters, adoptHandles, limits } = options;
    const { config, accounts } = options.state;
    const terms = termsOf(options.state);
    const counts = new Counters(counters, index);
    const observer = new ThreadObserver(counts, undefined, ({ id, failure }) =>
      output.warn('a connection failed for a reason nobody foresaw', { id, error: inWords(failure?.cause) }),
    );
    let count = 0;
    this.#state = options.state;
    this.#writeAccess = () => {
      const format = this.#state.accessFormat;
      observer.access = format && { batch: lines, format };
    };
    this.#writeAccess();
    this.#ports = new Ports(options.ports, table);
    this.#own = own;
    this.#rotators = new Rotators(options, table);
    // Who looks on wants to know how many connections each user has, limited or not.
    const looked = config.admin !== undefined;
    this.#limits = new Limits(limits, terms, options.limitLedger, sharedClock(), Date.now, looked);
    this.#logins = new Logins(limits, terms);
    this.#overload = new Overload(options.overload, config.overload, index);
    this.#auth = buildAuthenticator(accounts, {
      ...strangersOf(config),
      logins: countLogins(this.#logins, counts),
      report: (message, fields) => output.warn(message, fields),
    });
    this.proxy = {
      auth: this.#auth,
      allowsClient: clientFilter(config.clients),
      enter: (client): Stay => this.#limits.enter(client),
      overload: this.#overload,
      guard: this.#guard([]),
      rules: rulesOf(config, accounts),
      knows: (user) => this.#auth.knows(user),
      resolver: buildResolver(config.dns),
      rotator: (pool, strategy) => this.#rotators.of(pool, strategy),
      family: config.family,
      sessions: config.sessions,
      ports: config.ports === 'own' ? this.#ports : undefined,
      report: (egress, error) => report(egress, error, table, output),
      tunnels: new Tunnels(config.timeouts, (connection) => observer.moved(connection)),
      wires: new Set(),
      forwards: new Set(),
      legs: new Legs(adoptHandles),
      observer,
      timeouts: config.timeouts,
      nextId: () => `${index}-${(++count).toString(36)}`,
    };
  }

  /** The ports the kernel chose are known only when all listeners stand. */
  listensOn(endpoints: readonly Endpoint[]): void {
    this.proxy.guard = this.#guard(endpoints);
  }

  /** Connections that come from now on go by it. */
  change(changes: Partial<LaneState>): void {
    const before = this.#state;
    this.#state = { ...before, ...changes };
    this.#writeAccess();
    const { config, snapshots, accounts, listen } = changes;
    if (config !== undefined) this.#configure(config, before.config);
    if (snapshots !== undefined) this.#rotators.replace(snapshots);
    if (config !== undefined || accounts !== undefined || listen !== undefined) this.#setUsers();
  }

  #configure(config: Config, before: Config): void {
    const { proxy } = this;
    proxy.allowsClient = clientFilter(config.clients);
    proxy.family = config.family;
    proxy.sessions = config.sessions;
    proxy.ports = config.ports === 'own' ? this.#ports : undefined;
    proxy.timeouts = config.timeouts;
    proxy.tunnels.timeouts = config.timeouts;
    // With the resolver goes what it remembers.
    if (!isDeepStrictEqual(config.dns, before.dns)) proxy.resolver = buildResolver(config.dns);
    this.#overload.replace(config.overload);
    this.#logins.replace(config.limits);
    this.#rotators.configure(config);
  }

  /** The sessions that were here. */
  get sessions(): SeenSessions {
    return this.#rotators.sticky.seen;
  }

  /** Other users from now on; the tunnels of those who are gone are cut, unless they may stay. */
  #setUsers(): void {
    const { config, accounts } = this.#state;
    this.#auth.replace(accounts);
    this.#auth.admit(strangersOf(config));
    this.proxy.rules = rulesOf(config, accounts);
    this.#limits.replace(termsOf(this.#state));
    this.proxy.tunnels.reshape();
    if (config.removedUsers === 'keep') return;
    // Without an account it is a label, from a time when nobody had to log in.
    const gone = ({ identity }: Pick<Connection, 'identity'>): boolean =>
      identity?.account !== undefined && !this.#auth.knows(identity.user);
    this.proxy.tunnels.cut('USER_REMOVED', gone);
    for (const client of this.proxy.forwards) client.cutIf('USER_REMOVED', gone);
  }

  close(): void {
    this.#auth.close();
    this.#overload.stop();
    this.#own[Symbol.dispose]();
  }

  /** An address of the pool may be ours without being on an interface (AnyIP). */
  #guard(endpoints: readonly Endpoint[]): Guard {
    const own = endpoints.filter(({ address }) => !address.startsWith('unix:'));
    const isLocal = (address: string): boolean =>
      this.#own.has(address) || this.#rotators.include(ipBytes(address)!);
    return buildGuard({ allowPrivate: this.#state.config.targets.allowPrivate, own, isLocal });
  }
}

/** The rotators of a thread: one for each pool and strategy that is used. */
class Rotators {
  readonly #memory: RotatorMemory;
  #config: Config;
  readonly #table: EgressTable;
  readonly sticky: Sessions;
  readonly #byPool = new Map<string, Map<StrategyName, Rotator>>();
  #snapshots: Snapshots;

  constructor(options: LaneOptions, table: EgressTable) {
    this.#memory = options.memory;
    this.#config = options.state.config;
    this.#table = table;
    this.sticky = new Sessions(options.sessions);
    this.#snapshots = options.state.snapshots;
    this.replace(this.#snapshots);
  }

  /** Other strategies; picks handed out before keep theirs. */
  configure(config: Config): void {
    const before = this.#config;
    this.#config = config;
    const same = (['strategy', 'cursor', 'hashBy', 'every'] as const).every((key) =>
      isDeepStrictEqual(config[key], before[key]),
    );
    if (same) return;
    this.#byPool.clear();
    this.replace(this.#snapshots);
  }

  of(pool: string, strategy: string | undefined): Rotator | undefined {
    const name = (strategy ?? this.#config.strategy) as StrategyName;
    const rotators = this.#byPool.get(pool);
    let rotator = rotators?.get(name);
    if (rotators !== undefined && rotator === undefined) {
      rotator = this.#make(name, this.#snapshots.get(pool)!);
      rotators.set(name, rotator);
    }
    return rotator;
  }

  replace(snapshots: Snapshots): void {
    this.#snapshots = snapshots;
    for (const pool of this.#byPool.keys()) if (!snapshots.has(pool)) this.#byPool.delete(pool);
    for (const [pool, snapshot] of snapshots) {
      const rotators = this.#byPool.get(pool);
      if (rotators === undefined) this.#byPool.set(pool, new Map());
      for (const rotator of rotators?.values() ?? []) rotator.replace(snapshot);
      // One there is always: it knows the members.
      this.of(pool, undefined);
    }
  }

  include(address: Uint8Array): boolean {
    for (const rotators of this.#byPool.values()) {
      for (const rotator of rotators.values()) {
        if (rotator.includes(address)) return true;
        // The others of the pool have the same members.
        break;
      }
    }
    return false;
  }

  #make(name: StrategyName, snapshot: Parameters<Rotator['replace']>[0]): Rotator {
    const { cursor, hashBy, every } = this.#config;
    const options = { name, cursor, hashBy, everyRequests: every.requests, everyMs: every.ms };
    return new Rotator(this.#memory, options, snapshot, this.#table, this.sticky);
  }
}

/** Who may log in beside those who are listed. */
function strangersOf({ usersFile, userCheck }: Config): Strangers {
  return { required: usersFile !== undefined, external: userCheck };
}

/** Limits by user are said with the user, and those of listeners are where each has its place. */
function termsOf({ config, accounts, listen }: LaneState): LimitOptions {
  const own = accounts.flatMap(({ name, limits }) => (limits === undefined ? [] : [[name, limits] as const]));
  const perListener: LimitTerms[] = Array.from({ length: Math.max(...listen.map(slotOf)) + 1 }, () => ({}));
  for (const { slot, limits } of listen) perListener[slot] = limits;
  return { ...config.limits, perListener, users: Object.fromEntries(own) };
}

const slotOf = ({ slot }: PlacedListener): number => slot;

function rulesOf({ targets }: Config, accounts: readonly Account[]): Rules {
  const confined = accounts.flatMap(({ name, targets }) =>
    targets === undefined ? [] : [[name, targets] as const],
  );
  return confine(buildRules(targets.rules), new Map(confined));
}

/** Who reaches a socket file was let in by its permissions. */
function clientFilter(lists: Config['clients']): (address: string) => boolean {
  const allows = buildClientFilter(lists);
  return (address) => address === 'unix' || allows(address);
}

/** Success is a mark in shared memory; only what goes wrong by fault of the egress is worth a message. */
function report(
  { slot }: Egress,
  error: ProxyError | undefined,
  table: EgressTable,
  output: EgressReports,
): void {
  if (error === undefined) return table.succeeded(slot);
  table.faulted(slot);
  if (error.code !== 'EGRESS_NOT_ON_HOST') output.failed(slot, error.code, table.failed(slot));
  // At once, for all threads: the next pick must not meet it again.
  else if (table.ejectNow(slot)) output.ejected(slot, error.code);
}

/** With its stack, as text: an Error loses its code on the way to another thread. */
export function inWords(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
