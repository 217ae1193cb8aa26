/**
 * The way of one connection, top to bottom:
 *
 *   accept → sniff → handshake → authorize → resolve → pick → dial → reply → relay → account
 *
 * Each stage is one line of {@link proxy}. A failure anywhere is a {@link ProxyError}; success is never reported before
 * the dial, and nothing is tried again once the first byte of an answer is out.
 */
import type { Socket } from 'node:net';
import { Connection, type Observer } from './connection.ts';
import { dial, type Remote } from './egress/dial.ts';
import type { NameResolver, TargetAddress } from './egress/resolver.ts';
import type { Rotator } from './egress/rotator.ts';
import { ProxyError } from './errors.ts';
import { sniff, type Inbound } from './handshake.ts';
import { Leg, type ReadBuffers } from './leg.ts';
import type { Authenticator } from './policy/auth.ts';
import type { Guard } from './policy/guard.ts';
import { relay, type Tunnels } from './relay.ts';
import { Wire } from './wire.ts';

/** Everything the way may touch; built once a thread. */
export interface ProxyContext {
  readonly auth: Authenticator;
  readonly allowsClient: (address: string) => boolean;
  guard: Guard;
  readonly resolver: NameResolver;
  readonly rotator: Rotator;
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
  try {
    admit(connection, context);
    inbound = await recognise(connection, wire);
    await handshake(connection, inbound, wire, context);
    authorize(connection, context);
    const deadline = performance.now() + patience(inbound, context);
    const addresses = await resolve(connection, deadline, wire, context);
    const remote = await pickAndDial(connection, addresses, deadline, wire, context);
    reply(connection, wire, inbound, remote);
    connection.phase = 'relay';
    await relay(connection, wire.release(), remote.leg, context.tunnels);
  } catch (thrown) {
    refuse(connection, wire, inbound, ProxyError.from(thrown));
  }
  account(connection, context);
}

function accept(accepted: Socket, { nextId, observer }: ProxyContext): Connection {
  const { remoteAddress = 'unknown', remotePort = 0 } = accepted;
  // A dual-stack listener shows IPv4 clients as ::ffff:192.0.2.1.
  const address = remoteAddress.startsWith('::ffff:') ? remoteAddress.slice('::ffff:'.length) : remoteAddress;
  const connection = new Connection(nextId(), { address, port: remotePort }, Date.now());
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

/** May this client go to this target? What can be said before the name is resolved; {@link resolve} says the rest. */
function authorize(connection: Connection, { guard }: ProxyContext): void {
  connection.phase = 'authorize';
  const { host, family } = connection.target!;
  if (family === 0) guard.checkName(host);
}

const patience = ({ name }: Inbound, { timeouts }: ProxyContext): number =>
  name === 'socks5' ? timeouts.dialSocks : timeouts.dialHttp;

/** The target's addresses that may be dialled. What is checked here is what is dialled: no name is resolved twice. */
async function resolve(
  connection: Connection,
  deadline: number,
  wire: Wire,
  context: ProxyContext,
): Promise<TargetAddress[]> {
  const { guard, resolver, rotator, timeouts } = context;
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
    const found = await wire.unlessBroken(resolver.resolve(host, (family) => rotator.has(family), ms));
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
  deadline: number,
  wire: Wire,
  { rotator, timeouts, buffers }: ProxyContext,
): Promise<Remote> {
  const startedAt = performance.now();
  try {
    return await dial(connection, addresses, rotator, { connect: timeouts.connect, deadline }, buffers, wire);
  } finally {
    connection.dialMs = performance.now() - startedAt;
  }
}

function reply(connection: Connection, wire: Wire, inbound: Inbound, remote: Remote): void {
  connection.phase = 'reply';
  wire.send(inbound.granted(remote.bound));
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
