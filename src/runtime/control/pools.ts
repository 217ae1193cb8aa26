/** The pools as they stand, and how their sources are doing. */
import type { PoolStatus, SourceStatus } from '../../admin/api.ts';
import type { SourceStatus as TermStatus } from '../../egress/sources/feed.ts';
import type { Membership } from '../membership.ts';
import type { Egresses } from './egresses.ts';

export function poolStatus(name: string, membership: Membership, egresses: Egresses): PoolStatus {
  const terms = membership.sources(name);
  const { byState, tunnels } = egresses.count(name);
  return {
    name,
    expression: terms.map(({ text }) => text),
    addresses: String(membership.addresses(name)),
    members: membership.roll(name)?.slots.length ?? 0,
    byState,
    tunnels,
    // Addresses that are written out are what they are.
    sources: terms.filter(({ kind }) => kind !== 'span').map(sourceStatus),
  };
}

function sourceStatus({ text, ageMs, lastError, errors }: TermStatus): SourceStatus {
  return {
    text,
    state: lastError === undefined ? 'fresh' : ageMs === undefined ? 'failed' : 'stale',
    readAt: ageMs === undefined ? null : Math.round(Date.now() - ageMs),
    error: lastError ?? null,
    errors,
  };
}
