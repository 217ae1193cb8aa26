/** One of the totals: a name, a number that one can read from afar, and its last minutes. */
import type { VNode } from 'preact';
import type { Quantity } from '../model/format.ts';
import { html } from './html.ts';
import { type Columns, Sparkline } from './sparkline.ts';

export interface TileProps {
  readonly title: string;
  readonly quantity: Quantity;
  /** Under the number: the total, or a second number. */
  readonly note: string;
  readonly range: string;
  readonly data: Columns;
  readonly colours: readonly string[];
  readonly name: string;
}

export function Tile({ title, quantity, note, range, data, colours, name }: TileProps): VNode {
  return html`<section class="tile" data-tile=${name} aria-label=${title}>
    <h3>${title}</h3>
    <p class="big"><b>${quantity.value}</b> <span>${quantity.unit}</span></p>
    <p class="note">${note}</p>
    <${Sparkline} label=${`${title}, the last five minutes: ${range}`} data=${data} colours=${colours} />
  </section>`;
}
