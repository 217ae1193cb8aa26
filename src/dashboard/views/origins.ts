/** What leaves from where: each pool with its addresses by state, and where its addresses come from. */
import type { VNode } from 'preact';
import type { PoolStatus, SourceStatus, Status } from '../../admin/api.ts';
import { useBoard } from '../data/board.ts';
import { bigCount, duration, plural } from '../model/format.ts';
import { Card } from '../parts/controls.ts';
import { html } from '../parts/html.ts';
import { StateBar } from '../parts/state.ts';

export function Origins({ status }: { readonly status: Status }): VNode {
  const board = useBoard();
  const aside = html`<button class="quiet" onClick=${() => board.show('pool')}>Every address →</button>`;
  return html`<${Card} title="What leaves from where" aside=${aside}>
    ${status.pools.map((pool) => html`<${Origin} key=${pool.name} pool=${pool} now=${status.now} />`)}
  <//>`;
}

function Origin({ pool, now }: { readonly pool: PoolStatus; readonly now: number }): VNode {
  const { name, expression, addresses, members, byState, tunnels, sources } = pool;
  const blocks = addresses === String(members) ? '' : ` in ${plural(members, 'member')}`;
  const facts = `${bigCount(addresses)} ${addresses === '1' ? 'address' : 'addresses'}${blocks}, ${plural(tunnels, 'tunnel')} now`;
  return html`<div class="origin">
    <h3>${name} <small>${facts}</small></h3>
    <p class="expression"><code>${expression.join(', ')}</code></p>
    <${StateBar} byState=${byState} />
    ${sources.map((source) => html`<${Source} key=${source.text} source=${source} now=${now} />`)}
  </div>`;
}

/** Only a source that has something to say: most never change. */
function Source({ source, now }: { readonly source: SourceStatus; readonly now: number }): VNode | null {
  const { text, state, readAt, error } = source;
  if (state === 'fresh' && readAt === null) return null;
  const age = readAt === null ? 'never read' : `read ${duration(now - readAt)} ago`;
  return html`<p class=${`source ${state}`}>
    <code>${text}</code> ${state === 'fresh' ? age : `${state}: ${error ?? 'no answer'}; ${age}`}
  </p>`;
}
