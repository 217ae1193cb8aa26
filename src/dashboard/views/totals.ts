/** The six tiles. */
import type { VNode } from 'preact';
import type { Status } from '../../admin/api.ts';
import {
  bitRate,
  bytes,
  count,
  latency,
  NOTHING,
  perSecond,
  plural,
  type Quantity,
} from '../model/format.ts';
import { failedTotal, type History, type SeriesName } from '../model/history.ts';
import { html } from '../parts/html.ts';
import { Tile, type TileProps } from '../parts/tile.ts';

type Show = (value: number) => string;

export function Totals({ status, history }: { readonly status: Status; readonly history: History }): VNode {
  const { totals, latency: late } = status;
  const { latest } = history;
  const asText =
    (show: (value: number | null) => Quantity): Show =>
    (value) =>
      `${show(value).value} ${show(value).unit}`;
  const range = (name: SeriesName, show: Show): string => {
    const found = history.range(name);
    return found ? `between ${show(found.low)} and ${show(found.high)}` : 'nothing known yet';
  };
  const tile = (
    title: string,
    names: readonly SeriesName[],
    colours: readonly string[],
    quantity: Quantity,
    note: string,
    show: Show,
  ): TileProps => ({
    title,
    name: names[0]!,
    colours,
    quantity,
    note,
    range: range(names.at(-1)!, show),
    data: history.columns(names),
  });
  const dial = splitUnit(latency(late.dial.p50Ms));
  const tiles = [
    tile(
      'New connections',
      ['connections'],
      ['line-1'],
      perSecond(latest.connections),
      `${count(totals.accepted)} in all`,
      asText(perSecond),
    ),
    tile(
      'Active',
      ['active'],
      ['line-1'],
      { value: count(totals.active), unit: '' },
      `${plural(totals.tunnels, 'tunnel')} done`,
      count,
    ),
    tile(
      'Sent to targets',
      ['sent'],
      ['line-2'],
      bitRate(latest.sent),
      `${bytes(totals.sent)} in all`,
      asText(bitRate),
    ),
    tile(
      'Received',
      ['received'],
      ['line-2'],
      bitRate(latest.received),
      `${bytes(totals.received)} in all`,
      asText(bitRate),
    ),
    tile(
      'Failures',
      ['failures'],
      ['line-3'],
      perSecond(latest.failures),
      `${count(failedTotal(status))} in all`,
      asText(perSecond),
    ),
    tile(
      'Dial, median',
      ['p99', 'p50'],
      ['line-4', 'line-1'],
      dial,
      `p99 ${latency(late.dial.p99Ms)}`,
      latency,
    ),
  ];
  return html`<div class="tiles">
    ${tiles.map((props) => html`<${Tile} key=${props.title} ...${props} />`)}
  </div>`;
}

function splitUnit(text: string): Quantity {
  const [value = NOTHING, unit = 'ms'] = text.split(' ');
  return { value, unit };
}
