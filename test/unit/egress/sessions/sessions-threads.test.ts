/** Sessions over real threads. The file is its own worker. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { Snapshot } from '../../../../src/egress/rotation/rotator.ts';
import { sessionMemory, Sessions, type SessionMemory } from '../../../../src/egress/sessions/sessions.ts';
import { EgressTable, type TableMemory } from '../../../../src/egress/pool/table.ts';
import { ranges, Stage } from '../../../support/rotation.ts';

const THREADS = 4;
const SESSIONS = 500;
const ROUNDS = 4;
const PHASES = 6;
const TTL_MS = 60_000;

interface Job {
  readonly table: TableMemory;
  readonly memory: SessionMemory;
  readonly snapshot: Snapshot;
  /** Int32: how often threads came to the gate, in all. */
  readonly gate: SharedArrayBuffer;
  /** Never come to an end. */
  readonly endless: boolean;
}

/** Which address every session had, by phase: for each thread all that it saw, which should be one. */
type Seen = string[][];

/** Ends a phase: nobody goes on before all are there. */
function meet(gate: Int32Array, phase: number): void {
  const everyone = THREADS * (phase + 1);
  let arrived = Atomics.add(gate, 0, 1) + 1;
  if (arrived === everyone) Atomics.notify(gate, 0);
  for (; arrived < everyone; arrived = Atomics.load(gate, 0)) Atomics.wait(gate, 0, arrived, 1000);
}

function work({ table: tableMemory, memory, snapshot, gate, endless }: Job): Seen {
  const table = new EgressTable(tableMemory);
  const words = new Int32Array(gate);
  let phase = 0;
  // Each phase is a term of its own: all threads find all sessions run out at the same moment.
  const sessions = new Sessions(memory, () => 1_700_000_000_000 + phase * TTL_MS);
  const seen: Seen = [];
  for (const phases = endless ? Infinity : PHASES; phase < phases; phase++) {
    if (!endless) meet(words, phase);
    const addresses = Array.from({ length: SESSIONS }, () => new Set<string>());
    for (let round = 0; round < ROUNDS; round++) {
      for (let index = 0; index < SESSIONS; index++) {
        const request = { key: `s${index}`, ttlMs: TTL_MS, idleMs: 0, strict: index % 2 === 0 };
        const candidates = sessions.candidates(request, snapshot.v4, table);
        const slot = candidates.next()!;
        addresses[index]!.add(table.address(slot));
        if (candidates.settle(slot)) throw new Error('moved without a reason');
      }
    }
    if (endless) parentPort!.postMessage('round');
    else seen.push(addresses.map((of) => [...of].join(' and ')));
  }
  return seen;
}

function stage(entries: number): { job: Job; table: EgressTable } {
  const stage = new Stage(256);
  const snapshot = stage.snapshot(ranges('192.0.2.1-192.0.2.50'));
  const memory = sessionMemory(entries);
  const gate = new SharedArrayBuffer(4);
  return { job: { table: stage.tableMemory, memory, snapshot, gate, endless: false }, table: stage.table };
}

const start = (job: Job): Worker => new Worker(new URL(import.meta.url), { workerData: job });

if (isMainThread) {
  test('4 threads that use the same 500 sessions agree on each, term after term', async () => {
    const { job } = stage(131_072);
    const results = await Promise.all(
      Array.from({ length: THREADS }, async () => {
        const worker = start(job);
        const [[seen]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
        return seen as Seen;
      }),
    );
    const [first, ...others] = results as [Seen, ...Seen[]];
    assert.equal(first.length, PHASES);
    for (const seen of others) assert.deepEqual(seen, first);
    for (const [phase, addresses] of first.entries()) {
      assert.ok(
        addresses.every((address) => /^[\d.]+$/.test(address)),
        `phase ${phase}: more than one address`,
      );
      assert.ok(new Set(addresses).size > 40);
      // A new term is another address.
      for (const [index, address] of addresses.entries()) assert.notEqual(address, first[phase - 1]?.[index]);
    }
  });

  test('threads that are ended in the middle of it stop nobody', async () => {
    const { job, table } = stage(1024);
    for (let victim = 0; victim < 8; victim++) {
      const worker = start({ ...job, endless: true });
      await once(worker, 'message');
      await worker.terminate();
    }
    const sessions = new Sessions(job.memory, () => 1_700_000_000_000);
    for (let index = 0; index < SESSIONS; index++) {
      const request = { key: `s${index}`, ttlMs: 0, idleMs: 0, strict: true };
      const [one, two] = [1, 2].map(() => sessions.candidates(request, job.snapshot.v4, table).next());
      assert.notEqual(one, undefined);
      assert.equal(one, two);
    }
  });
} else {
  const seen = work(workerData as Job);
  parentPort!.postMessage(seen);
}
