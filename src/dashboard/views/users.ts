/** Who may use the gateway, and how much of each quota is gone. */
import { useEffect, useState } from 'preact/hooks';
import type { VNode } from 'preact';
import type { Page, UserView } from '../../admin/api.ts';
import { useBoard } from '../data/board.ts';
import { usePolled, useSettled } from '../data/poll.ts';
import { bytes, count, moment, NOTHING, percent } from '../model/format.ts';
import { Card, Filter, Problem } from '../parts/controls.ts';
import { html } from '../parts/html.ts';
import { Pager } from '../parts/pager.ts';
import { type Column, Table } from '../parts/table.ts';

const PAGE = 50;
const PERIODS: Readonly<Record<string, string>> = { hour: 'this hour', day: 'today', month: 'this month' };
/** From this share of a quota on the bar says so. */
const NEARLY = 0.9;

export function Users(): VNode {
  const { store } = useBoard();
  const [text, setText] = useState('');
  const [offset, setOffset] = useState(0);
  const q = useSettled(text.trim());
  useEffect(() => setOffset(0), [q]);
  const query = new URLSearchParams({ offset: String(offset), limit: String(PAGE), ...(q && { q }) });
  const { answer, error } = usePolled<Page<UserView>>(`users?${query.toString()}`, 3000);
  const now = Date.now() + store.state.clockAheadMs;
  return html`<${Card} title="Users">
    <div class="bar">
      <${Filter} label="Find users" hint="name" value=${text} onChange=${setText} />
      <${Pager} of="users" total=${answer?.total ?? 0} offset=${offset} size=${PAGE} onMove=${setOffset} />
    </div>
    <${Problem} error=${error} />
    <${Table}
      caption="Users"
      columns=${columnsAt(now)}
      rows=${answer?.items ?? []}
      keyOf=${({ name }: UserView) => name}
      empty=${answer ? html`<${Empty} filtered=${q !== ''} />` : 'Asking…'}
    />
  <//>`;
}

function columnsAt(now: number): Column<UserView>[] {
  return [
    { id: 'name', title: 'User', head: true, cell: ({ name }) => name },
    { id: 'connections', title: 'Connections', number: true, cell: ({ connections }) => count(connections) },
    { id: 'quota', title: 'Quota', cell: (user) => html`<${Quota} user=${user} now=${now} />` },
    { id: 'pool', title: 'Pool', minor: true, cell: ({ pool, pools }) => pools?.join(', ') ?? pool ?? 'any' },
    { id: 'strategy', title: 'Strategy', minor: true, cell: ({ strategy }) => strategy ?? 'as everybody' },
    {
      id: 'expires',
      title: 'Expires',
      minor: true,
      cell: ({ expiresAt }) => (expiresAt === null ? 'never' : moment(expiresAt, now)),
    },
    {
      id: 'source',
      title: 'From',
      minor: true,
      cell: ({ source }) => (source === 'config' ? 'configuration' : 'password file'),
    },
  ];
}

function Quota({ user, now }: { readonly user: UserView; readonly now: number }): VNode {
  const { quota, name } = user;
  if (!quota) return html`<span class="muted">${NOTHING}</span>`;
  const share = quota.bytes > 0 ? Math.min(1, quota.used / quota.bytes) : 1;
  const text = `${bytes(quota.used)} of ${bytes(quota.bytes)} ${PERIODS[quota.period] ?? `by ${quota.period}`}`;
  return html`<span class=${share >= 1 ? 'quota full' : share >= NEARLY ? 'quota nearly' : 'quota'}>
    <progress max="1" value=${share} aria-label=${`Quota of ${name}`}></progress>
    <span
      >${text} <small>${percent(quota.used, quota.bytes)}, anew ${moment(quota.resetsAt, now)}</small></span
    >
  </span>`;
}

function Empty({ filtered }: { readonly filtered: boolean }): VNode {
  if (filtered) return html`<p>No user has such a name.</p>`;
  return html`<p><b>Nobody has to log in.</b></p>
    <p>Users stand under <code>users</code> in the configuration, or in a password file it names.</p>`;
}
