/**
 * A lane: listeners and everything behind them, on one thread.
 *
 * With workers there is a lane a worker thread, all on the same ports; without, the one lane runs on the caller's
 * thread. A lane shares nothing with the others but counters in shared memory.
 */
import { networkInterfaces } from 'node:os';
import type { Socket } from 'node:net';
import type { Egress, Endpoint } from '../connection.ts';
import type { FailureCode, ProxyError } from '../errors.ts';
import { Ports, type PortRange } from '../egress/dial/ports.ts';
import { buildResolver } from '../egress/names/resolver.ts';
import { Rotator, type RotatorMemory, type Snapshot } from '../egress/rotation/rotator.ts';
import { Sessions, type SessionMemory } from '../egress/sessions/sessions.ts';
import { EgressTable, type TableMemory } from '../egress/pool/table.ts';
import { canAdopt, ReadBuffers } from '../leg.ts';
import { listen, type ListenAddress, type Listener } from '../listener.ts';
import { LineBatch } from '../ops/batch.ts';
import { Counters } from '../ops/counters.ts';
import { ThreadObserver } from '../ops/observer.ts';
import type { LineFormat } from '../ops/text.ts';
import { buildAuthenticator } from '../policy/auth.ts';
import { buildClientFilter } from '../policy/clients.ts';
import { buildGuard, type Guard } from '../policy/guard.ts';
import { ipBytes } from '../protocol/address.ts';
import { proxy, type ProxyContext } from '../proxy.ts';
import { Tunnels } from '../relay.ts';
import type { Config } from './config.ts';

/** How often a closing lane looks whether its last connections are gone; milliseconds. */
const IDLE_POLL_MS = 10;
/** After the drain deadline, refused and cut clients get this long to be told; milliseconds. */
const GRACE_MS = 1500;

/** What there is to pick from, by the name of the pool. */
export type Snapshots = ReadonlyMap<string, Snapshot>;

/** What a lane is made of. Plain data and shared memory: it crosses to a worker thread as it is. */
export interface LaneOptions {
  /** 0 and up; also its block in the counters. */
  readonly index: number;
  readonly config: Config;
  /** Where to listen: as configured, or with the port the kernel chose for the first lane. */
  readonly listen: readonly ListenAddress[];
  /** Other lanes listen there as well. */
  readonly reusePort: boolean;
  readonly snapshots: Snapshots;
  readonly memory: RotatorMemory;
  readonly table: TableMemory;
  /** The egresses this lane has tunnels on, for when its thread dies. */
  readonly ledger: SharedArrayBuffer;
  readonly sessions: SessionMemory;
  /** Undefined leaves the choice of source ports to the kernel. */
  readonly ports: PortRange | undefined;
  readonly counters: SharedArrayBuffer;
  /** Undefined when nobody wants access lines. */
  readonly accessFormat: LineFormat | undefined;
  /** False forces the fallback of `leg.ts`. */
  readonly adoptHandles: boolean;
}

/** What connections meet by fault of their egress. */
export interface EgressReports {
  /** Failures in a row, this one included. */
  failed(slot: number, code: FailureCode, times: number): void;
  /** It cannot be used at all, and the lane has taken it out already. */
  ejected(slot: number, code: FailureCode): void;
}

/** What a lane tells the thread that controls it. */
export interface LaneOutput extends LineOutput, EgressReports {}

/** Lines for people and programs to read. */
export interface LineOutput {
  /** Finished access lines, each with its newline. */
  access(text: string, lines: number): void;
  warn(message: string, fields: Record<string, unknown>): void;
}

export interface Lane {
  readonly endpoints: readonly Endpoint[];
  /** Of the same pools as at the start. */
  replace(snapshots: Snapshots): void;
  /** Stops accepting at once, lets tunnels end until the deadline, then cuts what is left. */
  close(drainMs: number): Promise<void>;
}

