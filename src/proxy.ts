/**
 * The way of one connection, top to bottom:
 *
 *   accept → sniff → handshake → authorize → resolve → pick → dial → reply → relay → account
 *
 * Each stage is one line of {@link proxy}. A failure anywhere is a {@link ProxyError}; success is never reported before
 * the dial, and nothing is tried again once the first byte of an answer is out.
 */
import type { Socket } from 'node:net';
import { Connection, DEFAULT_POOL, type Egress, type Family, type Observer } from './connection.ts';
import { dial, leavesBy, type FamilyOptions, type Remote } from './egress/dial/dial.ts';
import type { Ports } from './egress/dial/ports.ts';
import type { NameResolver, TargetAddress } from './egress/names/resolver.ts';
import type { Picks, Rotator } from './egress/rotation/rotator.ts';
import { ProxyError } from './errors.ts';
import { sniff, type Inbound } from './handshake.ts';
import { Leg, type ReadBuffers } from './leg.ts';
import type { Authenticator } from './policy/auth.ts';
import type { Guard } from './policy/guard.ts';
import { relay, type Tunnels } from './relay.ts';
import { sessionOf, type SessionOptions } from './session.ts';
import { Wire } from './wire.ts';

/** Everything the way may touch; built once a thread. */
export interface ProxyContext {
  readonly auth: Authenticator;
  readonly allowsClient: (address: string) => boolean;
  guard: Guard;
  readonly resolver: NameResolver;
  /** By name; always with {@link DEFAULT_POOL}. */
  readonly pools: ReadonlyMap<string, Rotator>;
  readonly family: FamilyOptions;
  /** Undefined leaves the choice of source ports to the kernel. */
  readonly ports: Ports | undefined;
  readonly sessions: SessionOptions;
  /** What an attempt met: undefined for success; otherwise only what is the egress's fault. */
  readonly report: (egress: Egress, error: ProxyError | undefined) => void;
  readonly tunnels: Tunnels;
  /** Clients whose tunnel does not stand yet. */
  readonly wires: Set<Wire>;
  readonly buffers: ReadBuffers;
  readonly observer: Observer;
  readonly timeouts: ProxyTimeouts;
  /** Accepted sockets may be read by `onread`; see `leg.ts`. */
  adoptHandles: boolean;
  readonly nextId: () => string;
}

/** Milliseconds. */
export interface ProxyTimeouts {
  /** From accept to the complete request. */
  readonly handshake: number;
  /** One connect. */
  readonly connect: number;
  /** Resolving and all connects together, by the patience of the clients of each protocol. */
  readonly dialSocks: number;
  readonly dialHttp: number;
  /** Resolving a name. */
  readonly dns: number;
}

/** Takes an accepted socket from its first byte to its end. Never rejects. */
export async function proxy(accepted: Socket, context: ProxyContext): Promise<void> {
  const connection = accept(accepted, context);
  const wire = openWire(accepted, context);
  let inbound: Inbound | undefined;
  let remote: Remote | undefined;
  let pool: Rotator | undefined;
  try {
    admit(connection, context);
    inbound = await recognise(connection, wire);
    await handshake(connection, inbound, wire, context);
    pool = authorize(connection, context);
    const deadline = performance.now() + patience(inbound, context);
    const addresses = await resolve(connection, pool, deadline, wire, context);
    remote = await pickAndDial(connection, addresses, pool, deadline, wire, context);
    reply(connection, wire, inbound, remote);
    connection.phase = 'relay';
    await relay(connection, wire.release(), remote.leg, context.tunnels);
  } catch (thrown) {
    // The relay closes both legs; what fails before it must not leave the remote behind.
    remote?.leg.socket.destroy();
    refuse(connection, wire, inbound, ProxyError.from(thrown));
  }
  if (remote !== undefined) pool?.release(remote.egress);
  account(connection, context);
}

function accept(accepted: Socket, { nextId, observer, sessions }: ProxyContext): Connection {
  const { remoteAddress = 'unknown', remotePort = 0 } = accepted;
  // A dual-stack listener shows IPv4 clients as ::ffff:192.0.2.1.
  const address = remoteAddress.startsWith('::ffff:') ? remoteAddress.slice('::ffff:'.length) : remoteAddress;
  const connection = new Connection(nextId(), { address, port: remotePort }, Date.now());
  // A system call, so only where it is asked for.
  if (sessions.by === 'port' || sessions.by === 'listen') {
    const { localAddress = '', localPort = 0 } = accepted;
    connection.listener = { address: localAddress, port: localPort };
  }
  observer.opened(connection);
  return connection;
}

