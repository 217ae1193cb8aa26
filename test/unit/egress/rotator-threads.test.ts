/** The rotator over real threads. The file is its own worker. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { parsePool, poolRanges } from '../../../src/egress/expression.ts';
import {
  buildSnapshot,
  Rotator,
  rotatorMemory,
  type CursorScope,
  type RotatorMemory,
  type Snapshot,
} from '../../../src/egress/rotator.ts';

const THREADS = 4;

interface Job {
  readonly memory: RotatorMemory;
  readonly scope: CursorScope;
  readonly snapshot: Snapshot;
  readonly picks: number;
  /** Int32: how many threads are at the gate. */
  readonly gate: SharedArrayBuffer;
}

function work({ memory, scope, snapshot, picks, gate }: Job): Map<string, number> {
  const rotator = new Rotator(memory, scope, snapshot);
  // No thread begins before all are there: they really pick at the same time.
  const waiting = new Int32Array(gate);
  const arrived = Atomics.add(waiting, 0, 1) + 1;
  if (arrived === THREADS) Atomics.notify(waiting, 0);
  for (let now = arrived; now < THREADS; now = Atomics.load(waiting, 0)) Atomics.wait(waiting, 0, now, 1000);

  const counts = new Map<string, number>();
  for (let pick = 0; pick < picks; pick++) {
    const { address } = rotator.pick(4, 'one.example').next()!;
    counts.set(address, (counts.get(address) ?? 0) + 1);
  }
  return counts;
}

async function race(scope: CursorScope, expression: string, picks: number): Promise<Map<string, number>> {
  const job: Job = {
    memory: rotatorMemory(),
    scope,
    snapshot: buildSnapshot(poolRanges(parsePool([expression]), {})),
    picks,
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

if (isMainThread) {
  for (const scope of ['global', 'destination'] as const) {
    test(`4 threads × 25,000 picks give each of 8 addresses exactly 12,500: ${scope}`, async () => {
      const counts = await race(scope, '192.0.2.1-192.0.2.8', 25_000);
      assert.equal(counts.size, 8);
      assert.ok(
        [...counts.values()].every((times) => times === 12_500),
        [...counts.values()].join(' '),
      );
    });
  }

  test('4 threads walk a block of 100,000 addresses: each exactly once', async () => {
    const counts = await race('global', '10.0.0.0-10.1.134.159', 25_000);
    assert.equal(counts.size, 100_000);
    assert.ok([...counts.values()].every((times) => times === 1));
  });
} else {
  parentPort!.postMessage(work(workerData as Job));
}
