/** The table of each view: which rows in which order, and how they look. */
import type { TunnelView } from '../../admin/api.ts';
import { egressColumns } from '../egress-columns.ts';
import { FAILURE_COLUMNS, failureRows, type FailureRow } from '../status-lines.ts';
import { table, type Column, type TableLook } from '../table.ts';
import { tunnelColumns } from '../tunnel-columns.ts';
import { formatSpeed } from '../units.ts';
import { SORTS, type TopState, type TunnelOrder, type View } from './state.ts';

/** Rows without their look. */
export interface Rows {
  readonly ids: readonly string[];
  /** How many there are in all; more than rows when the API was asked for the first ones only. */
  readonly total: number;
  /** Titles, then the rows from one index up to another. */
  lines(from: number, to: number, look: TableLook): string[];
}

export function rowsOf(state: TopState): Rows {
  return OF_VIEW[state.view](state);
}

const OF_VIEW: Readonly<Record<View, (state: TopState) => Rows>> = {
  tunnels: tunnelRows,
  egresses: egressRows,
  failures,
};

/** Where the selected row is now; -1 without rows. */
export function selectedIndex({ selected }: TopState, { ids }: Rows): number {
  const index = selected.id === undefined ? -1 : ids.indexOf(selected.id);
  return index === -1 ? Math.min(selected.index, ids.length - 1) : index;
}

function tunnelRows(state: TopState): Rows {
  const { tunnels, speeds, status, sort } = state;
  const speed = ({ id }: TunnelView): number => (speeds.get(id)?.up ?? 0) + (speeds.get(id)?.down ?? 0);
  const by: Readonly<Record<TunnelOrder, (tunnel: TunnelView) => number>> = {
    received: ({ received }) => received,
    sent: ({ sent }) => sent,
    age: ({ openedAt }) => -openedAt,
    speed,
  };
  const items = descending(tunnels?.items ?? [], by[SORTS.tunnels[sort.tunnels]!]);
  const shown = (value: number | undefined): string => (value === undefined ? '-' : formatSpeed(value));
  const columns: Column<TunnelView>[] = [
    ...tunnelColumns(status?.now ?? 0),
    { title: 'UP/S', cell: ({ id }) => shown(speeds.get(id)?.up), right: true, drop: 6 },
    { title: 'DOWN/S', cell: ({ id }) => shown(speeds.get(id)?.down), right: true, drop: 5 },
  ];
  return rows(items, columns, ({ id }) => id, tunnels?.total);
}

function egressRows({ egresses, status, sort }: TopState): Rows {
  const all = egresses?.items ?? [];
  const by = SORTS.egresses[sort.egresses]!;
  const items =
    by === 'address'
      ? all
      : descending(all, (egress) => {
          if (by === 'tunnels') return egress.tunnels;
          return by === 'ports'
            ? -(egress.freePorts ?? Number.POSITIVE_INFINITY)
            : egress.failures + egress.ejections;
        });
  return rows(
    items,
    egressColumns(status?.now ?? 0),
    ({ pool, address }) => `${pool} ${address}`,
    egresses?.total,
  );
}

function failures({ status, sort, filter }: TopState): Rows {
  const all = status === undefined ? [] : failureRows(status);
  const sorted =
    SORTS.failures[sort.failures] === 'code' ? all.toSorted((a, b) => (a.code < b.code ? -1 : 1)) : all;
  const wanted = filter.toLowerCase();
  const matches = ({ code, blame, reason }: FailureRow): boolean =>
    `${code} ${blame} ${reason}`.toLowerCase().includes(wanted);
  return rows(sorted.filter(matches), FAILURE_COLUMNS, ({ code }) => code);
}

function rows<Row>(
  items: readonly Row[],
  columns: readonly Column<Row>[],
  idOf: (row: Row) => string,
  total: number = items.length,
): Rows {
  return {
    ids: items.map(idOf),
    total,
    lines: (from, to, look) => table(columns, items.slice(from, to), look),
  };
}

/** Equal ones stay as they were. */
function descending<Row>(items: readonly Row[], by: (row: Row) => number): Row[] {
  return items.toSorted((a, b) => {
    const [left, right] = [by(a), by(b)];
    return left === right ? 0 : right - left;
  });
}
