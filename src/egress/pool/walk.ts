/**
 * A walk through a block that is too big to list: every address once before any comes again, far apart from one to the next.
 *
 * Positions follow `(step × stride + offset) mod count`. With a stride that shares no factor with the count this is a
 * permutation, so threads that only share a step counter never meet on an address. The golden ratio as the stride spreads
 * any number of steps evenly over the block, and moves the high bits with every step as well as the low ones.
 */

export interface Walk {
  readonly count: bigint;
  readonly stride: bigint;
  readonly offset: bigint;
}

/** 2^128 / golden ratio: as many bits as the largest block has. */
const GOLDEN = 0x9e3779b97f4a7c15f39cc0605cedc834n;

/**
 * @param count Addresses to walk through, at least 1.
 * @param seed Where to begin: any number from 0.
 */
export function planWalk(count: bigint, seed: bigint): Walk {
  return { count, stride: strideFor(count), offset: seed % count };
}

/** @returns A position in `[0, count)`, different for any `count` steps in a row. */
export function walkTo(walk: Walk, step: bigint): bigint {
  return (step * walk.stride + walk.offset) % walk.count;
}

function strideFor(count: bigint): bigint {
  const ideal = (count * GOLDEN) >> 128n;
  for (let distance = 0n; ; distance++) {
    if (coprime(ideal + distance, count)) return ideal + distance;
    if (distance < ideal && coprime(ideal - distance, count)) return ideal - distance;
  }
}

function coprime(a: bigint, b: bigint): boolean {
  while (b !== 0n) [a, b] = [b, a % b];
  return a === 1n;
}
