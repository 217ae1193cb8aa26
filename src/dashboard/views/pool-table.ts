/** Addresses one by one, with what can be done to them. */
import { useEffect, useState } from 'preact/hooks';
import type { VNode } from 'preact';
import type { EgressView, Page } from '../../admin/api.ts';
import { useBoard } from '../data/board.ts';
import { usePolled, useSettled } from '../data/poll.ts';
import { useStore } from '../data/store.ts';
import { ordered, type Order, toggled } from '../model/order.ts';
import { Card, Choice, Filter, Problem } from '../parts/controls.ts';
import { html } from '../parts/html.ts';
import { Pager } from '../parts/pager.ts';
import { STATE_ORDER } from '../parts/state.ts';
import { Table } from '../parts/table.ts';
import { egressColumns, egressValue } from './egress-columns.ts';

const PAGE = 50;
/** The server gives at most so many at once; up to there all are here, and can be sorted. */
const ALL = 1000;

export function PoolTable({ pool }: { readonly pool: string }): VNode {
  const board = useBoard();
  const text = useStore(board.store, (state) => state.poolFilter);
  const q = useSettled(text.trim());
  const [state, setState] = useState('');
  const [offset, setOffset] = useState(0);
  const [order, setOrder] = useState<Order>({ by: 'pool', down: false });
  useEffect(() => setOffset(0), [q, state]);
  const [all, setAll] = useState(true);
  const wanted = new URLSearchParams({ pool, ...(q && { q }), ...(state && { state }) });
  const reach = all ? { offset: '0', limit: String(ALL) } : { offset: String(offset), limit: String(PAGE) };
  const { answer, error, again } = usePolled<Page<EgressView>>(
    `egresses?${wanted.toString()}&${new URLSearchParams(reach).toString()}`,
    2000,
  );
  const total = answer?.total ?? 0;
  useEffect(() => setAll(total <= ALL), [total <= ALL]);
  const sorted = all && total <= ALL;
  const rows = answer ? shown(answer, sorted ? order : undefined, offset) : [];
  const options = [{ value: '', text: 'all' }, ...STATE_ORDER.map((value) => ({ value, text: value }))];
  return html`<${Card} title="Addresses">
    <div class="bar">
      <${Filter}
        label="Find an address"
        hint="192.0.2. or an error"
        value=${text}
        onChange=${(poolFilter: string) => board.store.set({ poolFilter })}
      />
      <${Choice} label="State" value=${state} options=${options} onChange=${setState} />
      <${Pager} of="addresses" total=${total} offset=${offset} size=${PAGE} onMove=${setOffset} />
    </div>
    <${Problem} error=${error} />
    <${Table}
      caption=${`Addresses of pool ${pool}`}
      columns=${egressColumns(board, again)}
      rows=${rows}
      keyOf=${({ address }: EgressView) => address}
      order=${order}
      onOrder=${sorted && ((by: string) => setOrder(toggled(order, by)))}
      empty=${answer ? emptyText(q, state) : 'Asking…'}
    />
    ${!sorted && html`<p class="note">More than 1,000 addresses stand in the order of the pool: find fewer, and they can be sorted.</p>`}
  <//>`;
}

function shown(
  { items, offset: from }: Page<EgressView>,
  order: Order | undefined,
  offset: number,
): EgressView[] {
  const rows = order && order.by !== 'pool' ? ordered(items, order, egressValue) : items;
  return rows.slice(offset - from, offset - from + PAGE);
}

function emptyText(q: string, state: string): string {
  return q || state
    ? 'No address of this pool is like that.'
    : 'This pool has no addresses: see its sources on the Overview.';
}
