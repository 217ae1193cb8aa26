/**
 * A lane: listeners and everything behind them, on one thread.
 *
 * With workers there is a lane a worker thread, all on the same ports; without, the one lane runs on the caller's
 * thread. A lane shares nothing with the others but counters in shared memory.
 */
import type { Socket } from 'node:net';
import type { Endpoint } from '../connection.ts';
import type { FailureCode } from '../errors.ts';
import type { PortRange } from '../egress/dial/ports.ts';
import type { RotatorMemory, Snapshot } from '../egress/rotation/rotator.ts';
import type { SessionMemory } from '../egress/sessions/sessions.ts';
import { EgressTable, type TableMemory } from '../egress/pool/table.ts';
import { canAdopt } from '../leg.ts';
import { listen, type Listener, type ListenerConfig } from '../listener.ts';
import { LineBatch } from '../ops/batch.ts';
import type { LineFormat } from '../ops/text.ts';
import { buildClientFilter } from '../policy/clients.ts';
import type { LimitMemory } from '../policy/limits/memory.ts';
import { OwnAddresses } from '../policy/own-addresses.ts';
import type { Account } from '../policy/users/account.ts';
import { proxy, type Entry, type ProxyContext } from '../proxy.ts';
import { Secure, type CertificatePems } from '../secure.ts';
import type { Config } from './config.ts';
import { inWords, LaneContext } from './context.ts';

/** How often a closing lane looks whether its last connections are gone; milliseconds. */
const IDLE_POLL_MS = 10;
/** After the drain deadline, refused and cut clients get this long to be told; milliseconds. */
const GRACE_MS = 1500;

/** For each listener, in the order of the config; undefined: no TLS there. */
export type ListenerCertificates = readonly (CertificatePems | undefined)[];

/** What there is to pick from, by the name of the pool. */
export type Snapshots = ReadonlyMap<string, Snapshot>;

/** What changes while a lane runs; each part as a whole. */
export interface LaneState {
  /** Of the same pools as at the start. */
  readonly snapshots: Snapshots;
  /** What TLS shows, of the same listeners as at the start. */
  readonly certificates: ListenerCertificates;
  /** Who may log in: of the config, and of the users file. */
  readonly accounts: readonly Account[];
}

/** What a lane is made of. Plain data and shared memory: it crosses to a worker thread as it is. */
export interface LaneOptions {
  /** 0 and up; also its block in the counters. */
  readonly index: number;
  readonly config: Config;
  /** Where to listen: as configured, or with the port the kernel chose for the first lane. */
  readonly listen: readonly ListenerConfig[];
  /** Other lanes listen there as well. */
  readonly reusePort: boolean;
  /** As it is when the lane opens. */
  readonly state: LaneState;
  readonly memory: RotatorMemory;
  readonly table: TableMemory;
  /** The egresses this lane has tunnels on, for when its thread dies. */
  readonly ledger: SharedArrayBuffer;
  readonly sessions: SessionMemory;
  readonly limits: LimitMemory;
  /** What this lane's connections hold of the limits, for when its thread dies. */
  readonly limitLedger: SharedArrayBuffer;
  readonly overload: SharedArrayBuffer;
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
  update(changes: Partial<LaneState>): void;
  /** Stops accepting at once, lets tunnels end until the deadline, then cuts what is left. */
  close(drainMs: number): Promise<void>;
}

/** @throws StartError */
export async function openLane(options: LaneOptions, output: LaneOutput): Promise<Lane> {
  const lines = new LineBatch((text, count) => output.access(text, count));
  const table = new EgressTable(options.table, options.ledger);
  const context = new LaneContext(options, table, await OwnAddresses.watch(), lines, output);
  const entries = options.listen.map((config, i) => entryOf(config, i, options.state.certificates[i]));
  const listeners: Listener[] = [];
  for (const [i, { at }] of options.listen.entries()) {
    const entry = entries[i]!;
    // A socket file can be bound once: the first thread serves it.
    if ('path' in at && options.index > 0) continue;
    listeners.push(
      await listen(at, {
        reusePort: options.reusePort,
        onAccept: (socket) => accept(socket, entry, context.proxy),
        onError: (error) => output.warn('accepting a connection failed', { error: inWords(error) }),
      }),
    );
  }
  const endpoints = listeners.map(({ endpoint }) => endpoint);
  context.listensOn(endpoints);
  return {
    endpoints,
    update({ snapshots, certificates, accounts }) {
      if (snapshots !== undefined) context.replace(snapshots);
      if (accounts !== undefined) context.setUsers(accounts);
      for (const [i, { tls }] of entries.entries()) {
        if (certificates !== undefined) tls?.renew(certificates[i]!);
      }
    },
    async close(drainMs) {
      await closeLane(listeners, context.proxy, drainMs);
      context.close();
      lines.flush();
    },
  };
}

function entryOf(
  { tls, proxyProtocol }: ListenerConfig,
  index: number,
  pems: CertificatePems | undefined,
): Entry {
  return {
    index,
    trusts: proxyProtocol && buildClientFilter(proxyProtocol),
    tls: tls && new Secure(pems!, tls.sessionDomain),
  };
}

/** Whether this Node lets sockets be adopted shows with the first one; if not, the lane goes on without. */
function accept(socket: Socket, entry: Entry, context: ProxyContext): void {
  context.adoptHandles &&= canAdopt(socket);
  void proxy(socket, entry, context);
}

async function closeLane(
  listeners: readonly Listener[],
  { tunnels, wires, forwards }: ProxyContext,
  drainMs: number,
): Promise<void> {
  for (const listener of listeners) listener.close();
  for (const client of forwards) client.drain();
  const idle = (): boolean => tunnels.size === 0 && wires.size === 0 && forwards.size === 0;
  if (await until(idle, drainMs)) return;
  tunnels.cut('SHUTTING_DOWN');
  for (const client of forwards) client.cut();
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
