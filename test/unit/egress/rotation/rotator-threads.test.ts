/** The rotator over real threads. The file is its own worker. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { Range } from '../../../../src/egress/pool/ranges.ts';
import { Rotator, type RotatorMemory, type Snapshot } from '../../../../src/egress/rotation/rotator.ts';
import type { StrategyOptions } from '../../../../src/egress/rotation/strategies.ts';
import { EgressTable, type TableMemory } from '../../../../src/egress/pool/table.ts';
import {
  chiSquare,
  first,
  NO_SESSIONS,
  pick,
  ranges,
  request,
  ROUND_ROBIN,
  span,
  Stage,
  tally,
} from '../../../support/rotation.ts';

const THREADS = 4;
/** Of each thread: a million in all. */
const PICKS = 250_000;
/** Clients that take turns, in every thread the same. */
const CLIENTS = 5000;

interface Job {
  readonly memory: RotatorMemory;
  readonly table: TableMemory;
  readonly options: StrategyOptions;
  readonly snapshot: Snapshot;
  readonly picks: number;
  /** Every egress is given back before the next pick. */
  readonly release: boolean;
  /** Int32: how many threads are at the gate. */
  readonly gate: SharedArrayBuffer;
}

const clientOf = (turn: number): string => `client-${turn % CLIENTS}`;

function work({ memory, table, options, snapshot, picks, release, gate }: Job): Map<string, number> {
  const rotator = new Rotator(memory, options, snapshot, new EgressTable(table), NO_SESSIONS);
  // No thread begins before all are there: they really pick at the same time.
  const waiting = new Int32Array(gate);
  const arrived = Atomics.add(waiting, 0, 1) + 1;
  if (arrived === THREADS) Atomics.notify(waiting, 0);
  for (let now = arrived; now < THREADS; now = Atomics.load(waiting, 0)) {
    // Another thread that never comes must not keep this one for ever.
    if (Atomics.wait(waiting, 0, now, 30_000) === 'timed-out') throw new Error('not all threads came');
  }

  const counts = new Map<string, number>();
  for (let turn = 0; turn < picks; turn++) {
    const egress = pick(rotator, { client: clientOf(turn) });
    counts.set(egress.address, (counts.get(egress.address) ?? 0) + 1);
    if (release) rotator.release(egress);
  }
  return counts;
}

