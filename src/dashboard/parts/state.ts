/** The state of an address: a colour, a shape and a word. */
import type { VNode } from 'preact';
import type { EgressState } from '../../admin/api.ts';
import { html } from './html.ts';

export const STATE_WORDS: Readonly<Record<EgressState, { readonly word: string; readonly means: string }>> = {
  up: { word: 'up', means: 'connections leave from it' },
  new: { word: 'new', means: 'not tried yet; it is used like one that is up' },
  draining: { word: 'draining', means: 'no new connections; the old ones may finish' },
  down: { word: 'down', means: 'it failed by its own fault and rests for a while' },
};

/** The order in which states are listed: what works first. */
export const STATE_ORDER: readonly EgressState[] = ['up', 'new', 'draining', 'down'];

export function StateMark({ state }: { readonly state: EgressState }): VNode {
  return html`<span class=${`state ${state}`}><i aria-hidden="true"></i>${STATE_WORDS[state].word}</span>`;
}

/** How many are in which state, as a bar with words under it. */
export function StateBar({ byState }: { readonly byState: Readonly<Record<EgressState, number>> }): VNode {
  const total = STATE_ORDER.reduce((sum, state) => sum + byState[state], 0);
  const shown = STATE_ORDER.filter((state) => byState[state] > 0);
  return html`<div class="statebar">
    <div class="track" aria-hidden="true">
      ${shown.map(
        (state) =>
          html`<i key=${state} class=${state} style=${{ flexGrow: String(byState[state] / total) }}></i>`,
      )}
    </div>
    <ul>
      ${shown.map(
        (state) =>
          html`<li key=${state}>
            <${StateMark} state=${state} /> <b>${byState[state].toLocaleString('en-US')}</b>
          </li>`,
      )}
    </ul>
  </div>`;
}
