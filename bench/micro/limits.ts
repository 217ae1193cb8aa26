/**
 * What limits cost: `node bench/micro/limits.ts`. On one thread, then on several that all count for the same user.
 *
 * A connection is `enter`, `settle` and `leave`; a read is one `take` for all the subjects that limit its tunnel.
 */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Limits, type Stay } from '../../src/policy/limits/limits.ts';
import { Logins } from '../../src/policy/limits/logins.ts';
import { limitMemory, type LimitMemory } from '../../src/policy/limits/memory.ts';
import { limitLedger } from '../../src/policy/limits/places.ts';
import type { LimitOptions, LimitTerms } from '../../src/policy/limits/terms.ts';

const THREADS = [1, 2, 4] as const;
const ROUNDS = 10;
const CONNECTIONS = 20_000;
const READS = 300_000;
const PARTIES = 1000;
/** Never reached. */
const MUCH: LimitTerms = {
  connections: 1e9,
  rate: { count: 1e9, perMs: 1000 },
  up: 1e15,
  down: 1e15,
  quota: { bytes: 1e15, period: 'month' },
};

interface Job {
  readonly memory: LimitMemory;
  readonly options: LimitOptions;
  readonly ledger: SharedArrayBuffer;
}

const options = (global: LimitTerms, perUser: LimitTerms, rest: LimitTerms): LimitOptions => ({
  global,
  perListener: [rest],
  perClient: rest,
  perUser,
  users: {},
  handshakes: 100,
  logins: { failures: 5, perMs: 60_000, banMs: 60_000 },
});
const NOTHING = options({}, {}, {});
const ONE = options({}, MUCH, {});
const ALL = options(MUCH, MUCH, MUCH);

const parties: readonly string[] = Array.from(
  { length: PARTIES },
  (_, i) => `198.51.${Math.trunc(i / 256)}.${i % 256}`,
);

/** The best of some rounds, since the machine has other things to do. @returns nanoseconds each. */
function measure(times: number, action: (turn: number) => void): number {
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const startedAt = performance.now();
    for (let turn = 0; turn < times; turn++) action(turn);
    best = Math.min(best, ((performance.now() - startedAt) * 1e6) / times);
  }
  return best;
}

function connect(limits: Limits): number {
  return measure(CONNECTIONS, (turn) => {
    const stay = limits.enter(parties[turn % PARTIES]!);
    stay.settle(0, parties[(turn * 7) % PARTIES]);
    stay.leave();
  });
}

const settled = (limits: Limits, turn: number): Stay => {
  const stay = limits.enter(parties[turn % PARTIES]!);
  stay.settle(0, 'one user');
  return stay;
};

function read(limits: Limits): number {
  const shapers = Array.from({ length: 100 }, (_, turn) => settled(limits, turn).down!);
  return measure(READS, (turn) => shapers[turn % 100]!.take(65_536));
}

/** @returns bytes of garbage a read. */
function garbage(limits: Limits): number {
  const shaper = settled(limits, 0).down!;
  const used = (): number => process.memoryUsage().heapUsed;
  for (let turn = 0; turn < READS; turn++) shaper.take(65_536);
  const before = used();
  // Few enough for no collection to come between.
  for (let turn = 0; turn < 100_000; turn++) shaper.take(65_536);
  return (used() - before) / 100_000;
}

const limitsOf = ({ memory, options, ledger }: Job): Limits => new Limits(memory, options, ledger);

function jobOf(options: LimitOptions, memory: LimitMemory = limitMemory(options)): Job {
  return { memory, options, ledger: limitLedger(memory) };
}

async function onThreads(threads: number, options: LimitOptions): Promise<{ connect: number; read: number }> {
  const { memory } = jobOf(options);
  const results = await Promise.all(
    Array.from({ length: threads }, async () => {
      const worker = new Worker(new URL(import.meta.url), { workerData: jobOf(options, memory) });
      const [result] = (await once(worker, 'message')) as [{ connect: number; read: number }];
      return result;
    }),
  );
  const mean = (of: 'connect' | 'read'): number =>
    results.reduce((sum, result) => sum + result[of], 0) / threads;
  return { connect: mean('connect'), read: mean('read') };
}

const line = (what: string, value: number, unit = 'ns'): void =>
  console.log(`${what.padEnd(44)}${value.toFixed(unit === 'ns' ? 0 : 2).padStart(8)} ${unit}`);

if (isMainThread) {
  line('a connection that nothing limits', connect(limitsOf(jobOf(NOTHING))));
  line('a connection with every limit there is', connect(limitsOf(jobOf(ALL))));
  line('a read limited by its user', read(limitsOf(jobOf(ONE))));
  line('a read limited by all four', read(limitsOf(jobOf(ALL))));
  line('garbage of such a read', garbage(limitsOf(jobOf(ALL))), 'bytes');
  const stay = settled(limitsOf(jobOf(ALL)), 0);
  line(
    'bytes counted against four quotas',
    measure(CONNECTIONS, () => stay.spend(1000)),
  );
  const logins = new Logins(limitMemory(ALL), ALL);
  line(
    'a right password: check and succeeded',
    measure(CONNECTIONS, (turn) => {
      logins.check(parties[turn % PARTIES]!, 'alice');
      logins.succeeded(parties[turn % PARTIES]!, 'alice');
    }),
  );
  line(
    'a wrong one for a random name: failed',
    measure(CONNECTIONS, (turn) => logins.failed(parties[turn % PARTIES]!, `user-${turn}`)),
  );
  for (const threads of THREADS) {
    const { connect, read } = await onThreads(threads, ALL);
    line(`${threads} threads: a connection, every limit`, connect);
    line(`${threads} threads: a read, all four the same`, read);
  }
} else {
  const limits = limitsOf(workerData as Job);
  const result = { connect: connect(limits), read: read(limits) };
  parentPort!.postMessage(result);
}
