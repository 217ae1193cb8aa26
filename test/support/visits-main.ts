/**
 * Good clients, on a thread of their own: one after the other they log in, say a word to a target, hear it, and leave.
 * Started with {@link VisitsPlan}, asked by any message, answers with the {@link Visits} since it was asked before.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { anyTarget } from './any-target.ts';
import { ask } from './four-ways.ts';

export interface VisitsPlan {
  /** Of the proxy. */
  readonly port: number;
  /** Taken in turns. */
  readonly logins: readonly string[];
  /** The clients' own addresses, in turns; default all 127.0.0.1. */
  readonly from?: readonly string[];
  /** Milliseconds between two of them. */
  readonly pauseMs: number;
}

export interface Visits {
  /** Milliseconds, each. */
  readonly took: readonly number[];
  /** What others than the good were told, `LOGIN: WORD`. */
  readonly failed: readonly string[];
}

const { port, logins, from = ['127.0.0.1'], pauseMs } = workerData as VisitsPlan;
const target = await anyTarget();
let took: number[] = [];
let failed: string[] = [];

parentPort!.on('message', () => {
  parentPort!.postMessage({ took, failed } satisfies Visits);
  took = [];
  failed = [];
});

for (let turn = 0; ; turn++) {
  const login = logins[turn % logins.length]!;
  const wish = { proxy: port, port: target.port, login, from: from[turn % from.length] };
  const since = performance.now();
  try {
    using told = await ask(turn % 2 === 0 ? 'SOCKS5' : 'CONNECT', wish);
    if (told.word !== 'granted') throw new Error(told.word);
    told.client.text('word');
    await told.client.read(4);
    took.push(performance.now() - since);
    told.client.end();
    await told.client.rest();
  } catch (error) {
    failed.push(`${login}: ${(error as Error).message}`);
  }
  await new Promise((resolve) => setTimeout(resolve, pauseMs));
}
