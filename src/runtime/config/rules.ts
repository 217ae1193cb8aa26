/** What no option can know by itself: the rules between options. */
import { networkInterfaces } from 'node:os';
import {
  parsePool,
  PoolError,
  poolRanges,
  splitTerms,
  type PoolTerm,
} from '../../egress/expression/expression.ts';
import { count } from '../../egress/pool/ranges.ts';
import type { Locate } from './layers.ts';
import type { Finding } from './problem.ts';
import { accessFindings, accessRemarks } from './rules-access.ts';
import { listenFindings, listenRemarks } from './rules-listen.ts';
import type { Written } from './schema-listen.ts';

/** @param config The options that are right in themselves; rules about the others are not asked. */
export function crossCheck(config: Partial<Written>): Finding[] {
  return [
    ...poolAsAWhole(config.pool, ['pool']),
    ...Object.entries(config.pools ?? {}).flatMap(([name, pool]) => poolAsAWhole(pool, ['pools', name])),
    ...backoff(config),
    ...listenFindings(config),
    ...accessFindings(config),
  ];
}

/** Terms that cannot stand beside each other. Sources are left for the start: their addresses come and go. */
function poolAsAWhole(pool: readonly string[] | undefined, path: readonly PropertyKey[]): Finding[] {
  if (pool === undefined) return [];
  try {
    const terms = parsePool(pool);
    const left = count(poolRanges(checkable(terms), networkInterfaces()));
    if (left > 0n || terms.some((term) => term.kind !== 'span' && !term.excluded)) return [];
    return [{ path, message: 'the pool is empty: everything in it is excluded again' }];
  } catch (error) {
    if (!(error instanceof PoolError)) throw error;
    const index = pool.findLastIndex((item) => splitTerms(item).some((piece) => piece.trim() === error.term));
    return [{ path: [...path, Math.max(0, index)], message: error.message, hint: error.hint }];
  }
}

/** With a source in the pool, nobody knows yet what an exclusion will take out of it. */
function checkable(terms: readonly PoolTerm[]): PoolTerm[] {
  const spans = terms.filter((term) => term.kind === 'span');
  return spans.length === terms.length ? spans : spans.filter((term) => !term.excluded);
}

function backoff({ health }: Partial<Written>): Finding[] {
  if (health === undefined || health.backoffMs.first <= health.backoffMs.last) return [];
  const message = 'the first wait is longer than the longest one, health.backoff.last';
  return [{ path: ['health', 'backoff', 'first'], message, hint: 'make first smaller, or last greater' }];
}

/**
 * What is no error and still hardly meant: one sentence each.
 * @param now Milliseconds since the epoch.
 */
export function remarks(config: Written, locate: Locate, now: number): string[] {
  return [...listenRemarks(config, locate), ...accessRemarks(config, locate, now)];
}
