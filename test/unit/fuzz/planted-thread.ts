/** Searches for the planted mistake. In a thread of its own: a test run may count coverage in the main one. */
import { parentPort, workerData } from 'node:worker_threads';
import { Campaign } from '../../fuzz/engine/campaign.ts';
import { Coverage } from '../../fuzz/engine/coverage.ts';

/** @property watched Beginning of the URLs of the sources whose coverage guides the search. */
export interface Search {
  readonly runs: number;
  readonly watched: string;
}

export interface Answer {
  readonly runs: number;
  readonly crash: string | undefined;
}

const { runs, watched } = workerData as Search;
const coverage = new Coverage(watched);
const { planted } = await import('./planted.ts');
const campaign = new Campaign({ target: planted, coverage, seeds: [Buffer.from('....')], runs, seed: 1 });
// oxlint-disable-next-line no-empty -- each step is a batch of inputs; only the end counts
for (const _ of campaign.go()) {
}
coverage.stop();
const answer: Answer = { runs: campaign.progress.runs, crash: campaign.crash?.input.toString('latin1') };
parentPort?.postMessage(answer);
