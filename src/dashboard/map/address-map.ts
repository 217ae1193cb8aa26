/**
 * The map of a pool: a cell an address, coloured by state and load. It is one stop for the Tab key and behaves as a slider,
 * so that arrows go from address to address and screen readers read each out.
 */
import { useEffect, useId, useMemo, useRef, useState } from 'preact/hooks';
import type { VNode } from 'preact';
import type { PoolMap, PoolStatus } from '../../admin/api.ts';
import { useBoard } from '../data/board.ts';
import { usePolled } from '../data/poll.ts';
import { type Cells, decodeMap, STATES, tally } from '../model/cells.ts';
import { count, plural } from '../model/format.ts';
import { type Grid, indexAt, layOut, step } from '../model/grid.ts';
import { Problem } from '../parts/controls.ts';
import { html } from '../parts/html.ts';
import { STATE_ORDER } from '../parts/state.ts';
import { Legend } from './legend.ts';
import { Magnifier } from './magnifier.ts';
import { MapCanvas } from './map-canvas.ts';
import { useEgress } from './use-egress.ts';

/** CSS pixels. */
const HEIGHT = 520;
const LARGEST_CELL = 30;

export function AddressMap({ pool }: { readonly pool: PoolStatus }): VNode {
  const { store } = useBoard();
  const { answer, error } = usePolled<PoolMap>(`pools/${encodeURIComponent(pool.name)}/map`, 1000);
  const cells = useMemo(() => answer && decodeMap(answer), [answer]);
  const [width, setWidth] = useState(0);
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const sizes = new ResizeObserver(([entry]) => setWidth(Math.floor(entry!.contentRect.width)));
    sizes.observe(place.current!);
    return () => sizes.disconnect();
  }, []);
  const total = cells?.total ?? 0;
  const grid = useMemo(() => gridFor(total, width), [total, width, devicePixelRatio]);
  const [focus, setFocus] = useState<number | undefined>(undefined);
  const [hover, setHover] = useState<number | undefined>(undefined);
  const looked = hover ?? focus;
  const egress = useEgress(pool.name, looked);
  const find = (): void => store.set({ poolFilter: egress?.address ?? '' });
  const words = useId();
  const text = cells && looked !== undefined ? describe(cells, looked, egress?.address) : '';
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Enter' && egress) find();
    const next = grid && step(grid, focus ?? 0, event.key);
    if (next === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    setHover(undefined);
    setFocus(next);
  };
  const onMove = (event: PointerEvent): void => setHover(grid && pointed(grid, event));
  return html`<div class="map">
    <${Problem} error=${error} />
    <div
      class="cells"
      ref=${place}
      role="slider"
      tabindex="0"
      aria-label=${`Addresses of pool ${pool.name}`}
      aria-describedby=${words}
      aria-valuemin="0"
      aria-valuemax=${Math.max(0, total - 1)}
      aria-valuenow=${looked ?? 0}
      aria-valuetext=${text || 'none chosen'}
      onKeyDown=${onKeyDown}
      onFocus=${() => setFocus(focus ?? 0)}
      onPointerMove=${onMove}
      onPointerDown=${onMove}
      onPointerLeave=${() => setHover(undefined)}
      onClick=${() => setFocus(hover)}
      onDblClick=${find}
    >
      ${cells && grid && html`<${MapCanvas} cells=${cells} grid=${grid} looked=${looked} />`}
    </div>
    <div class="below">
      <${Magnifier} cells=${cells} grid=${grid} looked=${looked} />
      <div>
        <p class="looked">
          <b>${text || 'Point at an address, or go through them with the arrow keys.'}</b>
          ${egress && html` <small>${plural(egress.failures, 'failure')} in a row${egress.lastError ? `, ${egress.lastError}` : ''}</small>`}
        </p>
        <${Legend} />
        <p class="note" id=${words}>${cells ? inWords(cells) : 'Asking…'}</p>
      </div>
    </div>
  </div>`;
}

function gridFor(total: number, width: number): Grid | undefined {
  if (total === 0 || width === 0) return undefined;
  const scale = devicePixelRatio;
  return layOut(total, width * scale, HEIGHT * scale, LARGEST_CELL * scale);
}

function pointed(grid: Grid, event: PointerEvent): number | undefined {
  const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
  const scale = devicePixelRatio;
  return indexAt(grid, (event.clientX - box.left) * scale, (event.clientY - box.top) * scale);
}

function describe({ states, tunnels }: Cells, index: number, address: string | undefined): string {
  const state = STATES[states[index] ?? 0];
  return `${address ?? `number ${count(index + 1)}`}: ${state}, ${plural(tunnels[index] ?? 0, 'tunnel')}`;
}

/** What the picture says, for those who do not see it. */
function inWords(cells: Cells): string {
  const counts = tally(cells);
  const parts = STATE_ORDER.filter((state) => counts[state] > 0).map(
    (state) => `${count(counts[state])} ${state}`,
  );
  let busiest = 0;
  for (const tunnels of cells.tunnels) busiest = Math.max(busiest, tunnels);
  return `${plural(cells.total, 'cell')}: ${parts.join(', ')}. The busiest has ${plural(busiest, 'tunnel')}. The table below lists the same addresses.`;
}
