/**
 * What one pick costs on one thread, by strategy and size of the pool: `node bench/micro/pick.ts`.
 *
 * A pick is `rotator.pick(...).next()` and the release of an egress picked earlier, as in a proxy with 1,000 live tunnels.
 */
import { tableMemory, EgressTable } from '../../src/egress/pool/table.ts';
import { Slots } from '../../src/egress/pool/slots.ts';
import { buildSnapshot, Rotator, rotatorMemory } from '../../src/egress/rotation/rotator.ts';
import { STRATEGIES, type StrategyName } from '../../src/egress/rotation/strategies.ts';
import type { Egress } from '../../src/connection.ts';
import type { Range } from '../../src/egress/pool/ranges.ts';

const SIZES = [8, 1000, 65_536] as const;
const LIVE = 1000;
const WARM_UP = 20_000;
const PICKS = 200_000;
/** Hosts, clients and users that take part. */
const PARTIES = 1000;

/** One address in ten weighs three, so that `weighted` has something to do. */
function pool(size: number): Range[] {
  const heavy = Math.ceil(size / 10);
  const first = 0x0a000000;
  const range = (from: number, to: number, weight: number): Range => ({
    family: 4,
    first: BigInt(first + from),
    last: BigInt(first + to - 1),
    holes: [],
    weight,
    tags: [],
  });
  return [range(0, heavy, 3), range(heavy, size, 1)];
}

function rotatorOf(name: StrategyName, ranges: readonly Range[]): { rotator: Rotator; buildMs: number } {
  const table = new EgressTable(tableMemory());
  const slots = new Slots(table);
  const startedAt = performance.now();
  slots.assign(ranges);
  const snapshot = buildSnapshot(ranges, slots, table);
  const buildMs = performance.now() - startedAt;
  const options = { name, cursor: 'destination', hashBy: 'client', everyRequests: 10, everyMs: 0 } as const;
  const sessions = { candidates: () => ({ inside: '', next: () => undefined, settle: () => false }) };
  return { rotator: new Rotator(rotatorMemory(), options, snapshot, table, sessions), buildMs };
}

/** @returns nanoseconds a pick. */
function measure(rotator: Rotator): number {
  const parties = Array.from({ length: PARTIES }, (_, index) => ({
    family: 4 as const,
    destination: `host-${index}.example`,
    user: `user-${index}`,
    client: `198.51.100.${index}`,
  }));
  const live: Egress[] = [];
  const pick = (turn: number): void => {
    const egress = rotator.pick(parties[turn % PARTIES]!).next()!;
    const place = turn % LIVE;
    if (live[place] !== undefined) rotator.release(live[place]);
    live[place] = egress;
  };
  for (let turn = 0; turn < WARM_UP; turn++) pick(turn);
  const startedAt = performance.now();
  for (let turn = 0; turn < PICKS; turn++) pick(turn);
  return ((performance.now() - startedAt) * 1e6) / PICKS;
}

const cell = (value: number | string): string => String(value).padStart(16);
console.log(['ns a pick'.padEnd(20), ...SIZES.map((size) => cell(`${size} addresses`))].join(''));
for (const name of Object.keys(STRATEGIES) as StrategyName[]) {
  const costs = SIZES.map((size) => Math.round(measure(rotatorOf(name, pool(size)).rotator)));
  console.log([name.padEnd(20), ...costs.map(cell)].join(''));
}
const { buildMs } = rotatorOf('weighted', pool(65_536));
console.log(`\n65,536 addresses, slots and snapshot: ${buildMs.toFixed(0)} ms`);
