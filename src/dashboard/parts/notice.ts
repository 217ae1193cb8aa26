/** What was just done, or went wrong: read out by screen readers, seen at the foot of the page for some seconds. */
import { useEffect } from 'preact/hooks';
import type { VNode } from 'preact';
import { useBoard } from '../data/board.ts';
import { useStore } from '../data/store.ts';
import { html } from './html.ts';

const SHOWN_MS = 8000;

/** The live region is always there: one that comes together with its text is not read out. */
export function Notices(): VNode {
  const { store } = useBoard();
  const notice = useStore(store, (state) => state.notice);
  useEffect(() => {
    if (!notice) return undefined;
    const timer = setTimeout(() => store.set({ notice: undefined }), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [notice]);
  const close = (): void => store.set({ notice: undefined });
  return html`<div class="notices" role="status" aria-live="polite">
    ${
      notice &&
      html`<div class=${notice.bad ? 'notice bad' : 'notice'} key=${notice.id}>
        <span>${notice.text}</span>
        <button class="quiet" onClick=${close} aria-label="Close this message">✕</button>
      </div>`
    }
  </div>`;
}
