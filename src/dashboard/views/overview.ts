/** At first glance: does it work, how much, from where, and what fails why. */
import { useMemo } from 'preact/hooks';
import type { VNode } from 'preact';
import { useBoard } from '../data/board.ts';
import { useStore } from '../data/store.ts';
import { type Tone, verdict } from '../model/verdict.ts';
import { html } from '../parts/html.ts';
import { Failures } from './failures.ts';
import { Origins } from './origins.ts';
import { Threads } from './threads.ts';
import { Totals } from './totals.ts';

/** Beside the colour. */
const SIGNS: Readonly<Record<Tone, string>> = { good: '✓', idle: '·', warn: '!', bad: '✕' };

export function Overview(): VNode {
  const { store } = useBoard();
  const status = useStore(store, (state) => state.status)!;
  const { history } = store.state;
  const recent = useMemo(() => history.recent(), [status]);
  const { tone, title, detail } = verdict(status, recent);
  return html`<div class="overview">
    <section class=${`verdict ${tone}`} aria-label="In one sentence">
      <i aria-hidden="true">${SIGNS[tone]}</i>
      <div>
        <h2>${title}</h2>
        <p>${detail}</p>
      </div>
    </section>
    <${Totals} status=${status} history=${history} />
    <div class="columns">
      <${Failures} status=${status} recent=${recent} />
      <div class="stack"><${Origins} status=${status} /><${Threads} status=${status} /></div>
    </div>
  </div>`;
}
