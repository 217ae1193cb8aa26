/**
 * A lane: listeners and everything behind them, on one thread.
 *
 * With workers there is a lane a worker thread, all on the same ports; without, the one lane runs on the caller's
 * thread. A lane shares nothing with the others but counters in shared memory.
 */
import type { Endpoint } from '../connection.ts';
import type { FailureCode } from '../errors.ts';
import type { PortRange } from '../egress/dial/ports.ts';
import type { RotatorMemory, Snapshot } from '../egress/rotation/rotator.ts';
import type { SessionMemory } from '../egress/sessions/sessions.ts';
import { EgressTable, type TableMemory } from '../egress/pool/table.ts';
import { LineBatch } from '../ops/batch.ts';
import type { LineFormat } from '../ops/text.ts';
import type { LimitMemory } from '../policy/limits/memory.ts';
import { OwnAddresses } from '../policy/own-addresses.ts';
import type { Account } from '../policy/users/account.ts';
import { proxy, type ProxyContext } from '../proxy.ts';
import { Beat } from './beat.ts';
import type { Config } from './config.ts';
import { inWords, LaneContext } from './context.ts';
import { LaneListeners, type ListenerCertificates } from './lane-listeners.ts';
import type { PlacedListener } from './placed-listeners.ts';
import { answer, type AnswerTo, type Knowledge, type Question } from './control/questions.ts';

/** How often a closing lane looks whether its last connections are gone; milliseconds. */
const IDLE_POLL_MS = 10;
/** After the drain deadline, refused and cut clients get this long to be told; milliseconds. */
const GRACE_MS = 1500;

/** What there is to pick from, by the name of the pool. */
export type Snapshots = ReadonlyMap<string, Snapshot>;

/** What changes while a lane runs; each part as a whole. */
export interface LaneState {
  /** What everything goes by that is not said below. */
  readonly config: Config;
  /** How access lines look; undefined when nobody wants them. */
  readonly accessFormat: LineFormat | undefined;
  /** In the order of the config; as configured, or with the port the kernel chose for the first lane. */
  readonly listen: readonly PlacedListener[];
  /** Of all pools. */
  readonly snapshots: Snapshots;
  /** What TLS shows, by listener. */
  readonly certificates: ListenerCertificates;
  /** Who may log in: of the config, and of the users file. */
  readonly accounts: readonly Account[];
  /** Listeners of the main thread that are never to be reached through the proxy; the same for good. */
  readonly reserved: readonly Endpoint[];
}

/** What a lane is made of. Plain data and shared memory: it crosses to a worker thread as it is. */
export interface LaneOptions {
  /** 0 and up; also its block in the counters. */
  readonly index: number;
  /** Other lanes listen there as well. */
  readonly reusePort: boolean;
  /** Descriptors of listening sockets that this lane is to use, by the keys of listeners. */
  readonly inherited: ReadonlyMap<string, readonly number[]>;
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
  /** See `beat.ts`. */
  readonly beats: SharedArrayBuffer;
  /** Source ports, for where their choice is ours. */
  readonly ports: PortRange;
  readonly counters: SharedArrayBuffer;
  /** False has legs make do with documented API. */
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
  /**
   * Opens the listeners that are not open yet, for the update that follows. They take no connection before that.
   * @returns where all of them are.
   * @throws StartError
   */
  prepare(listen: readonly PlacedListener[]): Promise<readonly Endpoint[]>;
  /** Closes again what {@link prepare} has opened. */
  abandon(): Promise<void>;
  /** Resolves when the changes are in place; never rejects. */
  update(changes: Partial<LaneState>): Promise<void>;
  /** A thread that is busy, or dead, does not answer. */
  ask<Q extends Question>(question: Q): Promise<AnswerTo<Q>>;
  /**
   * Stops accepting at once, lets tunnels end until the deadline, then cuts what is left.
   * @param handedOver Another process serves its listeners.
   */
  close(drainMs: number, handedOver: boolean): Promise<void>;
  /** Ends the thread, whatever it is doing; undefined when that is the caller's own. */
  terminate?(why: Error): void;
}

/** @throws StartError */
export async function openLane(options: LaneOptions, output: LaneOutput): Promise<Lane> {
  const lines = new LineBatch((text, count) => output.access(text, count));
  const beat = new Beat(options.beats, options.index);
  const table = new EgressTable(options.table, options.ledger);
  const context = new LaneContext(options, table, await OwnAddresses.watch(), lines, output);
  const listeners = new LaneListeners({
    first: options.index === 0,
    reusePort: options.reusePort,
    inherited: options.inherited,
    legs: context.proxy.legs,
    onAccept: (leg, entry) => proxy(leg, entry, context.proxy),
    onError: (error) => output.warn('accepting a connection failed', { error: inWords(error) }),
  });
  const endpoints = await listeners.prepare(options.state.listen);
  await listeners.use(options.state.listen, options.state.certificates);
  const { reserved } = options.state;
  context.listensOn([...endpoints, ...reserved]);
  const { tunnels, forwards } = context.proxy;
  const knowledge: Knowledge = { index: options.index, tunnels, forwards, sessions: context.sessions };
  return {
    endpoints,
    prepare: (listen) => listeners.prepare(listen),
    abandon: () => listeners.abandon(),
    async update(changes) {
      const { listen, certificates } = changes;
      try {
        context.change(changes);
        const closed = listen && listeners.use(listen, certificates ?? []);
        if (listen === undefined && certificates !== undefined) listeners.renew(certificates);
        if (listen !== undefined || changes.config !== undefined)
          context.listensOn([...listeners.endpoints, ...reserved]);
        await closed;
      } catch (error) {
        output.warn('a change could not be put in place', { error: inWords(error) });
      }
    },
    // async, so that what goes wrong with a question is a rejection and no end of the thread.
    // oxlint-disable-next-line require-await
    ask: async (question) => answer(question, knowledge),
    async close(drainMs, handedOver) {
      const stopped = listeners.close(handedOver);
      await closeLane(stopped, context.proxy, drainMs);
      context.close();
      beat.stop();
      lines.flush();
    },
  };
}

async function closeLane(
  stopped: Promise<void>,
  { tunnels, wires, forwards }: ProxyContext,
  drainMs: number,
): Promise<void> {
  // Those who were already waiting are served like everybody else.
  await stopped;
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