/** Picks by all threads on one stage. */
async function race(
  stage: Stage,
  members: readonly Range[],
  options: Partial<StrategyOptions>,
  picks: number = PICKS,
  release: boolean = false,
): Promise<Map<string, number>> {
  const job: Job = {
    memory: stage.memory,
    table: stage.tableMemory,
    options: { ...ROUND_ROBIN, ...options },
    snapshot: stage.snapshot(members),
    picks,
    release,
    gate: new SharedArrayBuffer(4),
  };
  const results = await Promise.all(
    Array.from({ length: THREADS }, async () => {
      const worker = new Worker(new URL(import.meta.url), { workerData: job });
      const [[counts]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
      return counts as Map<string, number>;
    }),
  );
  const total = new Map<string, number>();
  for (const counts of results) {
    for (const [address, times] of counts) total.set(address, (total.get(address) ?? 0) + times);
  }
  return total;
}

const exactly = (counts: Map<string, number>, addresses: number, times: number): void => {
  assert.equal(counts.size, addresses);
  const different = [...counts].filter(([, seen]) => seen !== times);
  assert.deepEqual(different, [], `every address exactly ${times} times`);
};

if (isMainThread) {
  suite('a million picks over 4 threads', () => {
    for (const cursor of ['global', 'destination', 'user'] as const) {
      test(`K7: round-robin: each of 1,000 addresses exactly 1,000 times; cursor ${cursor}`, async () => {
        exactly(await race(new Stage(), ranges('10.0.0.0-10.0.3.231'), { cursor }), 1000, 1000);
      });
    }

    test('weighted: 5, 3 and 2 of 10, exactly', async () => {
      const members = [5, 3, 2].map((weight, index) => span(4, BigInt(index), BigInt(index), { weight }));
      const counts = await race(new Stage(), members, { name: 'weighted' });
      const expected = { '0.0.0.0': 500_000, '0.0.0.1': 300_000, '0.0.0.2': 200_000 };
      assert.deepEqual(Object.fromEntries(counts), expected);
    });

    test('random: 1,000 addresses are equally likely', async () => {
      const counts = await race(new Stage(), ranges('10.0.0.0-10.0.3.231'), { name: 'random' });
      assert.equal(counts.size, 1000);
      // 999 degrees of freedom: mean 999, standard deviation 45. Five of them away is one run in a million.
      const chi = chiSquare(counts.values(), 1000);
      assert.ok(chi > 775 && chi < 1225, `chi² = ${chi}`);
    });

    for (const size of [3, 1000]) {
      test(`least-recently-used: ${size} addresses take turns exactly`, async () => {
        const members = [span(4, 0n, BigInt(size - 1))];
        const counts = await race(new Stage(), members, { name: 'least-recently-used' });
        const [least, most] = [Math.min(...counts.values()), Math.max(...counts.values())];
        assert.equal(counts.size, size);
        assert.ok(most - least <= 1, `${least} to ${most}`);
      });

      test(`least-connections: ${size} addresses with tunnels that stay differ by 1 at most`, async () => {
        const stage = new Stage();
        const members = [span(4, 0n, BigInt(size - 1))];
        const counts = await race(stage, members, { name: 'least-connections' });
        const [least, most] = [Math.min(...counts.values()), Math.max(...counts.values())];
        assert.ok(most - least <= 1, `${least} to ${most}`);
        for (const [address, times] of counts) {
          assert.equal(stage.table.active(stage.slotOf(address)), times);
        }
      });
    }

    test('least-connections: tunnels that end at once leave nothing behind, and every address is used', async () => {
      const stage = new Stage();
      const counts = await race(stage, ranges('10.0.0.0/28'), { name: 'least-connections' }, PICKS, true);
      assert.equal(counts.size, 16);
      assert.equal(
        [...counts.values()].reduce((sum, times) => sum + times),
        4 * PICKS,
      );
      for (const slot of stage.slots.members()) assert.equal(stage.table.active(slot), 0);
    });

    test('hash: every thread gives a client the same address, and they spread evenly', async () => {
      const stage = new Stage();
      const members = ranges('10.0.0.0-10.0.0.99');
      const counts = await race(stage, members, { name: 'hash' });
      const here = stage.rotator(stage.snapshot(members), { name: 'hash' });
      const homes = Array.from(
        { length: CLIENTS },
        (_, turn) => pick(here, { client: clientOf(turn) }).address,
      );
      const clients = tally(homes);
      for (const [address, count] of clients) {
        assert.equal(counts.get(address), (count * THREADS * PICKS) / CLIENTS, address);
      }
      assert.equal(counts.size, clients.size);
      // 99 degrees of freedom: an even spread stays below this 9,999 times in 10,000; the clients are always the same.
      const chi = chiSquare(clients.values(), CLIENTS / 100);
      assert.ok(chi < 161, `chi² = ${chi}`);
    });

    test('sequential: 500 requests each, then the next, exactly', async () => {
      const members = ranges('10.0.0.0-10.0.0.99');
      const counts = await race(new Stage(), members, { name: 'sequential', everyRequests: 500 });
      exactly(counts, 100, 10_000);
    });
  });

  test('4 threads walk a block of 100,000 addresses: each exactly once', async () => {
    const counts = await race(new Stage(), ranges('10.0.0.0-10.1.134.159'), {}, 25_000);
    exactly(counts, 100_000, 1);
  });

  test('the least recently used is the same one for all threads', () => {
    const stage = new Stage();
    const snapshot = stage.snapshot(ranges('192.0.2.1-192.0.2.4'));
    const threads = [0, 1, 2].map(() => stage.rotator(snapshot, { name: 'least-recently-used' }));
    const seen = [0, 0, 1, 2, 1, 0, 2, 2, 1].map((thread) => first(threads[thread]!));
    assert.deepEqual(
      seen.map((address) => address.at(-1)),
      ['1', '2', '3', '4', '1', '2', '3', '4', '1'],
    );
    // A retry counts as a use: what it took is younger now than what it went past.
    const picks = threads[0]!.pick(request());
    picks.next();
    picks.next();
    assert.deepEqual([first(threads[1]!), first(threads[2]!)], ['192.0.2.4', '192.0.2.1']);
  });
} else {
  parentPort!.postMessage(work(workerData as Job));
}
