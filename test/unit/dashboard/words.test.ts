import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FAILURES, type FailureCode } from '../../../src/errors.ts';
import { FAILURE_WORDS, wordsOf } from '../../../src/dashboard/model/failure-words.ts';
import type { Recent } from '../../../src/dashboard/model/history.ts';
import { commonest, verdict } from '../../../src/dashboard/model/verdict.ts';
import { POOL, sampleStatus } from './samples.ts';

const quiet: Recent = { spanMs: 300_000, accepted: 0, failures: new Map(), failed: 0 };

function recent(accepted: number, failures: [FailureCode, number][]): Recent {
  const failed = failures.reduce((sum, [, count]) => sum + count, 0);
  return { spanMs: 300_000, accepted, failures: new Map(failures), failed };
}

test('every failure has words, and the blame of the one table', () => {
  assert.deepEqual(Object.keys(FAILURE_WORDS).toSorted(), Object.keys(FAILURES).toSorted());
  for (const [code, { blame }] of Object.entries(FAILURES)) assert.equal(wordsOf(code).blame, blame, code);
  const sentences = Object.values(FAILURE_WORDS).map(({ what }) => what);
  assert.equal(new Set(sentences).size, sentences.length, 'each says something else');
  assert.equal(wordsOf('OF_TOMORROW').what, 'OF_TOMORROW');
});

test('a gateway that works says so, and from how many addresses', () => {
  const status = sampleStatus({ totals: { active: 3 } });
  const { tone, title, detail } = verdict(status, recent(100, [['TARGET_RESET', 2]]));
  assert.deepEqual([tone, title], ['good', 'Working']);
  assert.equal(detail, '3 connections now, leaving from 8 addresses. 2.0\u202f% failed in the last minutes.');
});

test('nobody there is no fault', () => {
  assert.equal(verdict(sampleStatus(), quiet).tone, 'idle');
});

test('many failures are named by the commonest', () => {
  const failures = recent(100, [
    ['TARGET_RESET', 10],
    ['TARGET_REFUSED', 20],
  ]);
  const { tone, detail } = verdict(sampleStatus(), failures);
  assert.equal(tone, 'warn');
  assert.match(detail, /^30\u202f% .*The target refused the connection/);
  assert.equal(commonest(new Map()), undefined);
});

test('a pool without an address that works is the first thing said', () => {
  const dead = { ...POOL, name: 'home', byState: { new: 0, up: 0, down: 7, draining: 1 } };
  const { tone, detail } = verdict(sampleStatus({ rest: { pools: [POOL, dead] } }), quiet);
  assert.equal(tone, 'bad');
  assert.match(detail, /“home”/);
});

test('draining, lost threads and failed reloads are told', () => {
  assert.equal(verdict(sampleStatus({ rest: { state: 'draining' } }), quiet).title, 'Draining');
  const thread = { index: 0, state: 'lost', since: 0, restarts: 1, active: 0, loopDelayMs: 0 } as const;
  assert.equal(verdict(sampleStatus({ rest: { threads: [thread] } }), quiet).tone, 'bad');
  const last = {
    at: 1,
    trigger: 'file',
    ok: false,
    durationMs: 1,
    changes: [],
    needsRestart: [],
    problems: [],
  } as const;
  const config = { file: null, loadedAt: 0, reloads: { ok: 0, failed: 1 }, last };
  assert.match(verdict(sampleStatus({ rest: { config } }), quiet).title, /last reload failed/);
});
