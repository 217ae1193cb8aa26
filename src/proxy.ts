/**
 * The way of one connection, top to bottom:
 *
 *   accept → sniff → handshake → authorize → resolve → pick → dial → reply → relay → account
 *
 * Each stage is a line of {@link serve}; those from authorize to dial are {@link route}, which forwarded requests take
 * as well. A failure anywhere is a {@link ProxyError}; success is never reported before the dial, and nothing is tried
 * again once the first byte of an answer is out.
 */
import { account } from './account.ts';
import { Connection, type Endpoint, type Observer, type Stay } from './connection.ts';
import { ProxyError } from './errors.ts';
import { forward, type Forward } from './forward/forward.ts';
import { sniff, type Inbound, type LogIn } from './handshake.ts';
import type { Leg } from './leg/leg.ts';
import type { Legs } from './leg/legs.ts';
import type { Authenticator } from './policy/auth.ts';
import { parseProxyHeader } from './protocol/proxy-header.ts';
import { sessionOfServerName } from './protocol/server-name.ts';
import { relay, type Tunnels } from './relay.ts';
import { route, type Route, type RouteContext, type RouteTimeouts } from './route.ts';
import type { Secure } from './secure.ts';
import { Wire } from './wire.ts';

/** Everything the way may touch; built once a thread. */
export interface ProxyContext extends RouteContext {
  readonly auth: Authenticator;
  readonly allowsClient: (address: string) => boolean;
  /** A client begins. @throws ProxyError when its address has too many unfinished requests. */
  readonly enter: (client: string) => Stay;
  /** Clients are told of as they come and go. */
  readonly overload: Load;
  readonly tunnels: Tunnels;
  /** Clients whose tunnel does not stand yet. */
  readonly wires: Set<Wire>;
  /** Clients whose requests are forwarded one by one. */
  readonly forwards: Set<Forward>;
  readonly legs: Legs;
  readonly observer: Observer;
  readonly timeouts: ProxyTimeouts;
  readonly nextId: () => string;
}

/** What the host can bear. */
export interface Load {
  /** @returns false when the client is to be turned away at once. */
  came(): boolean;
  /** The client is gone, turned away or not. */
  left(): void;
}

/** Milliseconds. */
export interface ProxyTimeouts extends RouteTimeouts {
  /** From accept to the complete PROXY header. */
  readonly proxyHeader: number;
  /** From accept to the complete request. */
  readonly handshake: number;
  /** Resolving and all connects together, by the patience of the clients of each protocol. */
  readonly dialSocks: number;
  readonly dialHttp: number;
  /** A client that forwards, between two requests. */
  readonly keepAlive: number;
  /** From a complete forwarded request to the head of the response. */
  readonly response: number;
  /** Without a byte either way. */
  readonly idle: number;
}

/** What stands before the protocol on one listener, on one thread. */
export interface Entry {
  /** Which listener it is, in the order of the config. */
  readonly index: number;
  /** Whose PROXY header is believed; undefined: none is expected. */
  readonly trusts: ((sender: string) => boolean) | undefined;
  readonly tls: Secure | undefined;
}

/** Takes what was accepted from its first byte to its end. */
export function proxy(accepted: Leg, entry: Entry, context: ProxyContext): void {
  const connection = accept(accepted, entry, context);
  if (context.overload.came()) void serve(connection, openWire(accepted, entry, context), entry, context);
  else shed(accepted, connection, context);
}

/**
 * Never rejects. It is over when a tunnel stands: nothing of it is kept while bytes are relayed.
 * @param entry undefined when it is passed already.
 */
async function serve(
  connection: Connection,
  wire: Wire,
  entry: Entry | undefined,
  context: ProxyContext,
): Promise<void> {
  let inbound: Inbound | undefined;
  let way: Route | undefined;
  try {
    if (entry?.trusts !== undefined) await readProxyHeader(connection, wire, entry, context);
    const denial = admit(connection, context);
    inbound = await recognise(connection, wire, entry);
    const wantsTunnel = await handshake(connection, inbound, wire, denial, context);
    if (denial !== undefined) throw denial;
    if (!wantsTunnel) return await forwardAll(connection, wire, context);
    way = await route(connection, performance.now() + patience(inbound, context), wire, context);
    context.observer.dialled(connection);
    reply(connection, wire, inbound, way);
    stand(connection, wire.release(), way, context);
  } catch (thrown) {
    // The relay closes both legs; what fails before it must not leave the remote behind.
    way?.remote.leg.destroy();
    refuse(connection, wire, inbound, ProxyError.from(thrown));
    finish(connection, way, context);
  }
}

/** The tunnel stands: from here to its end it is two legs, and what they belong to. */
function stand(connection: Connection, client: Leg, way: Route, context: ProxyContext): void {
  connection.phase = 'relay';
  relay(connection, client, way.remote.leg, context.tunnels, () => finish(connection, way, context));
}

function finish(connection: Connection, way: Route | undefined, { observer, overload }: ProxyContext): void {
  way?.release();
  account(connection, observer);
  overload.left();
}

