/** The file is its own worker: the thread that keeps a lock busy, and those that count under one. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Locks, locksBytes } from '../../../../src/egress/sessions/locks.ts';

const ROUNDS = 20_000;

interface Job {
  readonly task: 'count' | 'flicker';
  readonly memory: SharedArrayBuffer;
  /** Int32: what is counted, or whether to stop. */
  readonly shared: SharedArrayBuffer;
}

function work({ task, memory, shared }: Job): void {
  const word = new Int32Array(shared);
  if (task === 'count') {
    const locks = new Locks(memory, 2);
    for (let round = 0; round < ROUNDS; round++) {
      if (!locks.take(1)) throw new Error('not to be had');
      // Not atomic: only the lock keeps the threads apart.
      word[0] = word[0]! + 1;
      locks.release(1);
    }
  } else {
    // A holder that is never the same one for long, and never nobody.
    const words = new Int32Array(memory);
    for (let token = 1; Atomics.load(word, 0) === 0; token = (token % 1_000_000) + 1) {
      Atomics.store(words, 2, token);
      if (token === 1) parentPort!.postMessage('busy');
    }
  }
}

const start = (job: Job): Worker => new Worker(new URL(import.meta.url), { workerData: job });

if (isMainThread) {
  suite('locks', () => {
    test('one thread at a time', async () => {
      const job: Job = {
        task: 'count',
        memory: new SharedArrayBuffer(locksBytes(2)),
        shared: new SharedArrayBuffer(4),
      };
      await Promise.all([1, 2, 3, 4].map(() => once(start(job), 'exit')));
      assert.equal(new Int32Array(job.shared)[0], 4 * ROUNDS);
    });

    test('one that is held for ever is taken away, and its holder cannot give it back', () => {
      const memory = new SharedArrayBuffer(locksBytes(2));
      const [dead, heir, other] = [new Locks(memory, 2), new Locks(memory, 2), new Locks(memory, 2)];
      assert.equal(dead.take(0), true);
      assert.equal(heir.take(0), true);
      dead.release(0);
      assert.notEqual(new Int32Array(memory)[2], 0, 'still held');
      heir.release(0);
      assert.equal(new Int32Array(memory)[2], 0);
      assert.equal(other.take(0), true);
    });

    test('the others are free meanwhile', () => {
      const memory = new SharedArrayBuffer(locksBytes(2));
      const [one, two] = [new Locks(memory, 2), new Locks(memory, 2)];
      assert.equal(one.take(0), true);
      assert.equal(two.take(1), true);
      assert.equal(
        new Int32Array(memory).subarray(2).every((word) => word !== 0),
        true,
      );
    });

    test('one that others hold all the time is given up', async () => {
      const memory = new SharedArrayBuffer(locksBytes(2));
      const shared = new SharedArrayBuffer(4);
      const worker = start({ task: 'flicker', memory, shared });
      try {
        await once(worker, 'message');
        assert.equal(new Locks(memory, 2).take(0), false);
      } finally {
        Atomics.store(new Int32Array(shared), 0, 1);
        await once(worker, 'exit');
      }
    });
  });
} else {
  work(workerData as Job);
}
