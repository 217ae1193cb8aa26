/** Limits over real threads. The file is its own worker. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { ProxyError } from '../../../../src/errors.ts';
import { Limits, type Stay } from '../../../../src/policy/limits/limits.ts';
import { Logins } from '../../../../src/policy/limits/logins.ts';
import { limitMemory, type LimitMemory } from '../../../../src/policy/limits/memory.ts';
import { heldPlaces, limitLedger, writeOff } from '../../../../src/policy/limits/places.ts';
import type { LimitOptions } from '../../../../src/policy/limits/terms.ts';
import { AFTERNOON, limitOptions, NOBODY, randomOf, refusal } from './stage.ts';

const THREADS = 4;
const NOW = 1_000_000;
/** Of each thread. */
const ROUNDS = 10_000;
const MOST = 5;
const CLIENTS = 7;
const USERS = 5;

interface Job {
  readonly task: keyof typeof TASKS;
  readonly memory: LimitMemory;
  readonly options: LimitOptions;
  readonly ledger: SharedArrayBuffer;
  readonly thread: number;
  /** Int32: how many threads are at the gate; then how many connections each subject has, as the threads know it. */
  readonly common: SharedArrayBuffer;
}

const clientOf = (client: number): string => `198.51.100.${client}`;
const userOf = (user: number): string => `user-${user}`;

/** Counts beside the limits: a connection is counted here only while it surely has its place. */
class Witness {
  readonly #words: Int32Array;
  highest = 0;

  constructor(common: SharedArrayBuffer) {
    this.#words = new Int32Array(common, 4);
  }