function openWire(accepted: Socket, { buffers, adoptHandles, timeouts, wires }: ProxyContext): Wire {
  return new Wire((wire) => Leg.adopt(accepted, wire, buffers, adoptHandles), timeouts.handshake, wires);
}

function admit({ client }: Connection, { allowsClient }: ProxyContext): void {
  if (!allowsClient(client.address)) throw new ProxyError('CLIENT_DENIED');
}

async function recognise(connection: Connection, wire: Wire): Promise<Inbound> {
  connection.phase = 'sniff';
  const inbound = await sniff(wire);
  connection.inbound = inbound.name;
  return inbound;
}

async function handshake(
  connection: Connection,
  inbound: Inbound,
  wire: Wire,
  { auth }: ProxyContext,
): Promise<void> {
  connection.phase = 'handshake';
  const { identity, target } = await inbound.converse(wire, auth);
  wire.complete();
  connection.identity = identity;
  connection.target = target;
  connection.handshakeMs = performance.now() - connection.startedAt;
}

/**
 * May this client go to this target? What can be said before the name is resolved; {@link resolve} says the rest.
 * @returns the pool to leave by.
 */
function authorize(connection: Connection, { guard, pools }: ProxyContext): Rotator {
  connection.phase = 'authorize';
  const { target, identity } = connection;
  const { host, family } = target!;
  if (family === 0) guard.checkName(host);
  const pool = pools.get(identity?.parameters?.pool ?? DEFAULT_POOL);
  if (pool === undefined) throw new ProxyError('POOL_UNKNOWN');
  return pool;
}

const patience = ({ name }: Inbound, { timeouts }: ProxyContext): number =>
  name === 'socks5' ? timeouts.dialSocks : timeouts.dialHttp;

/** The target's addresses that may be dialled. What is checked here is what is dialled: no name is resolved twice. */
async function resolve(
  connection: Connection,
  rotator: Rotator,
  deadline: number,
  wire: Wire,
  context: ProxyContext,
): Promise<TargetAddress[]> {
  const { guard, resolver, timeouts } = context;
  const { host, port, family } = connection.target!;
  connection.phase = 'resolve';
  if (family !== 0) {
    guard.check(host, port);
    return [{ address: host, family }];
  }
  if (rotator.empty) throw new ProxyError('NO_EGRESS');
  const startedAt = performance.now();
  try {
    const ms = Math.min(timeouts.dns, deadline - startedAt);
    const serves = (family: Family): boolean => rotator.serves(family);
    const wanted = (family: Family): boolean => leavesBy(family, { family: context.family, serves });
    const found = await wire.unlessBroken(resolver.resolve(host, wanted, ms));
    return permitted(found, port, guard);
  } finally {
    connection.resolveMs = performance.now() - startedAt;
  }
}

/** @throws ProxyError what the guard says of the last address, when it permits none. */
function permitted(addresses: readonly TargetAddress[], port: number, guard: Guard): TargetAddress[] {
  let denial: unknown;
  const allowed = addresses.filter(({ address }) => {
    try {
      guard.check(address, port);
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
  wire: Wire,
  context: ProxyContext,
): Promise<Remote> {
  const { timeouts, buffers, family, ports, report } = context;
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
    return await dial(
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
      buffers,
      wire,
    );
  } catch (error) {
    throw session?.strict === true && connection.attempts === 0 && !rotator.empty && isNoEgress(error)
      ? new ProxyError('SESSION_LOST')
      : error;
  } finally {
    connection.dialMs = performance.now() - startedAt;
  }
}

const isNoEgress = (error: unknown): boolean => error instanceof ProxyError && error.code === 'NO_EGRESS';

function reply(connection: Connection, wire: Wire, inbound: Inbound, remote: Remote): void {
  connection.phase = 'reply';
  connection.moved = remote.moved;
  wire.send(inbound.granted(remote.bound, remote.moved));
}

/** Tells the client why not, in its own protocol, and lets it read that before the connection closes. */
function refuse(connection: Connection, wire: Wire, inbound: Inbound | undefined, error: ProxyError): void {
  connection.failure = error;
  wire.refuse(inbound?.refused(error));
}

function account(connection: Connection, { observer }: ProxyContext): void {
  connection.totalMs = performance.now() - connection.startedAt;
  observer.closed(connection);
}
