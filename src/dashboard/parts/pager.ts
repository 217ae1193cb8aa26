/** Forth and back in a long list. */
import type { VNode } from 'preact';
import { count } from '../model/format.ts';
import { html } from './html.ts';

interface Props {
  readonly total: number;
  readonly offset: number;
  readonly size: number;
  readonly onMove: (offset: number) => void;
  /** What is listed, for screen readers. */
  readonly of: string;
}

export function Pager({ total, offset, size, onMove, of }: Props): VNode {
  const last = Math.min(offset + size, total);
  return html`<nav class="pager" aria-label=${`Pages of ${of}`}>
    <span aria-live="polite"
      >${total === 0 ? 'none' : `${count(offset + 1)}–${count(last)} of ${count(total)}`}</span
    >
    <button disabled=${offset === 0} onClick=${() => onMove(Math.max(0, offset - size))}>Previous</button>
    <button disabled=${last >= total} onClick=${() => onMove(offset + size)}>Next</button>
  </nav>`;
}
