/** Makes less of what was found: a crash as few bytes as possible, a corpus as few inputs. */
import type { Target } from '../target.ts';
import type { Coverage } from './coverage.ts';

const MOST_TRIES = 5000;

/** The input without every piece that is not needed for it to fail. */
export function shorten(input: Buffer, fails: (input: Buffer) => boolean): Buffer {
  let best = input;
  let tries = 0;
  for (let piece = best.length >> 1; piece > 0; piece >>= 1) {
    for (let at = 0; at < best.length && tries < MOST_TRIES; tries++) {
      const shorter = Buffer.concat([best.subarray(0, at), best.subarray(at + piece)]);
      if (fails(shorter)) best = shorter;
      else at += piece;
    }
  }
  return best;
}

/**
 * Of the found inputs those that reach what neither the base nor another one of them does. Inputs that reach much come
 * first, so that few are left.
 */
export function distill(
  target: Target,
  coverage: Coverage,
  base: readonly Buffer[],
  found: readonly Buffer[],
): Buffer[] {
  const ranked = found.map((input) => {
    coverage.forget();
    target.run(input);
    return { input, reach: coverage.take() };
  });
  ranked.sort((a, b) => b.reach - a.reach || a.input.length - b.input.length);

  const outcomes = new Set<string>();
  coverage.forget();
  for (const input of base) outcomes.add(target.run(input));
  coverage.take();
  return ranked
    .filter(({ input }) => {
      const known = outcomes.size;
      outcomes.add(target.run(input));
      return coverage.take() > 0 || outcomes.size > known;
    })
    .map(({ input }) => input);
}
