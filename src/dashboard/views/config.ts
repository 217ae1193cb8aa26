/** What is configured, what the last reload changed, and the button for the next one. */
import { useEffect } from 'preact/hooks';
import type { VNode } from 'preact';
import type { ConfigView, ReloadReport } from '../../admin/api.ts';
import { ApiError, messageOf } from '../data/api.ts';
import { type Board, useBoard } from '../data/board.ts';
import { usePolled } from '../data/poll.ts';
import { useStore } from '../data/store.ts';
import { moment } from '../model/format.ts';
import { Card, Copy, Problem } from '../parts/controls.ts';
import { html } from '../parts/html.ts';
import { ReloadCard, reloadSummary } from './reload-report.ts';

export function ConfigPage(): VNode {
  const board = useBoard();
  const reloads = useStore(board.store, (state) => state.reload.count);
  const { answer, error, again } = usePolled<ConfigView>('config', 0);
  useEffect(() => {
    if (reloads > 0) again();
  }, [reloads]);
  const now = Date.now() + board.store.state.clockAheadMs;
  if (!answer) return error ? html`<${Problem} error=${error} />` : html`<p class="empty">Asking…</p>`;
  const { file, loadedAt, last, history, reloads: done } = answer;
  const since = `, in use since ${moment(loadedAt, now)}.`;
  const told = ` Reloads: ${done.ok} went well, ${done.failed} failed.`;
  const button = html`<button class="primary" onClick=${() => void reload(board, again)}>Reload now</button>`;
  return html`<div class="stack">
    <${Card} title="Configuration" aside=${button}>
      <p>
        ${file ? html`From <code>${file}</code>` : 'From flags and environment, without a file'}${since}
        <span class="muted">${told}</span>
      </p>
    <//>
    <${ReloadCard} report=${last} now=${now} />
    ${history.length > 1 && html`<${Earlier} reports=${history.slice(1)} now=${now} />`}
    <${InUse} config=${answer.config} />
  </div>`;
}

function Earlier({
  reports,
  now,
}: {
  readonly reports: readonly ReloadReport[];
  readonly now: number;
}): VNode {
  return html`<${Card} title="Earlier reloads">
    <ul class="history">
      ${reports.map(
        (report) =>
          html`<li key=${report.at} class=${report.ok ? 'ok' : 'bad'}>
            <time>${moment(report.at, now)}</time> ${reloadSummary(report)}
          </li>`,
      )}
    </ul>
  <//>`;
}

function InUse({ config }: { readonly config: unknown }): VNode {
  const text = JSON.stringify(config, null, 2);
  return html`<${Card}
    title="In use, defaults filled in"
    aside=${html`<${Copy} text=${text} what="the configuration in use" />`}
  >
    <pre class="code tall" tabindex="0" aria-label="The configuration in use">${text}</pre>
  <//>`;
}

/** A report that says no is an answer, not a breakdown: the event brings it. */
async function reload(board: Board, again: () => void): Promise<void> {
  try {
    await board.api.post<ReloadReport>('config/reload');
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 422)) board.say(messageOf(error), true);
  }
  again();
}
