import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { refuseSlow } from '../../fuzz/engine/campaign.ts';
import type { Target } from '../../fuzz/target.ts';
import type { Answer, Search } from './planted-thread.ts';

const RUNS = 300_000;

async function search(watched: string): Promise<Answer> {
  const workerData: Search = { runs: RUNS, watched };
  const worker = new Worker(new URL('./planted-thread.ts', import.meta.url), { workerData });
  const [answer] = (await once(worker, 'message')) as [Answer];
  await once(worker, 'exit');
  return answer;
}

describe('the search', () => {
  it('finds a mistake behind four doors, guided by coverage', async () => {
    const { crash, runs } = await search(new URL('./planted.ts', import.meta.url).href);
    assert.equal(crash?.slice(0, 4), 'gyre');
    assert.ok(runs <= RUNS);
  });

  it('does not find it when it sees no coverage, and makes all its runs', async () => {
    assert.deepEqual(await search('nothing:'), { runs: RUNS, crash: undefined });
  });

  it('takes an input for slow only when it takes much CPU every time', () => {
    const LIMIT_MS = 5;
    let times = 0;
    const target = (isSlow: (time: number) => boolean): Target => ({
      longest: 1,
      words: [],
      run() {
        const begun = cpuMs();
        while (isSlow(times) && cpuMs() - begun < 2 * LIMIT_MS);
        times++;
        return '';
      },
    });
    const first = target((time) => time === 0);
    refuseSlow(first, Buffer.alloc(0), LIMIT_MS);
    assert.ok(times >= 2);
    const always = target(() => true);
    assert.throws(() => refuseSlow(always, Buffer.alloc(0), LIMIT_MS), /more than 5 ms of CPU/);
  });
});

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
