/** Egresses as rows of a table. */
import type { EgressView } from '../admin/api.ts';
import { STATE_STYLE } from './status-lines.ts';
import type { Column } from './table.ts';
import { formatCount, plural } from './terminal.ts';
import { formatSpan } from './units.ts';

/** @param now Milliseconds since the epoch. */
export const egressColumns = (now: number): readonly Column<EgressView>[] => [
  { title: 'ADDRESS', cell: ({ address, block }) => `${address}${block ? ' (block)' : ''}` },
  { title: 'STATE', cell: ({ state }) => state, style: ({ state }) => STATE_STYLE[state] },
  {
    title: 'SINCE',
    cell: ({ since }) => (since === null ? '-' : formatSpan(now - since)),
    right: true,
    drop: 2,
  },
  { title: 'TUNNELS', cell: ({ tunnels }) => formatCount(tunnels), right: true },
  {
    title: 'PORTS',
    cell: ({ freePorts }) => (freePorts === null ? '-' : formatCount(freePorts)),
    right: true,
    drop: 3,
  },
  { title: 'POOL', cell: ({ pool }) => pool, yields: true, drop: 4 },
  { title: 'SEEN AS', cell: ({ publicAddress }) => publicAddress ?? '-', drop: 5 },
  { title: 'NOTE', cell: (egress) => noteOf(egress, now), yields: true, drop: 1 },
];

/** What there is to know beside the state. */
export function noteOf(
  { state, failures, ejections, lastError, held, retryAt, byHand }: EgressView,
  now: number,
): string {
  const back = retryAt === null || retryAt <= now ? '' : `, next try in ${formatSpan(retryAt - now)}`;
  return [
    byHand === 'drain' ? 'drained by hand' : byHand === 'eject' ? `ejected by hand${back}` : '',
    state === 'down' && byHand !== 'eject' ? `ejected ${plural(ejections, 'time')}${back}` : '',
    held ? 'in use for the floor of its pool' : '',
    failures > 0 ? `${formatCount(failures)} failed in a row` : '',
    lastError ?? '',
  ]
    .filter((part) => part !== '')
    .join('; ');
}
