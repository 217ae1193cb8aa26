/** The worker thread of one target: searches, shortens what crashes, and reports. */
import { setImmediate } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { save, stored } from '../shelf.ts';
import type { Target } from '../target.ts';
import { TARGETS, type TargetName } from '../targets.ts';
import { Campaign, type Progress } from './campaign.ts';
import { Coverage } from './coverage.ts';
import { distill, shorten } from './reduce.ts';
import { Pane } from './pane.ts';

export interface Job {
  readonly name: TargetName;
  readonly runs: number;
  readonly seed: number;
  /** Adds what was found to the corpus on disk. */
  readonly keep: boolean;
  readonly pane: SharedArrayBuffer;
}

export interface Report extends Progress {
  readonly done: boolean;
  readonly crash?: { readonly file: string; readonly error: string };
  /** Inputs that were added to the corpus on disk. */
  readonly kept?: number;
}

const REPORT_EVERY_MS = 500;
/** The corpus lies in the repository and is to stay small. */
const MOST_KEPT = 5;
const SOURCES = new URL('../../../src/', import.meta.url).href;

/** Traces cost more than what is traced; only the last crash needs one. */
const TRACE_LENGTH = Error.stackTraceLimit;

function explain(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function reportCrash(name: TargetName, target: Target, input: Buffer, error: unknown): Report['crash'] {
  Error.stackTraceLimit = TRACE_LENGTH;
  let last = error;
  const fails = (shorter: Buffer): boolean => {
    try {
      target.run(shorter);
      return false;
    } catch (thrown) {
      last = thrown;
      return true;
    }
  };
  // Once more as it is, for the trace.
  fails(input);
  const shortest = shorten(input, fails);
  return { file: save('crashes', name, shortest), error: explain(last) };
}

async function search({ name, runs, seed, keep, pane }: Job, post: (report: Report) => void): Promise<void> {
  const coverage = new Coverage(SOURCES);
  const target = await TARGETS[name]();
  const seeds = [...stored('corpus', name), ...stored('crashes', name)].map(({ bytes }) => bytes);
  const shared = new Pane(pane);
  Error.stackTraceLimit = 0;
  const campaign = new Campaign({
    target,
    coverage,
    seeds,
    runs,
    seed,
    watch: (input) => shared.show(input),
  });

  let next = performance.now() + REPORT_EVERY_MS;
  for (const progress of campaign.go()) {
    if (performance.now() < next) continue;
    post({ ...progress, done: false });
    // What targets leave to the event loop must not pile up.
    await setImmediate();
    next = performance.now() + REPORT_EVERY_MS;
  }
  shared.hide();
  if (campaign.crash !== undefined) {
    const { input, error } = campaign.crash;
    post({ ...campaign.progress, done: true, crash: reportCrash(name, target, input, error)! });
    return;
  }
  const found = keep ? distill(target, coverage, seeds, campaign.corpus).slice(0, MOST_KEPT) : [];
  for (const input of found) save('corpus', name, input);
  post({ ...campaign.progress, done: true, kept: found.length });
}

if (parentPort !== null) {
  const port = parentPort;
  await search(workerData as Job, (report) => port.postMessage(report));
}
