/** Sticky sessions: who keeps leaving from which address; pinned to another, or dropped. */
import { useEffect, useState } from 'preact/hooks';
import type { VNode } from 'preact';
import type { Page, SessionView } from '../../admin/api.ts';
import { type Board, useBoard } from '../data/board.ts';
import { usePolled, useSettled } from '../data/poll.ts';
import { duration, NOTHING } from '../model/format.ts';
import { Card, Filter, Problem } from '../parts/controls.ts';
import { html } from '../parts/html.ts';
import { Pager } from '../parts/pager.ts';
import { nameOf } from '../model/session-name.ts';
import { type Column, Table } from '../parts/table.ts';
import { Pin } from './pin.ts';

const PAGE = 50;
const KINDS = {
  user: 'chosen by user',
  client: 'by client address',
  port: 'by listen port',
  listen: 'by listen address',
};

export function Sessions(): VNode {
  const board = useBoard();
  const [text, setText] = useState('');
  const [offset, setOffset] = useState(0);
  const [pinning, pin] = useState<SessionView | undefined>(undefined);
  const q = useSettled(text.trim());
  useEffect(() => setOffset(0), [q]);
  const query = new URLSearchParams({ offset: String(offset), limit: String(PAGE), ...(q && { q }) });
  const { answer, error, again } = usePolled<Page<SessionView>>(`sessions?${query.toString()}`, 2000);
  const close = (): void => {
    pin(undefined);
    again();
  };
  return html`<${Card} title="Sticky sessions">
    <div class="bar">
      <${Filter} label="Find sessions" hint="user, id or address" value=${text} onChange=${setText} />
      <${Pager} of="sessions" total=${answer?.total ?? 0} offset=${offset} size=${PAGE} onMove=${setOffset} />
    </div>
    <${Problem} error=${error} />
    <${Table}
      caption="Sticky sessions"
      columns=${columnsFor(board, again, pin)}
      rows=${answer?.items ?? []}
      keyOf=${({ key }: SessionView) => key}
      empty=${answer ? html`<${Empty} filtered=${q !== ''} />` : 'Asking…'}
    />
    ${pinning && html`<${Pin} session=${pinning} onClose=${close} />`}
  <//>`;
}

function columnsFor(
  board: Board,
  again: () => void,
  pin: (session: SessionView) => void,
): Column<SessionView>[] {
  const now = Date.now() + board.store.state.clockAheadMs;
  const ago = (at: number): string => `${duration(now - at)} ago`;
  return [
    {
      id: 'id',
      title: 'Session',
      head: true,
      cell: ({ id, kind }) => html`${id ?? 'not used since the start'} <small>${kind && KINDS[kind]}</small>`,
    },
    { id: 'user', title: 'User', cell: ({ user }) => user ?? NOTHING },
    {
      id: 'egress',
      title: 'Leaves from',
      cell: ({ egress, family }) =>
        html`<code>${egress ?? NOTHING}</code> <small>${family && `IPv${family}`}</small>`,
    },
    { id: 'pool', title: 'Pool', minor: true, cell: ({ pool }) => pool ?? NOTHING },
    { id: 'first', title: 'First use', number: true, minor: true, cell: ({ firstUse }) => ago(firstUse) },
    { id: 'last', title: 'Last use', number: true, cell: ({ lastUse }) => ago(lastUse) },
    {
      id: 'ends',
      title: 'Ends',
      number: true,
      minor: true,
      cell: ({ expiresAt }) => (expiresAt === null ? 'never' : `in ${duration(expiresAt - now)}`),
    },
    {
      id: 'actions',
      title: 'Do',
      cell: (session) =>
        html`<span class="buttons">
          <button aria-label=${`Pin session ${nameOf(session)}`} onClick=${() => pin(session)}>pin…</button>
          <button
            aria-label=${`Drop session ${nameOf(session)}`}
            onClick=${() => void drop(board, session).then(again)}
          >
            drop
          </button>
        </span>`,
    },
  ];
}

function Empty({ filtered }: { readonly filtered: boolean }): VNode {
  if (filtered) return html`<p>No session is like that.</p>`;
  return html`<p><b>No sticky sessions.</b></p>
    <p>
      Every connection leaves from the next address. A client that wants to keep one gives a session in its
      user name: <code>USER-session-ID</code>.
    </p>`;
}

async function drop(board: Board, session: SessionView): Promise<void> {
  const name = nameOf(session);
  const text = 'Its live tunnels stay; its next connection gets an address anew.';
  if (!(await board.confirm({ title: `Drop the session ${name}?`, text, action: 'Drop', danger: true })))
    return;
  await board.attempt(
    board.api.delete(`sessions/${encodeURIComponent(session.key)}`),
    () => `Session ${name} dropped.`,
  );
}
