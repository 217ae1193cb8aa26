/**
 * The gateways of the hostile matrix as a program of their own: both cores have work, a crash is a crash, and every
 * descriptor counted is the gateway's. Told by its parent what to start, asked how it is, ended by disconnecting.
 */
import type { FailureCode } from '../../src/errors.ts';
import { defineConfig, type GyreOptions } from '../../src/runtime/config.ts';
import { startGateway, type Gateway } from '../../src/runtime/gateway.ts';

export type ToGateway = { readonly start: readonly GyreOptions[] } | 'how are you';

/** The state of one gateway. */
export interface Health {
  readonly accepted: number;
  readonly active: number;
  /** Live tunnels as the egresses count them. */
  readonly marks: number;
  readonly linesDropped: number;
  readonly failures: Readonly<Partial<Record<FailureCode, number>>>;
}

export type FromGateway =
  | { readonly ports: readonly (readonly number[])[] }
  | { readonly health: readonly Health[]; readonly rss: number };

const gateways: Gateway[] = [];
const say = (message: FromGateway): void => void process.send!(message);

function healthOf(gateway: Gateway): Health {
  const { accepted, active, failures, logLinesDropped } = gateway.stats();
  let marks = 0;
  for (const { tunnels } of gateway.egresses()) marks += tunnels;
  const met = Object.entries(failures).filter(([, times]) => times > 0);
  return { accepted, active, marks, linesDropped: logLinesDropped, failures: Object.fromEntries(met) };
}

async function start(options: readonly GyreOptions[]): Promise<void> {
  for (const one of options) gateways.push(await startGateway(defineConfig(one)));
  say({ ports: gateways.map(({ endpoints }) => endpoints.map(({ port }) => port)) });
}

process.on('message', (message: ToGateway) => {
  if (message === 'how are you') say({ health: gateways.map(healthOf), rss: process.memoryUsage().rss });
  else void start(message.start);
});
process.on('disconnect', () => process.exit());
