/** What fails and why: by code, with whose fault it is, in words. */
import type { VNode } from 'preact';
import type { Blame, FailureCode } from '../../errors.ts';
import type { Status } from '../../admin/api.ts';
import { BLAME_WORDS, wordsOf } from '../model/failure-words.ts';
import { count, duration } from '../model/format.ts';
import { entriesOf, type Recent } from '../model/history.ts';
import { Card } from '../parts/controls.ts';
import { html } from '../parts/html.ts';
import { type Column, Table } from '../parts/table.ts';

interface Row {
  readonly code: FailureCode;
  readonly lately: number;
  readonly total: number;
}

export function Failures({ status, recent }: { readonly status: Status; readonly recent: Recent }): VNode {
  const rows = entriesOf(status.totals.failures)
    .map(([code, total]): Row => ({ code, total, lately: recent.failures.get(code) ?? 0 }))
    .toSorted((a, b) => b.lately - a.lately || b.total - a.total);
  const empty = html`<p><b>Nothing has failed.</b></p>
    <p>
      When a connection fails, the reason stands here, and whose fault it was: the client’s, the target’s, an
      address’s, or Gyre’s own.
    </p>`;
  return html`<${Card}
    title="What fails, and why"
    aside=${rows.length > 0 && html`<${Blames} status=${status} />`}
  >
    <${Table}
      caption="Failures by reason"
      columns=${columnsFor(recent)}
      rows=${rows}
      keyOf=${({ code }: Row) => code}
      empty=${empty}
    />
  <//>`;
}

function columnsFor({ spanMs }: Recent): Column<Row>[] {
  return [
    { id: 'what', title: 'What happened', head: true, cell: ({ code }) => html`<${What} code=${code} />` },
    { id: 'blame', title: 'Fault of', cell: ({ code }) => html`<${Who} blame=${wordsOf(code).blame} />` },
    {
      id: 'lately',
      title: `Last ${duration(Math.max(1000, spanMs))}`,
      number: true,
      cell: ({ lately }) => count(lately),
    },
    { id: 'total', title: 'In all', number: true, cell: ({ total }) => count(total) },
  ];
}

function What({ code }: { readonly code: FailureCode }): VNode {
  const { what, hint } = wordsOf(code);
  return html`<span class="what"
    ><b>${what}</b><small>${hint} <code>${code}</code></small></span
  >`;
}

function Who({ blame }: { readonly blame: Blame }): VNode {
  const { who, means } = BLAME_WORDS[blame];
  return html`<span class=${`blame ${blame}`} title=${means}>${who}</span>`;
}

function Blames({ status }: { readonly status: Status }): VNode {
  const { byBlame } = status.totals;
  const known = (Object.keys(BLAME_WORDS) as Blame[]).filter((blame) => byBlame[blame] > 0);
  return html`<span class="blames">
    ${known.map((blame) => html`<span key=${blame}><${Who} blame=${blame} /> ${count(byBlame[blame])}</span>`)}
  </span>`;
}
