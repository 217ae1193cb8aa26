/** The columns of the table of addresses, and their buttons. */
import type { VNode } from 'preact';
import type { EgressAction, EgressView } from '../../admin/api.ts';
import type { Board } from '../data/board.ts';
import { count, duration, NOTHING, plural } from '../model/format.ts';
import { html } from '../parts/html.ts';
import { StateMark } from '../parts/state.ts';
import type { Column } from '../parts/table.ts';

export function egressColumns(board: Board, again: () => void): Column<EgressView>[] {
  const now = Date.now() + board.store.state.clockAheadMs;
  return [
    {
      id: 'address',
      title: 'Address',
      head: true,
      sorts: true,
      cell: ({ address, block, publicAddress }) =>
        html`<code>${address}</code
          >${block && ' block'}${publicAddress && publicAddress !== address && html` <small>seen as ${publicAddress}</small>`}`,
    },
    { id: 'state', title: 'State', sorts: true, cell: (egress) => stateCell(egress, now) },
    { id: 'tunnels', title: 'Tunnels', number: true, sorts: true, cell: ({ tunnels }) => count(tunnels) },
    {
      id: 'freePorts',
      title: 'Free ports',
      number: true,
      sorts: true,
      minor: true,
      cell: ({ freePorts }) => (freePorts === null ? NOTHING : count(freePorts)),
    },
    {
      id: 'failures',
      title: 'Failures in a row',
      number: true,
      sorts: true,
      minor: true,
      cell: ({ failures }) => count(failures),
    },
    {
      id: 'actions',
      title: 'Do',
      cell: (egress) => html`<${Actions} board=${board} egress=${egress} again=${again} />`,
    },
  ];
}

export function egressValue(egress: EgressView, by: string): string | number {
  if (by === 'tunnels' || by === 'failures') return egress[by];
  if (by === 'freePorts') return egress.freePorts ?? -1;
  return by === 'state' ? egress.state : egress.address;
}

function stateCell({ state, since, byHand, held, retryAt, lastError }: EgressView, now: number): VNode {
  const facts = [
    byHand && 'by hand',
    held && 'kept in use: too few others',
    since !== null && `for ${duration(now - since)}`,
    retryAt !== null && retryAt > now && `again in ${duration(retryAt - now)}`,
    state === 'down' && lastError,
  ];
  return html`<${StateMark} state=${state} /> <small>${facts.filter(Boolean).join(', ')}</small>`;
}

interface ActionsProps {
  readonly board: Board;
  readonly egress: EgressView;
  readonly again: () => void;
}

function Actions({ board, egress, again }: ActionsProps): VNode {
  const button = (action: EgressAction, title: string): VNode =>
    html`<button
      key=${action}
      title=${title}
      aria-label=${`${action} ${egress.address}`}
      onClick=${() => void act(board, egress, action).then(again)}
    >
      ${action}
    </button>`;
  const drained = egress.byHand === 'drain' || egress.state === 'draining';
  return html`<span class="buttons">
    ${
      drained
        ? button('undrain', 'Connections may leave from it again')
        : button('drain', 'No new connections; live tunnels may finish')
    }
    ${button('eject', 'Out, as after a failure of its own; it comes back by itself')}
    ${button('probe', 'Try it now')}
  </span>`;
}

const DONE: Readonly<Record<EgressAction, string>> = {
  drain: 'takes no new connections',
  undrain: 'is in use again',
  eject: 'is out; it comes back by itself',
  probe: 'was tried',
};

async function act(board: Board, { address, tunnels }: EgressView, action: EgressAction): Promise<void> {
  if (action === 'drain' || action === 'eject') {
    const text =
      action === 'drain'
        ? `No new connection leaves from it until you undrain it. ${plural(tunnels, 'live tunnel')} may finish.`
        : `It counts as failed and rests; it comes back by itself. ${plural(tunnels, 'live tunnel')} stay as they are.`;
    const title = `${action === 'drain' ? 'Drain' : 'Eject'} ${address}?`;
    if (!(await board.confirm({ title, text, action: action === 'drain' ? 'Drain' : 'Eject', danger: true })))
      return;
  }
  const asked = board.api.post<EgressView>(`egresses/${encodeURIComponent(address)}/${action}`);
  await board.attempt(asked, ({ state, lastError }) => {
    const found =
      action === 'probe' ? `: ${state}${state === 'down' && lastError ? `, ${lastError}` : ''}` : '';
    return `${address} ${DONE[action]}${found}.`;
  });
}
