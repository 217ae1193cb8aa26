/** For clients that ask for several URLs in one run and print the answers, a line each. */
import assert from 'node:assert/strict';
import { assertTurns, callerIn } from './program-stage.ts';
import type { Outcome } from './program.ts';

/** Paths that {@link assertAnswers} expects, in this order. */
export const PATHS: readonly string[] = ['/one', '/two?a=1', '/three', '/four'];

/** The URLs of {@link PATHS}. */
export function urlsOf(origin: string): string[] {
  return PATHS.map((path) => origin + path);
}

/** The client ended well; each answer to each target's paths is to its own path, and each left from the next address. */
export function assertAnswers(outcome: Outcome, targets = 1): void {
  assert.equal(outcome.code, 0, outcome.stderr + outcome.stdout);
  const lines = outcome.stdout.split('\n');
  for (let target = 0; target < targets; target += 1) {
    const start = target * PATHS.length;
    assertTurns(PATHS.map((path, i) => callerIn(lines[start + i] ?? '', path)));
  }
}
