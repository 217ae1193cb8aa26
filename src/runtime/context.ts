/** What the way of a connection works with on one thread, and how it is changed while connections use it. */
import type { Egress, Endpoint, Stay } from '../connection.ts';
import type { ProxyError } from '../errors.ts';
import { Ports } from '../egress/dial/ports.ts';
import { buildResolver } from '../egress/names/resolver.ts';
import { Rotator } from '../egress/rotation/rotator.ts';
import type { StrategyName } from '../egress/rotation/strategies.ts';
import { Sessions } from '../egress/sessions/sessions.ts';
import type { EgressTable } from '../egress/pool/table.ts';
import { ReadBuffers } from '../leg.ts';
import type { LineBatch } from '../ops/batch.ts';
import { Counters } from '../ops/counters.ts';
import { ThreadObserver } from '../ops/observer.ts';
import { buildAuthenticator, type Authenticator } from '../policy/auth.ts';
import { buildClientFilter } from '../policy/clients.ts';
import { buildGuard, type Guard } from '../policy/guard.ts';
import { sharedClock } from '../policy/limits/clock.ts';
import { Limits } from '../policy/limits/limits.ts';
import { Logins } from '../policy/limits/logins.ts';
import type { LimitOptions } from '../policy/limits/terms.ts';
import type { OwnAddresses } from '../policy/own-addresses.ts';
import { buildRules, type Rules } from '../policy/rules.ts';
import { confine } from '../policy/rules/confine.ts';
import type { Account } from '../policy/users/account.ts';
import { ipBytes } from '../protocol/address.ts';
import type { ProxyContext } from '../proxy.ts';
import { Tunnels } from '../relay.ts';
import type { Config } from './config.ts';
import type { EgressReports, LaneOptions, LaneOutput, Snapshots } from './lane.ts';
import { Overload } from './overload.ts';

/** One thread's context, and the parts of it that change. */
export class LaneContext {
  readonly proxy: ProxyContext;
  readonly #options: LaneOptions;
  readonly #rotators: Rotators;
  readonly #auth: Authenticator;
  readonly #limits: Limits;
  readonly #overload: Overload;
  readonly #own: OwnAddresses;

  constructor(
    options: LaneOptions,
    table: EgressTable,
    own: OwnAddresses,
    lines: LineBatch,
    output: LaneOutput,
  ) {
    const { config, index, counters, accessFormat, adoptHandles, ports, limits } = options;
    const { accounts } = options.state;
    const accessLog = accessFormat && { batch: lines, format: accessFormat };
    const terms = termsOf(config, accounts);
    let count = 0;
    this.#options = options;
    this.#own = own;
    this.#rotators = new Rotators(options, table);
    this.#limits = new Limits(limits, terms, options.limitLedger, sharedClock(), Date.now, false);
    this.#overload = new Overload(options.overload, config.overload, index);
    this.#auth = buildAuthenticator(accounts, {
      required: config.usersFile !== undefined,
      external: config.userCheck,
      logins: new Logins(limits, terms),
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
      ports: ports && new Ports(ports, table),
      report: (egress, error) => report(egress, error, table, output),
      tunnels: new Tunnels(config.timeouts),
      wires: new Set(),
      forwards: new Set(),
      buffers: new ReadBuffers(),
      observer: new ThreadObserver(new Counters(counters, index), accessLog, ({ id, failure }) =>
        output.warn('a connection failed for a reason nobody foresaw', {
          id,
          error: inWords(failure?.cause),
        }),
      ),
      timeouts: config.timeouts,
      adoptHandles,
      nextId: () => `${index}-${(++count).toString(36)}`,
    };
  }

  /** The ports the kernel chose are known only when all listeners stand. */
  listensOn(endpoints: readonly Endpoint[]): void {
    this.proxy.guard = this.#guard(endpoints);
  }

  replace(snapshots: Snapshots): void {
    this.#rotators.replace(snapshots);
  }

  /** Other users from now on; the tunnels of those who are gone are cut, unless they may stay. */
  setUsers(accounts: readonly Account[]): void {
    const { config } = this.#options;
    this.#auth.replace(accounts);
    this.proxy.rules = rulesOf(config, accounts);
    this.#limits.replace(termsOf(config, accounts));
    this.proxy.tunnels.reshape();
    if (config.removedUsers === 'keep') return;
    const gone = ({ identity }: { readonly identity: { readonly user: string } | undefined }): boolean =>
      identity !== undefined && !this.#auth.knows(identity.user);
    this.proxy.tunnels.cut('USER_REMOVED', gone);
    for (const client of this.proxy.forwards) client.cutIf(gone);
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
    return buildGuard({ allowPrivate: this.#options.config.targets.allowPrivate, own, isLocal });
  }
}

/** The rotators of a thread: one for each pool and strategy that is used. */
class Rotators {
  readonly #options: LaneOptions;
  readonly #table: EgressTable;
  readonly #sticky: Sessions;
  readonly #byPool = new Map<string, Map<StrategyName, Rotator>>();
  #snapshots: Snapshots;

  constructor(options: LaneOptions, table: EgressTable) {
    this.#options = options;
    this.#table = table;
    this.#sticky = new Sessions(options.sessions);
    this.#snapshots = options.state.snapshots;
    for (const pool of options.state.snapshots.keys()) this.#byPool.set(pool, new Map());
    for (const pool of options.state.snapshots.keys()) this.of(pool, undefined);
  }

  of(pool: string, strategy: string | undefined): Rotator | undefined {
    const name = (strategy ?? this.#options.config.strategy) as StrategyName;
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
    for (const [pool, rotators] of this.#byPool) {
      for (const rotator of rotators.values()) rotator.replace(snapshots.get(pool)!);
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
    const { config, memory } = this.#options;
    const { cursor, hashBy, every } = config;
    const options = { name, cursor, hashBy, everyRequests: every.requests, everyMs: every.ms };
    return new Rotator(memory, options, snapshot, this.#table, this.#sticky);
  }
}

/** Limits by user are said with the user. */
function termsOf({ limits }: Config, accounts: readonly Account[]): LimitOptions {
  const own = accounts.flatMap(({ name, limits }) => (limits === undefined ? [] : [[name, limits] as const]));
  return { ...limits, users: Object.fromEntries(own) };
}

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
  if (error === undefined) table.succeeded(slot);
  else if (error.code !== 'EGRESS_NOT_ON_HOST') output.failed(slot, error.code, table.failed(slot));
  // At once, for all threads: the next pick must not meet it again.
  else if (table.ejectNow(slot)) output.ejected(slot, error.code);
}

/** With its stack, as text: an Error loses its code on the way to another thread. */
export function inWords(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
