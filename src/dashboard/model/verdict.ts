/** The first thing the page says: does it work, and if not, why. */
import type { PoolStatus, Status } from '../../admin/api.ts';
import type { FailureCode } from '../../errors.ts';
import { wordsOf } from './failure-words.ts';
import { count, percent, plural } from './format.ts';
import type { Recent } from './history.ts';

export type Tone = 'good' | 'idle' | 'warn' | 'bad';

export interface Verdict {
  readonly tone: Tone;
  readonly title: string;
  readonly detail: string;
}

/** From this share of failures on, the page says so in its first line. */
const MANY = 0.1;

export function verdict(status: Status, recent: Recent): Verdict {
  return stopped(status) ?? broken(status) ?? failing(status, recent) ?? fine(status, recent);
}

/** Addresses that new connections may leave from. */
export function usable({ byState }: Pick<PoolStatus, 'byState'>): number {
  return byState.up + byState.new;
}

/** The commonest of some failures. */
export function commonest(failures: ReadonlyMap<FailureCode, number>): FailureCode | undefined {
  return [...failures].toSorted(([, a], [, b]) => b - a)[0]?.[0];
}

function stopped({ state, totals }: Status): Verdict | undefined {
  if (state === 'starting')
    return { tone: 'warn', title: 'Starting', detail: 'Its listeners do not stand yet.' };
  if (state === 'ready') return undefined;
  const detail = `No new connections are taken; ${plural(totals.active, 'connection')} may still finish.`;
  return { tone: 'warn', title: 'Draining', detail };
}

function broken({ pools, threads, config }: Status): Verdict | undefined {
  const dead = pools.find((pool) => usable(pool) === 0);
  if (dead) {
    const detail = `Pool “${dead.name}” has no address that works: see the tab Pool.`;
    return { tone: 'bad', title: 'Connections fail', detail };
  }
  const serving = threads.filter(({ state }) => state === 'serving').length;
  if (serving < threads.length) {
    const detail = `${count(serving)} of ${plural(threads.length, 'thread')} serve; the others are being replaced.`;
    return { tone: serving === 0 ? 'bad' : 'warn', title: 'A thread was lost', detail };
  }
  if (config.last?.ok === false) {
    const detail =
      'The old configuration is still in use: the tab Config says what is wrong with the new one.';
    return { tone: 'warn', title: 'Working, but the last reload failed', detail };
  }
  return undefined;
}

function failing(status: Status, recent: Recent): Verdict | undefined {
  const code = commonest(recent.failures);
  if (!code || recent.failed < MANY * Math.max(1, recent.accepted)) return undefined;
  const share = percent(Math.min(recent.failed, recent.accepted), recent.accepted);
  const detail = `${share} of the connections of the last minutes failed, most often: ${wordsOf(code).what}. ${leaving(status)}`;
  return { tone: 'warn', title: 'Working, with many failures', detail };
}

function fine(status: Status, recent: Recent): Verdict {
  if (recent.accepted === 0 && status.totals.active === 0) {
    const detail = `Nobody has connected lately: the tab Connect has the line for your client. ${leaving(status)}`;
    return { tone: 'idle', title: 'Ready', detail };
  }
  const failed = recent.failed === 0 ? 'Nothing failed' : `${percent(recent.failed, recent.accepted)} failed`;
  return { tone: 'good', title: 'Working', detail: `${leaving(status)} ${failed} in the last minutes.` };
}

function leaving({ pools, totals }: Status): string {
  const members = pools.reduce((sum, { members }) => sum + members, 0);
  const fit = pools.reduce((sum, pool) => sum + usable(pool), 0);
  const of = fit === members ? count(members) : `${count(fit)} of ${count(members)}`;
  return `${plural(totals.active, 'connection')} now, leaving from ${of} ${members === 1 ? 'address' : 'addresses'}.`;
}