/** Requests that each find a way of their own. Their client may want a tunnel in the end: for that it is one like any other. */
async function forwardAll(connection: Connection, wire: Wire, context: ProxyContext): Promise<void> {
  const leg = await forward(connection, wire.release(), context);
  if (leg === undefined) return context.overload.left();
  const next = new Wire(leg, context.timeouts.handshake, context.wires);
  return serve(reopen(connection, context), next, undefined, context);
}

function accept(accepted: Leg, { index }: Entry, { nextId, observer, sessions }: ProxyContext): Connection {
  const connection = new Connection(nextId(), clientOf(accepted), Date.now());
  connection.listenerIndex = index;
  // A system call, so only where it is asked for.
  if (sessions.by === 'port' || sessions.by === 'listen') {
    connection.listener = accepted.local ?? { address: '', port: 0 };
  }
  observer.opened(connection);
  return connection;
}

/** The same client, with something else in mind. */
function reopen(
  { client, listener, listenerIndex, serverSession }: Connection,
  { nextId, observer }: ProxyContext,
): Connection {
  const connection = new Connection(nextId(), client, Date.now());
  connection.listener = listener;
  connection.listenerIndex = listenerIndex;
  connection.serverSession = serverSession;
  observer.opened(connection);
  return connection;
}

/** What costs least: no answer, and nothing that lingers. */
function shed(accepted: Leg, connection: Connection, context: ProxyContext): void {
  accepted.reset();
  connection.failure = new ProxyError('OVERLOADED');
  finish(connection, undefined, context);
}

function clientOf({ peer }: Leg): Endpoint {
  const { address, port } = peer ?? { address: 'unix', port: 0 };
  // A dual-stack listener shows IPv4 clients as ::ffff:192.0.2.1.
  const mapped = address.startsWith('::ffff:');
  return mapped ? { address: address.slice('::ffff:'.length), port } : { address, port };
}

function openWire(accepted: Leg, { trusts, tls }: Entry, { legs, timeouts, wires }: ProxyContext): Wire {
  if (tls === undefined) return new Wire(accepted, timeouts.handshake, wires);
  // A PROXY header stands before TLS.
  const leg =
    trusts === undefined ? legs.secure(accepted, (socket) => tls.wrap(socket)) : legs.plain(accepted);
  return new Wire(leg, timeouts.handshake, wires);
}

/** Learns from a trusted sender who is really there; TLS, if any, begins behind that. */
async function readProxyHeader(
  connection: Connection,
  wire: Wire,
  { trusts, tls }: Entry,
  { legs, timeouts }: ProxyContext,
): Promise<void> {
  if (!trusts!(connection.client.address)) {
    throw new ProxyError('CLIENT_DENIED', 'this sender is not trusted with a PROXY header');
  }
  const { client } = await wire.readWithin(parseProxyHeader, timeouts.proxyHeader, 'HANDSHAKE_TIMEOUT');
  if (client !== undefined) connection.client = client;
  if (tls === undefined) return;
  wire.secure((leg, early) => legs.secure(leg, (socket) => tls.wrap(socket), early));
}

/**
 * May the client come in?
 * @returns why not, when it is to hear that in its own protocol.
 */
function admit(connection: Connection, { allowsClient, enter }: ProxyContext): ProxyError | undefined {
  const { address } = connection.client;
  connection.stay = enter(address);
  return allowsClient(address) ? undefined : new ProxyError('CLIENT_DENIED');
}

/** Lets a client that is refused anyway say what it wants, and looks at no password. */
const ANYBODY: LogIn = { required: false, verify: ({ name }) => ({ user: name }) };

async function recognise(connection: Connection, wire: Wire, entry: Entry | undefined): Promise<Inbound> {
  connection.phase = 'sniff';
  const inbound = await sniff(wire);
  connection.inbound = inbound.name;
  // With the first byte inside TLS, its handshake is over.
  const tls = entry?.tls;
  if (tls !== undefined) {
    const name = tls.admit(wire.leg.tls!);
    connection.serverSession = name && tls.sessionDomain && sessionOfServerName(name, tls.sessionDomain);
  }
  return inbound;
}

/** @returns false for HTTP that wants no tunnel. */
async function handshake(
  connection: Connection,
  inbound: Inbound,
  wire: Wire,
  denial: ProxyError | undefined,
  { auth }: ProxyContext,
): Promise<boolean> {
  connection.phase = 'handshake';
  const logIn = denial === undefined ? auth : ANYBODY;
  const request = await inbound.converse(wire, logIn, connection.client.address);
  wire.complete();
  if (request === undefined) {
    connection.inbound = 'http-forward';
    return false;
  }
  if (denial === undefined) connection.identity = request.identity;
  connection.target = request.target;
  connection.handshakeMs = performance.now() - connection.startedAt;
  return true;
}

const patience = ({ name }: Inbound, { timeouts }: ProxyContext): number =>
  name === 'http-connect' ? timeouts.dialHttp : timeouts.dialSocks;

function reply(connection: Connection, wire: Wire, inbound: Inbound, { remote }: Route): void {
  connection.phase = 'reply';
  wire.send(inbound.granted(remote.bound, remote.moved));
}

/** Tells the client why not, in its own protocol, and lets it read that before the connection closes. */
function refuse(connection: Connection, wire: Wire, inbound: Inbound | undefined, error: ProxyError): void {
  connection.failure = error;
  wire.refuse(inbound?.refused(error));
}