/** @throws StartError */
export async function openLane(options: LaneOptions, output: LaneOutput): Promise<Lane> {
  const lines = new LineBatch((text, count) => output.access(text, count));
  const table = new EgressTable(options.table, options.ledger);
  const pools = buildRotators(options, table);
  const context = buildContext(options, pools, table, lines, output);
  const listeners: Listener[] = [];
  for (const address of options.listen) {
    listeners.push(
      await listen(address, {
        reusePort: options.reusePort,
        onAccept: (socket) => accept(socket, context),
        onError: (error) => output.warn('accepting a connection failed', { error: inWords(error) }),
      }),
    );
  }
  const endpoints = listeners.map(({ endpoint }) => endpoint);
  // Ports the kernel chose are known only now.
  context.guard = ownGuard(options, endpoints, pools);
  return {
    endpoints,
    replace(snapshots) {
      for (const [pool, rotator] of pools) rotator.replace(snapshots.get(pool)!);
    },
    close: (drainMs) => closeLane(listeners, context, drainMs).finally(() => lines.flush()),
  };
}

function buildRotators(
  { config, memory, snapshots, sessions }: LaneOptions,
  table: EgressTable,
): Map<string, Rotator> {
  const { strategy: name, cursor, hashBy, every } = config;
  const strategy = { name, cursor, hashBy, everyRequests: every.requests, everyMs: every.ms };
  const sticky = new Sessions(sessions);
  const rotators = [...snapshots].map(([pool, snapshot]) => {
    return [pool, new Rotator(memory, strategy, snapshot, table, sticky)] as const;
  });
  return new Map(rotators);
}

function buildContext(
  options: LaneOptions,
  pools: ReadonlyMap<string, Rotator>,
  table: EgressTable,
  lines: LineBatch,
  output: LaneOutput,
): ProxyContext {
  const { config, index, counters, accessFormat, adoptHandles, ports } = options;
  const accessLog = accessFormat && { batch: lines, format: accessFormat };
  let count = 0;
  return {
    auth: buildAuthenticator(config.users),
    allowsClient: buildClientFilter(config.clients.allow),
    guard: ownGuard(options, [], pools),
    resolver: buildResolver(config.dns),
    pools,
    family: config.family,
    sessions: config.sessions,
    ports: ports && new Ports(ports, table),
    report: (egress, error) => report(egress, error, table, output),
    tunnels: new Tunnels(config.timeouts),
    wires: new Set(),
    buffers: new ReadBuffers(),
    observer: new ThreadObserver(new Counters(counters, index), accessLog, ({ id, failure }) =>
      output.warn('a connection failed for a reason nobody foresaw', { id, error: inWords(failure?.cause) }),
    ),
    timeouts: config.timeouts,
    adoptHandles,
    nextId: () => `${index}-${(++count).toString(36)}`,
  };
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
function inWords(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** An address of the pool may be ours without being on an interface (AnyIP). */
function ownGuard(
  { config }: LaneOptions,
  own: readonly Endpoint[],
  pools: ReadonlyMap<string, Rotator>,
): Guard {
  const isOurs = (address: string): boolean => {
    const bytes = ipBytes(address)!;
    return isLocal(address) || [...pools.values()].some((rotator) => rotator.includes(bytes));
  };
  return buildGuard({ ...config.targets, own, isLocal: isOurs });
}

/** Whether this Node lets sockets be adopted shows with the first one; if not, the lane goes on without. */
function accept(socket: Socket, context: ProxyContext): void {
  context.adoptHandles &&= canAdopt(socket);
  void proxy(socket, context);
}

/** Whether an address is one of this host; asked anew each time, since addresses come and go. */
function isLocal(address: string): boolean {
  return Object.values(networkInterfaces()).some((entries) =>
    entries?.some((entry) => entry.address === address),
  );
}

async function closeLane(
  listeners: readonly Listener[],
  { tunnels, wires }: ProxyContext,
  drainMs: number,
): Promise<void> {
  for (const listener of listeners) listener.close();
  const idle = (): boolean => tunnels.size === 0 && wires.size === 0;
  if (await until(idle, drainMs)) return;
  tunnels.cut('SHUTTING_DOWN');
  for (const wire of wires) wire.cut();
  await until(idle, GRACE_MS);
}

/** @returns whether it came true in time. */
async function until(condition: () => boolean, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms;
  while (!condition()) {
    if (performance.now() >= deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, IDLE_POLL_MS));
  }
  return true;
}
