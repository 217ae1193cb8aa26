/**
 * From what a client asked for to a remote that stands: authorize → resolve → pick → dial.
 *
 * Tunnels and forwarded requests both take this part of the way, so that nothing can be reached by one of them that the
 * other is denied. What was judged here is what is dialled: no name is resolved twice.
 */
import { DEFAULT_POOL, type Connection, type Egress, type Family, type Identity } from './connection.ts';
import { dial, leavesBy, type FamilyOptions, type Interrupt, type Remote } from './egress/dial/dial.ts';
import type { Ports } from './egress/dial/ports.ts';
import type { NameResolver, TargetAddress } from './egress/names/resolver.ts';
import type { Picks, Rotator } from './egress/rotation/rotator.ts';
import { ProxyError } from './errors.ts';
import type { Legs } from './leg/legs.ts';
import type { Guard } from './policy/guard.ts';
import { deniedBy, type Rules } from './policy/rules.ts';
import { sessionOf, type SessionOptions } from './session.ts';

export interface RouteContext {
  guard: Guard;
  rules: Rules;
  /** Whether somebody who logged in by that name may stay. */
  readonly knows: (user: string) => boolean;
  readonly resolver: NameResolver;
  /** By pool and strategy; undefined: there is no such pool. @param strategy undefined: everybody's. */
  readonly rotator: (pool: string, strategy: string | undefined) => Rotator | undefined;
  readonly family: FamilyOptions;
  /** Undefined leaves the choice of source ports to the kernel. */
  readonly ports: Ports | undefined;
  readonly sessions: SessionOptions;
  /** What an attempt met: undefined for success; otherwise only what is the egress's fault. */
  readonly report: (egress: Egress, error: ProxyError | undefined) => void;
  readonly legs: Legs;
  readonly timeouts: RouteTimeouts;
}

/** Milliseconds. */
export interface RouteTimeouts {
  /** One connect. */
  readonly connect: number;
  /** Resolving a name. */
  readonly dns: number;
}

/** A remote, and the pool its egress is from. */
export interface Route {
  readonly remote: Remote;
  /** Gives the egress back. To be called once, when the remote is closed. */
  release(): void;
}

/**
 * @param deadline Resolving and all connects together; on the clock of `performance.now()`.
 * @param interrupt Breaks when nobody waits for the remote any more.
 * @throws ProxyError
 */
export async function route(
  connection: Connection,
  deadline: number,
  interrupt: Interrupt,
  context: RouteContext,
): Promise<Route> {
  const pool = authorize(connection, context);
  const addresses =
    connection.target!.family === 0
      ? await resolve(connection, pool, deadline, interrupt, context)
      : literal(connection, context);
  const remote = await pickAndDial(connection, addresses, pool, deadline, interrupt, context);
  const way = { remote, release: () => pool.release(remote.egress) };
  try {
    // All this took time.
    checkUser(connection, context);
  } catch (error) {
    remote.leg.destroy();
    way.release();
    throw error;
  }
  return way;
}

/** @throws ProxyError when the user has been taken out since the login. */
function checkUser({ identity }: Connection, { knows }: RouteContext): void {
  if (identity !== undefined && !knows(identity.user)) throw new ProxyError('USER_REMOVED');
}

/**
 * May this client go to this target, now? What can be said before the name is resolved; {@link resolve} says the rest.
 * @returns the pool to leave by.
 */
function authorize(connection: Connection, context: RouteContext): Rotator {
  const { guard, rules, rotator } = context;
  connection.phase = 'authorize';
  checkUser(connection, context);
  const { target, identity, stay, listenerIndex } = connection;
  const { host, port, family } = target!;
  stay?.settle(listenerIndex, identity?.user);
  if (family === 0) {
    const verdict = rules.byName(host, port, identity?.user);
    if (verdict.kind === 'deny') throw deniedBy(verdict);
    guard.checkName(host);
  }
  return poolOf(identity, rotator);
}

