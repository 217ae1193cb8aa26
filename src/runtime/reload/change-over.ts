/**
 * From one configuration to the next while everything runs: first all that can fail is read, opened and bound beside what
 * is in use; then it takes its place, and what is gone is closed.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Endpoint } from '../../connection.ts';
import { probe, StartError } from '../../listener.ts';
import { startEcho, type Echo } from '../../ops/echo.ts';
import type { Config } from '../config.ts';
import type { Lanes, Prepared } from '../lanes.ts';
import type { Membership } from '../membership.ts';
import type { Outputs } from '../outputs.ts';
import type { OverloadWatch } from '../overload.ts';
import type { Parts } from '../parts.ts';
import type { PlacedListener, PlacedListeners } from '../placed-listeners.ts';
import { within } from './within.ts';

/** For all threads to open what is new; one that stands still is replaced before that, or not at all. */
const PREPARE_MS = 15_000;
/** For all threads to say that they go by it. Who stands still goes by it when he moves again. */
const SETTLE_MS = 5000;

/** What runs, and lives on. */
export interface Standing {
  readonly outputs: Outputs;
  readonly membership: Membership;
  readonly lanes: Lanes;
  readonly listeners: PlacedListeners;
  readonly overload: OverloadWatch;
}

/** What a configuration has made, and the next one may replace. */
export interface InUse {
  readonly config: Config;
  readonly parts: Parts;
  readonly echo: Echo | undefined;
  readonly endpoints: readonly Endpoint[];
}

/**
 * @param pools All there are to be, by name.
 * @param read Reads the files that a configuration names.
 * @param goesOn Whether the program is not about to end.
 * @returns what is in use now.
 * @throws StartError, PoolError or RangeError, and has changed nothing.
 */
export async function changeOver(
  { outputs, membership, lanes, listeners, overload }: Standing,
  before: InUse,
  config: Config,
  pools: ReadonlyMap<string, readonly string[]>,
  read: (config: Config) => Promise<Parts>,
  goesOn: () => boolean,
): Promise<InUse> {
  await using undo = new AsyncDisposableStack();
  const change = await membership.prepare(pools);
  undo.defer(() => change.discard());
  const parts = await read(config);
  undo.defer(() => parts.stop());
  const output = outputs.prepare(config.log.access);
  undo.defer(() => output.discard());
  const echo = isDeepStrictEqual(config.echo, before.config.echo) ? before.echo : await openEcho(config.echo);
  if (echo !== before.echo) undo.defer(() => echo?.close());
  undo.defer(() => within(lanes.abandon(), SETTLE_MS));
  const { endpoints, listen } = await openListeners(listeners.plan(config), listeners, lanes);
  if (!goesOn()) throw new StartError('Gyre is stopping: nothing is changed any more');
  change.put();
  undo.move();

  membership.configure(config.health);
  overload.replace(config.overload);
  outputs.log.setLevel(config.log.level);
  output.put();
  before.parts.stop();
  parts.start();
  listeners.take(listen, endpoints);
  const { accessFormat } = output;
  const { pems: certificates, accounts } = parts;
  const snapshots = membership.snapshots();
  await within(lanes.update({ config, listen, certificates, accounts, snapshots, accessFormat }), SETTLE_MS);
  if (echo !== before.echo) await before.echo?.close();
  return { config, parts, echo, endpoints };
}

async function openEcho(at: Config['echo']): Promise<Echo | undefined> {
  if (at === undefined) return undefined;
  await probe(at);
  return startEcho(at);
}

/** @throws StartError */
async function openListeners(
  listen: readonly PlacedListener[],
  listeners: PlacedListeners,
  lanes: Lanes,
): Promise<Prepared> {
  const fresh = listen.filter((one) => listeners.isNew(one));
  const ports = fresh.flatMap(({ at }) => ('port' in at ? [at] : []));
  // On another address, one of ours may have the port.
  for (const at of ports) if (!listeners.has(at.port)) await probe(at);
  try {
    const prepared = await within(lanes.prepare(listen), PREPARE_MS);
    if (prepared !== undefined) return prepared;
  } catch (error) {
    if (!ports.some(({ port }) => listeners.has(port))) throw error;
    throw new StartError(
      (error as Error).message,
      'a listener that is in use has the port: take it out first, and add the other one with a second reload',
      error,
    );
  }
  throw new StartError('a thread did not open the new listeners in time', 'try again in a moment');
}

/** Ends what a change has made, when the program ended meanwhile. */
export async function letGo({ parts, echo }: InUse): Promise<void> {
  parts.stop();
  await echo?.close();
}
