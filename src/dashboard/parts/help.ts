/** Quick help: keys, and the few words one has to know. */
import { useState } from 'preact/hooks';
import type { VNode } from 'preact';
import { useBoard } from '../data/board.ts';
import { keysOn, setKeys } from '../data/settings.ts';
import { useStore } from '../data/store.ts';
import { Dialog } from './dialog.ts';
import { html } from './html.ts';
import { STATE_ORDER, STATE_WORDS, StateMark } from './state.ts';

const KEYS: readonly (readonly [string, string])[] = [
  ['/', 'to the filter box of the view'],
  ['?', 'this help'],
  ['← →', 'from tab to tab, when a tab has the focus'],
  ['← → ↑ ↓', 'from address to address, when the map has the focus; Enter finds it in the table'],
  ['Esc', 'closes a dialog'],
];

const WORDS: readonly (readonly [string, string])[] = [
  ['Connection', 'what a client opens to Gyre'],
  ['Tunnel', 'a connection that stands: client, Gyre, target'],
  ['Address (egress)', 'one of this host’s own addresses that connections leave from'],
  ['Pool', 'the addresses that take turns'],
  ['Session', 'whoever names one keeps leaving from the same address'],
  ['Target', 'the server a client asked for'],
];

export function Help(): VNode | null {
  const { store } = useBoard();
  const helping = useStore(store, (state) => state.helping);
  const [keys, choose] = useState(keysOn());
  if (!helping) return null;
  const close = (): void => store.set({ helping: false });
  const toggle = (): void => {
    setKeys(!keys);
    choose(!keys);
  };
  const list = (pairs: readonly (readonly [unknown, string])[]): VNode =>
    html`<dl>
      ${pairs.map(
        ([term, means], index) =>
          html`<div key=${index}>
            <dt>${term}</dt>
            <dd>${means}</dd>
          </div>`,
      )}
    </dl>`;
  return html`<${Dialog} title="Help" wide=${true} onClose=${close}>
    <h3>Keys</h3>
    ${list(KEYS.map(([key, means]) => [html`<kbd>${key}</kbd>`, means] as const))}
    <label class="check"
      ><input type="checkbox" checked=${keys} onChange=${toggle} /> The single keys / and ? do
      something</label
    >
    <h3>Words</h3>
    ${list(WORDS)}
    <h3>States of an address</h3>
    ${list(STATE_ORDER.map((state) => [html`<${StateMark} state=${state} />`, STATE_WORDS[state].means] as const))}
    <div class="actions"><button class="primary" onClick=${close}>Close</button></div>
  <//>`;
}
