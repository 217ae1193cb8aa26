/** One job against one proxy, and what the proxy used for it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Job } from './job.ts';
import type { LoadGenerator } from './load-generator.ts';
import type { Usage } from './metrics.ts';
import { cpuSeconds, memory } from './proc.ts';

const SETTLE_STEP_MS = 50;
const SETTLE_STEPS = 20;

/** Waits until the proxy has used no CPU for a moment, so that what it still does is counted, and only once. */
async function settle(pid: number): Promise<void> {
  let last = cpuSeconds(pid);
  for (let step = 0; step < SETTLE_STEPS; step++) {
    await delay(SETTLE_STEP_MS);
    const now = cpuSeconds(pid);
    if (now === last) return;
    last = now;
  }
}

/** Runs a job for its effect on the proxy alone. */
export async function warmUp(load: LoadGenerator, job: Job): Promise<void> {
  await load.prepare(job);
  await load.go();
  await load.check();
}

/** Runs a job and reads CPU and memory of the proxy, and CPU of both its neighbours, around the measured part. */
export async function measure(
  load: LoadGenerator,
  job: Job,
  proxyPid: number,
  sinkPid: number,
): Promise<Usage> {
  await load.prepare(job);
  const others = (): number => cpuSeconds(load.pid) + cpuSeconds(sinkPid);
  await settle(proxyPid);
  const before = memory(proxyPid);
  const othersBefore = others();
  const started = cpuSeconds(proxyPid);
  const { seconds, latency } = await load.go();
  const othersSeconds = others() - othersBefore;
  await settle(proxyPid);
  const used = cpuSeconds(proxyPid) - started;
  const after = memory(proxyPid);
  await load.check();
  return { cpuSeconds: used, othersSeconds, before, after, seconds, latency };
}
