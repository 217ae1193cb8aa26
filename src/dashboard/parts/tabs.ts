/** The tabs: one stop for the Tab key, arrows go from one to the next (WAI-ARIA tabs pattern). */
import type { VNode } from 'preact';
import { useBoard } from '../data/board.ts';
import { useStore } from '../data/store.ts';
import { nextTab, TABS, type TabName } from '../model/tabs.ts';
import { html } from './html.ts';

export function Tabs(): VNode {
  const board = useBoard();
  const tab = useStore(board.store, (state) => state.tab);
  const onKeyDown = (event: KeyboardEvent): void => {
    const next = nextTab(tab, event.key);
    if (!next || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    board.show(next);
    document.getElementById(`tab-${next}`)?.focus();
  };
  const button = ({ name, title }: { readonly name: TabName; readonly title: string }): VNode =>
    html`<button
      key=${name}
      id=${`tab-${name}`}
      role="tab"
      aria-selected=${String(name === tab)}
      aria-controls="panel"
      tabindex=${name === tab ? 0 : -1}
      onClick=${() => board.show(name)}
    >
      ${title}
    </button>`;
  return html`<div class="tabs" role="tablist" aria-label="Views" onKeyDown=${onKeyDown}>
    ${TABS.map(button)}
  </div>`;
}
