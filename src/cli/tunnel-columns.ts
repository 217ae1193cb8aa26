/** Live tunnels as rows of a table. */
import type { TunnelView } from '../admin/api.ts';
import type { Column } from './table.ts';
import { formatBytes, formatSpan } from './units.ts';

/** @param now Milliseconds since the epoch. */
export const tunnelColumns = (now: number): readonly Column<TunnelView>[] => [
  { title: 'ID', cell: ({ id }) => id },
  { title: 'AGE', cell: ({ openedAt }) => formatSpan(now - openedAt), right: true, drop: 3 },
  { title: 'CLIENT', cell: ({ client }) => client, yields: true, drop: 4 },
  { title: 'USER', cell: ({ user }) => user ?? '-', yields: true, drop: 5 },
  { title: 'BY', cell: ({ inbound }) => inbound, drop: 8 },
  { title: 'TARGET', cell: ({ target }) => target, yields: 18 },
  { title: 'EGRESS', cell: ({ egress }) => egress, drop: 2 },
  { title: 'SESSION', cell: ({ session }) => session ?? '-', yields: true, drop: 7 },
  { title: 'UP', cell: ({ sent }) => formatBytes(sent), right: true, drop: 1 },
  { title: 'DOWN', cell: ({ received }) => formatBytes(received), right: true },
];