function poolOf(identity: Identity | undefined, rotator: RouteContext['rotator']): Rotator {
  const account = identity?.account;
  const asked = identity?.parameters?.pool;
  if (asked !== undefined && account?.pools?.includes(asked) === false && asked !== account.pool) {
    throw new ProxyError('POOL_UNKNOWN', 'the account has no pool of that name');
  }
  const pool = rotator(asked ?? account?.pool ?? DEFAULT_POOL, account?.strategy);
  if (pool === undefined) throw new ProxyError('POOL_UNKNOWN');
  return pool;
}

/** @throws ProxyError when neither the rules nor the guard let the client be connected there. */
function checkAddress(address: string, connection: Connection, { guard, rules }: RouteContext): void {
  const { target, identity } = connection;
  const { host, port, family } = target!;
  const verdict = rules.byAddress(family === 0 ? host : undefined, address, port, identity?.user);
  if (verdict.kind === 'deny') throw deniedBy(verdict);
  guard.check(address, port, verdict.explicit);
}

/** A target that needs no resolving. */
function literal(connection: Connection, context: RouteContext): TargetAddress[] {
  const { host, family } = connection.target!;
  connection.phase = 'resolve';
  checkAddress(host, connection, context);
  return [{ address: host, family: family as Family }];
}

/** The target's addresses that may be dialled. */
async function resolve(
  connection: Connection,
  rotator: Rotator,
  deadline: number,
  interrupt: Interrupt,
  context: RouteContext,
): Promise<TargetAddress[]> {
  const { resolver, timeouts } = context;
  const { host } = connection.target!;
  connection.phase = 'resolve';
  if (rotator.empty) throw new ProxyError('NO_EGRESS');
  const startedAt = performance.now();
  try {
    const ms = Math.min(timeouts.dns, deadline - startedAt);
    const serves = (family: Family): boolean => rotator.serves(family);
    const wanted = (family: Family): boolean => leavesBy(family, { family: context.family, serves });
    const found = await unlessBroken(interrupt, resolver.resolve(host, wanted, ms));
    return permitted(found, connection, context);
  } finally {
    connection.resolveMs = performance.now() - startedAt;
  }
}

/** An answer worth waiting for only while somebody wants it. */
function unlessBroken<T>(interrupt: Interrupt, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    // First of all: an answer nobody listens to must not become an unhandled rejection.
    answer.then(resolve, reject);
    if (interrupt.broken === undefined) interrupt.onBroken = reject;
    else reject(interrupt.broken);
  });
}

/** @throws ProxyError what is said of the last address, when none is permitted. */
function permitted(
  addresses: readonly TargetAddress[],
  connection: Connection,
  context: RouteContext,
): TargetAddress[] {
  let denial: unknown;
  const allowed = addresses.filter(({ address }) => {
    try {
      checkAddress(address, connection, context);
      return true;
    } catch (error) {
      denial = error;
      return false;
    }
  });
  if (allowed.length === 0) throw ProxyError.from(denial);
  return allowed;
}

async function pickAndDial(
  connection: Connection,
  addresses: readonly TargetAddress[],
  rotator: Rotator,
  deadline: number,
  interrupt: Interrupt,
  context: RouteContext,
): Promise<Remote> {
  const { timeouts, legs, family, ports, report } = context;
  const { client, identity, target } = connection;
  const wanted = identity?.parameters?.tags ?? [];
  const tag = wanted.length === 0 ? undefined : rotator.tagFor(wanted);
  const session = sessionOf(connection, tag, context.sessions);
  const request = {
    destination: target!.host,
    user: identity?.user ?? '',
    client: client.address,
    session,
    tag,
  };
  const startedAt = performance.now();
  try {
    const remote = await dial(
      connection,
      addresses,
      (family: Family): Picks => rotator.pick({ family, ...request }),
      {
        connect: timeouts.connect,
        deadline,
        family,
        ports,
        report,
        serves: (family: Family) => rotator.serves(family),
        release: (egress: Egress) => rotator.release(egress),
      },
      legs,
      interrupt,
    );
    connection.moved = remote.moved;
    return remote;
  } catch (error) {
    throw session?.strict === true && connection.attempts === 0 && !rotator.empty && isNoEgress(error)
      ? new ProxyError('SESSION_LOST')
      : error;
  } finally {
    connection.dialMs = performance.now() - startedAt;
  }
}

const isNoEgress = (error: unknown): boolean => error instanceof ProxyError && error.code === 'NO_EGRESS';