  came(...subjects: number[]): void {
    for (const subject of subjects)
      this.highest = Math.max(this.highest, Atomics.add(this.#words, subject, 1) + 1);
  }

  goes(...subjects: number[]): void {
    for (const subject of subjects) Atomics.sub(this.#words, subject, 1);
  }
}

/** Nobody begins before all are there. */
function meet(common: SharedArrayBuffer): void {
  const waiting = new Int32Array(common);
  const arrived = Atomics.add(waiting, 0, 1) + 1;
  if (arrived === THREADS) Atomics.notify(waiting, 0);
  for (let now = arrived; now < THREADS; now = Atomics.load(waiting, 0)) {
    if (Atomics.wait(waiting, 0, now, 30_000) === 'timed-out') throw new Error('not all threads came');
  }
}

const limitsOf = ({ memory, options, ledger }: Job): Limits =>
  new Limits(
    memory,
    options,
    ledger,
    () => NOW,
    () => AFTERNOON,
  );

/** How many could be had at the same time. */
function grab({ common, ...job }: Job): number {
  const limits = limitsOf({ common, ...job });
  meet(common);
  let had = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const stay = limits.enter(clientOf(round % 200));
    if (refusal(() => stay.settle(0, userOf(round % 100))) === undefined) had++;
    else stay.leave();
  }
  return had;
}

/** Comes and goes in every way there is. @returns the most that any subject ever had. */
function storm(job: Job): number {
  const limits = limitsOf(job);
  const witness = new Witness(job.common);
  const random = randomOf(job.thread);
  const among = (count: number): number => Math.trunc(random() * count);
  const inside: { stay: Stay; subjects: number[] }[] = [];
  const go = (index: number): void => {
    const [gone] = inside.splice(index, 1);
    witness.goes(...gone!.subjects);
    gone!.stay.leave();
    if (among(3) === 0) gone!.stay.leave();
  };
  meet(job.common);
  for (let round = 0; round < ROUNDS; round++) {
    const [client, user] = [among(CLIENTS), among(USERS)];
    let stay: Stay | undefined;
    if (refusal(() => (stay = limits.enter(clientOf(client)))) === undefined) {
      if (among(10) === 0 || refusal(() => stay!.settle(0, userOf(user))) !== undefined) stay!.leave();
      else {
        const subjects = [client, CLIENTS + user];
        witness.came(...subjects);
        stay!.settle(0, userOf(user));
        inside.push({ stay: stay!, subjects });
      }
    }
    if (inside.length > among(6)) go(among(inside.length));
  }
  while (inside.length > 0) go(0);
  return witness.highest;
}

/** New connections that the rate allowed. */
function hurry(job: Job): number {
  const limits = limitsOf(job);
  let accepted = 0;
  meet(job.common);
  for (let round = 0; round < ROUNDS; round++) {
    const stay = limits.enter(clientOf(round % CLIENTS));
    if (refusal(() => stay.settle(0, 'alice')) === undefined) accepted++;
    stay.leave();
  }
  return accepted;
}

/** Passes bytes on, and counts them for the quota as well. */
function pour(job: Job): number {
  const limits = limitsOf(job);
  const stay = limits.enter(clientOf(job.thread));
  stay.settle(0, 'alice');
  const { down } = stay;
  meet(job.common);
  for (let round = 0; round < ROUNDS; round++) {
    down!.take(1000);
    stay.spend(10);
  }
  // What another thread was just in the way of.
  while (down!.take(0) === 10);
  stay.leave();
  return ROUNDS;
}

/** Guesses, each thread from its own address, all at the same name. @returns how many were verified. */
function guess(job: Job): number {
  const logins = new Logins(job.memory, job.options, () => NOW);
  let verified = 0;
  meet(job.common);
  for (let round = 0; round < ROUNDS; round++) {
    const client = clientOf(round % 250);
    if (refusal(() => logins.check(client, 'alice')) !== undefined) continue;
    verified++;
    logins.failed(client, 'alice');
  }
  return verified;
}

/** Until it is ended. */
function live(job: Job): never {
  const limits = limitsOf(job);
  const logins = new Logins(job.memory, job.options, () => NOW);
  for (let round = 0; ; round++) {
    const stays: Stay[] = [];
    for (let i = 0; i < 3; i++) {
      try {
        const stay = limits.enter(clientOf(round % CLIENTS));
        stays.push(stay);
        stay.settle(0, userOf(round % USERS));
        stay.down!.take(100);
        stay.spend(1);
        logins.failed(clientOf(round % CLIENTS), userOf(round));
      } catch (error) {
        if (!(error instanceof ProxyError)) throw error;
      }
    }
    for (const stay of stays) stay.leave();
    if (round === 1000) parentPort!.postMessage('alive');
  }
}

const TASKS = { grab, storm, hurry, pour, guess, live } as const;

function spawn(job: Job): Worker {
  return new Worker(new URL(import.meta.url), { workerData: job });
}

function jobs(task: Job['task'], more: Partial<LimitOptions>): readonly Job[] {
  const options = limitOptions(more);
  const memory = limitMemory(options, 1024);
  const common = new SharedArrayBuffer(4 * (1 + CLIENTS + USERS));
  return Array.from({ length: THREADS }, (_, thread) => {
    return { task, memory, options, ledger: limitLedger(memory), thread, common };
  });
}

/** By thread. */
async function race(all: readonly Job[]): Promise<number[]> {
  return await Promise.all(
    all.map(async (job) => {
      const worker = spawn(job);
      const [[result]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
      return result as number;
    }),
  );
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

if (isMainThread) {
  suite('4 threads', () => {
    const PLACES: [string, Partial<LimitOptions>, number][] = [
      ['in all', { global: { connections: 1234 } }, 1234],
      ['of the listener', { perListener: [{ connections: 777 }] }, 777],
      ['of each client', { perClient: { connections: 9 } }, 9 * 200],
      [
        'of each user',
        { perUser: { connections: 13 }, users: { 'user-0': { connections: 1 } } },
        13 * 99 + 1,
      ],
    ];
    for (const [what, options, places] of PLACES) {
      test(`take all the places ${what} that there are, and not one more`, async () => {
        const all = jobs('grab', options);
        assert.equal(sum(await race(all)), places);
        for (const { memory, ledger } of all) writeOff(memory, ledger);
        assert.deepEqual(heldPlaces(all[0]!.memory), NOBODY);
      });
    }

    test('in a storm: nobody ever has more than is allowed, and in the end nothing is held', async () => {
      const terms = { connections: MOST };
      const all = jobs('storm', {
        perClient: terms,
        perUser: terms,
        global: { connections: 16 },
        handshakes: MOST,
      });
      const highest = await race(all);
      assert.equal(Math.max(...highest), MOST, 'the limit was reached, and not passed');
      assert.deepEqual(heldPlaces(all[0]!.memory), NOBODY);
      // No ledger has anything left either.
      for (const { memory, ledger } of all) writeOff(memory, ledger);
      assert.deepEqual(heldPlaces(all[0]!.memory), NOBODY);
    });

    test('have one rate together', async () => {
      const accepted = await race(jobs('hurry', { perUser: { rate: { count: 4321, perMs: 3_600_000 } } }));
      assert.equal(sum(accepted), 4321);
    });

    test('pay every byte once', async () => {
      const terms = { down: 1000, quota: { bytes: 1e12, period: 'day' } } as const;
      const all = jobs('pour', { perUser: terms, global: terms });
      const reads = sum(await race(all));
      // At the end of it a byte costs a millisecond, less a burst.
      const stay = limitsOf({ ...all[0]!, options: limitOptions({ perUser: terms }) }).enter(clientOf(9));
      stay.settle(0, 'alice');
      assert.equal(stay.down!.take(0), 1000 * reads - 65_536);
      const quota = { bytes: 10 * reads + 1, period: 'day' } as const;
      const spender = limitsOf({ ...all[1]!, options: limitOptions({ perUser: { quota } }) }).enter(
        clientOf(9),
      );
      spender.settle(0, 'alice');
      assert.deepEqual([spender.spend(0), spender.spend(1)], [true, false]);
    });

    test('lock out a name together, and every client', async () => {
      const logins = { failures: 40, perMs: 60_000, banMs: 60_000 };
      const verified = sum(await race(jobs('guess', { logins })));
      // Who is past the check when the last failure is counted may still be verified: one a thread at most.
      assert.ok(verified >= 40 && verified < 40 + THREADS, `${verified}`);
    });

    test('that are ended in the middle of it leave nothing behind, and stop nobody', async () => {
      const terms = { connections: 3, down: 1e6, quota: { bytes: 1e12, period: 'month' } } as const;
      const all = jobs('live', {
        handshakes: 3,
        global: { connections: 8 },
        perClient: terms,
        perUser: terms,
      });
      for (let wave = 0; wave < 4; wave++) {
        const workers = all.slice(0, 3).map(spawn);
        await Promise.all(workers.map((worker) => once(worker, 'message')));
        // One after the other, so that those that live on meet what the dead have left.
        try {
          for (const [i, worker] of workers.entries()) {
            await worker.terminate();
            // Those that live on want the same gate without a pause: it may have to be asked for again.
            let asked = 0;
            while (!writeOff(all[i]!.memory, all[i]!.ledger)) {
              assert.ok(++asked < 100, 'the dead can be written off');
              await new Promise((resolve) => setTimeout(resolve, 5));
            }
          }
        } finally {
          await Promise.all(workers.map((worker) => worker.terminate()));
        }
        assert.deepEqual(heldPlaces(all[0]!.memory), NOBODY, `wave ${wave}`);
      }
      const limits = limitsOf(all[3]!);
      const stays = Array.from({ length: 3 }, () => limits.enter(clientOf(1)));
      for (const stay of stays) stay.settle(0, userOf(1));
      assert.equal(
        refusal(() => limits.enter(clientOf(1)).settle(0, userOf(1)))?.code,
        'TOO_MANY_CONNECTIONS',
      );
    });
  });
} else {
  const job = workerData as Job;
  parentPort!.postMessage(TASKS[job.task](job));
}
