/** What the last reload changed, before and after; or why it changed nothing. */
import type { VNode } from 'preact';
import type { ConfigChange, ReloadProblem, ReloadReport } from '../../admin/api.ts';
import { latency, moment, NOTHING, plural } from '../model/format.ts';
import { Card } from '../parts/controls.ts';
import { html } from '../parts/html.ts';
import { type Column, Table } from '../parts/table.ts';

const TRIGGERS = { signal: 'by signal', file: 'because the file changed', api: 'over the API' };
const COLUMNS: readonly Column<ConfigChange>[] = [
  {
    id: 'path',
    title: 'Setting',
    head: true,
    cell: ({ path, kind }) => html`<code>${path}</code> <small>${kind}</small>`,
  },
  {
    id: 'before',
    title: 'Before',
    cell: ({ before }) => html`<code class="before">${before ?? NOTHING}</code>`,
  },
  { id: 'after', title: 'After', cell: ({ after }) => html`<code class="after">${after ?? NOTHING}</code>` },
];

export function ReloadCard({
  report,
  now,
}: {
  readonly report: ReloadReport | null;
  readonly now: number;
}): VNode {
  if (!report) {
    return html`<${Card} title="Last reload" name="reload">
      <div class="empty">
        <p><b>Not reloaded since the start.</b></p>
        <p>What a reload changes stands here: each setting, before and after.</p>
      </div>
    <//>`;
  }
  const { at, trigger, ok, durationMs, changes, needsRestart, problems } = report;
  const aside = html`<small>${moment(at, now)}, ${TRIGGERS[trigger]}, took ${latency(durationMs)}</small>`;
  return html`<${Card} title="Last reload" name="reload" aside=${aside}>
    <p class=${ok ? 'outcome ok' : 'outcome bad'}>${reloadSummary(report)}</p>
    ${problems.length > 0 && html`<${Problems} problems=${problems} />`}
    ${
      changes.length > 0 &&
      html`<${Table}
        caption="What changed"
        columns=${COLUMNS}
        rows=${changes}
        keyOf=${({ path }: ConfigChange) => path}
        empty=""
      />`
    }
    ${
      needsRestart.length > 0 &&
      html`<p>
        Not in use before a restart: ${needsRestart.map((path) => html`<code key=${path}>${path}</code> `)}
      </p>`
    }
  <//>`;
}

export function reloadSummary({ ok, changes, problems, needsRestart }: ReloadReport): string {
  if (!ok)
    return `Failed, with ${plural(problems.length, 'problem')}: the old configuration is still in use.`;
  const waiting =
    needsRestart.length > 0 ? `; ${plural(needsRestart.length, 'change')} must wait for a restart` : '';
  return changes.length === 0
    ? `In use: nothing has changed${waiting}.`
    : `In use: ${plural(changes.length, 'change')}${waiting}.`;
}

function Problems({ problems }: { readonly problems: readonly ReloadProblem[] }): VNode {
  return html`<ul class="problems">
    ${problems.map(
      ({ where, message, hint }) =>
        html`<li key=${where + message}>
          <code>${where}</code> ${message}${hint && html` <small>${hint}</small>`}
        </li>`,
    )}
  </ul>`;
}
