/**
 * A gateway as a program of its own, for tests of what a whole process has: descriptors, memory, time. Told by its parent
 * what to do, ended by disconnecting.
 */
import { defineConfig, type GyreOptions } from '../../src/runtime/config.ts';
import { startGateway, type EgressStatus, type Gateway, type Stats } from '../../src/runtime/gateway.ts';

export type Order =
  | { readonly start: GyreOptions }
  /** Uses so much memory, in place of what it used before by such an order; bytes. */
  | { readonly hold: number }
  | 'report';

export interface Report {
  /** Of the listeners, in order. */
  readonly ports: readonly number[];
  readonly stats: Stats;
  readonly egresses: readonly Pick<EgressStatus, 'address' | 'state' | 'tunnels'>[];
  /** Bytes; 0 when there is no descriptor left to look. */
  readonly rss: number;
  /** The most it may use as its control group says; bytes. */
  readonly constrained: number;
}

let gateway: Gateway | undefined;
/** Keeps it from being collected. */
const held: Buffer[] = [];

async function obey(order: Order): Promise<void> {
  if (order !== 'report' && 'start' in order) gateway = await startGateway(defineConfig(order.start));
  if (order !== 'report' && 'hold' in order) hold(order.hold);
  process.send!({
    ports: gateway!.endpoints.map(({ port }) => port),
    stats: gateway!.stats(),
    egresses: [...gateway!.egresses()].map(({ address, state, tunnels }) => ({ address, state, tunnels })),
    rss: rss(),
    constrained: process.constrainedMemory(),
  } satisfies Report);
}

function rss(): number {
  try {
    return process.memoryUsage.rss();
  } catch {
    return 0;
  }
}

function hold(bytes: number): void {
  held.length = 0;
  // What nobody holds any more goes back to the kernel with the next collection.
  (globalThis as { gc?: () => void }).gc?.();
  if (bytes > 0) held.push(Buffer.alloc(bytes, 1));
}

process.on('message', (order: Order) => void obey(order));
process.on('disconnect', () => process.exit());
