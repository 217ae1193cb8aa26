/** Live tunnels: found, sorted, and cut. */
import { useState } from 'preact/hooks';
import type { VNode } from 'preact';
import type {
  CutAnswer,
  CutRequest,
  TunnelFilter,
  TunnelPage,
  TunnelSort,
  TunnelView,
} from '../../admin/api.ts';
import { type Board, useBoard } from '../data/board.ts';
import { usePolled, useSettled } from '../data/poll.ts';
import { bytes, count, duration, NOTHING, plural } from '../model/format.ts';
import { filterQuery, isEmpty, parseFilter } from '../model/tunnel-filter.ts';
import { Card, Choice, Filter, Problem } from '../parts/controls.ts';
import { html } from '../parts/html.ts';
import { type Column, Table } from '../parts/table.ts';

const SHOWN = 200;
const SORTS: readonly { readonly value: TunnelSort; readonly text: string }[] = [
  { value: 'age', text: 'longest first' },
  { value: 'sent', text: 'most sent first' },
  { value: 'received', text: 'most received first' },
];
const INBOUNDS = { socks5: 'SOCKS5', socks4: 'SOCKS4', 'http-connect': 'CONNECT', 'http-forward': 'HTTP' };

export function Tunnels(): VNode {
  const board = useBoard();
  const [text, setText] = useState('');
  const [sort, setSort] = useState<TunnelSort>('age');
  const settled = useSettled(text);
  const filter = parseFilter(settled);
  const query = filterQuery(filter);
  query.set('sort', sort);
  query.set('limit', String(SHOWN));
  const { answer, error, again } = usePolled<TunnelPage>(`tunnels?${query.toString()}`, 1000);
  const total = answer?.total ?? 0;
  const cutAll = (): void => void cut(board, filter, total).then(again);
  const cutAside = html`<button
    class="danger outline"
    disabled=${total === 0 || text !== settled}
    onClick=${cutAll}
  >
    ${total === 0 ? 'Cut' : isEmpty(filter) ? `Cut all ${count(total)}…` : `Cut these ${count(total)}…`}
  </button>`;
  return html`<${Card} title="Live tunnels" aside=${cutAside}>
    <div class="bar">
      <${Filter}
        label="Find tunnels"
        hint="user:alice egress:192.0.2.7 example.com"
        value=${text}
        onChange=${setText}
      />
      <${Choice}
        label="Order"
        value=${sort}
        options=${SORTS}
        onChange=${(value: string) => setSort(value as TunnelSort)}
      />
      <span class="found" aria-live="polite">${answer && summary(total)}</span>
    </div>
    <${Problem} error=${error} />
    <${Table}
      caption="Live tunnels"
      columns=${columnsFor(board, again)}
      rows=${answer?.items ?? []}
      keyOf=${({ id }: TunnelView) => id}
      order=${{ by: sort, down: true }}
      onOrder=${(by: string) => setSort(by as TunnelSort)}
      empty=${answer ? html`<${Empty} filtered=${!isEmpty(filter)} />` : 'Asking…'}
    />
  <//>`;
}

function summary(total: number): string {
  return total > SHOWN ? `${plural(total, 'tunnel')}, the first ${SHOWN} shown` : plural(total, 'tunnel');
}

function columnsFor(board: Board, again: () => void): Column<TunnelView>[] {
  const now = Date.now() + board.store.state.clockAheadMs;
  const cutOne = ({ id, client, target }: TunnelView): void =>
    void cut(board, { id }, 1, `from ${client} to ${target}`).then(again);
  return [
    { id: 'target', title: 'Target', head: true, cell: ({ target }) => html`<code>${target}</code>` },
    { id: 'egress', title: 'Leaves from', cell: ({ egress }) => html`<code>${egress}</code>` },
    {
      id: 'client',
      title: 'Client',
      minor: true,
      cell: ({ client, inbound }) => html`<code>${client}</code> <small>${INBOUNDS[inbound]}</small>`,
    },
    {
      id: 'user',
      title: 'User',
      minor: true,
      cell: ({ user, session }) =>
        html`${user ?? NOTHING}${session && html` <small>session ${session}</small>`}`,
    },
    { id: 'age', title: 'Age', number: true, sorts: true, cell: ({ openedAt }) => duration(now - openedAt) },
    { id: 'sent', title: 'Sent', number: true, sorts: true, cell: ({ sent }) => bytes(sent) },
    { id: 'received', title: 'Received', number: true, sorts: true, cell: ({ received }) => bytes(received) },
    {
      id: 'cut',
      title: 'Do',
      cell: (tunnel) =>
        html`<button aria-label=${`Cut the tunnel to ${tunnel.target}`} onClick=${() => cutOne(tunnel)}>
          cut
        </button>`,
    },
  ];
}

function Empty({ filtered }: { readonly filtered: boolean }): VNode {
  if (filtered) return html`<p>No live tunnel is like that.</p>`;
  return html`<p><b>No tunnels now.</b></p>
    <p>A tunnel stands here from the moment its target has answered until either side closes.</p>`;
}

async function cut(board: Board, filter: TunnelFilter, total: number, which = ''): Promise<void> {
  const what = which ? `the tunnel ${which}` : plural(total, 'tunnel');
  const text = which
    ? `Both sides are closed at once: ${which}.`
    : `About ${what} ${total === 1 ? 'is' : 'are'} closed at once, on both sides, whatever is under way.`;
  const sure = await board.confirm({
    title: which ? 'Cut this tunnel?' : `Cut ${what}?`,
    text,
    action: 'Cut',
    danger: true,
  });
  if (!sure) return;
  const request: CutRequest = isEmpty(filter) ? { all: true } : filter;
  await board.attempt(
    board.api.post<CutAnswer>('tunnels/cut', request),
    ({ cut }) => `${plural(cut, 'tunnel')} cut.`,
  );
}
