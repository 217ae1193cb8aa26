/** Gives a session an address of one's own choice. */
import { useId, useState } from 'preact/hooks';
import type { VNode } from 'preact';
import type { EgressView, Page, PinRequest, SessionView } from '../../admin/api.ts';
import { useBoard } from '../data/board.ts';
import { usePolled, useSettled } from '../data/poll.ts';
import { Dialog } from '../parts/dialog.ts';
import { html } from '../parts/html.ts';
import { nameOf } from '../model/session-name.ts';

export function Pin({
  session,
  onClose,
}: {
  readonly session: SessionView;
  readonly onClose: () => void;
}): VNode {
  const board = useBoard();
  const [egress, setEgress] = useState(session.egress ?? '');
  const list = useId();
  const q = useSettled(egress.trim());
  const query = new URLSearchParams({
    limit: '20',
    ...(session.pool && { pool: session.pool }),
    ...(q && { q }),
  });
  const { answer } = usePolled<Page<EgressView>>(`egresses?${query.toString()}`, 0);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const request: PinRequest = { egress: egress.trim() };
    const asked = board.api.post<SessionView>(`sessions/${encodeURIComponent(session.key)}/pin`, request);
    if (
      await board.attempt(asked, (pinned) => `Session ${nameOf(session)} leaves from ${pinned.egress} now.`)
    )
      onClose();
  };
  return html`<${Dialog} title=${`Pin the session ${nameOf(session)}`} onClose=${onClose}>
    <form onSubmit=${submit}>
      <p>From its next connection on it leaves from this address; live tunnels stay where they are.</p>
      <label class="field">
        <span>Address${session.pool && ` of pool ${session.pool}`}</span>
        <input
          list=${list}
          required
          autocomplete="off"
          spellcheck="false"
          value=${egress}
          onInput=${(event: InputEvent) => setEgress((event.currentTarget as HTMLInputElement).value)}
        />
        <datalist id=${list}>
          ${(answer?.items ?? []).map(({ address }) => html`<option key=${address} value=${address}></option>`)}
        </datalist>
      </label>
      <div class="actions">
        <button type="button" onClick=${onClose}>Cancel</button>
        <button type="submit" class="primary">Pin</button>
      </div>
    </form>
  <//>`;
}
