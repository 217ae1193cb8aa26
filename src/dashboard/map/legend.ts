/** What the colours and shapes of the map mean, drawn as the map draws them. */
import { useEffect, useRef } from 'preact/hooks';
import type { VNode } from 'preact';
import { onThemeChange } from '../data/settings.ts';
import { KINDS, LOAD_STEPS } from '../model/cells.ts';
import { html } from '../parts/html.ts';
import { tilesOf } from './tiles.ts';

/** CSS pixels. */
const CELL = 14;
/** In the order in which they are read, as indexes into the kinds. */
const ORDER: readonly { readonly kind: number; readonly text: string }[] = [
  ...KINDS.map((_, kind) => ({ kind, text: loadText(kind - 3) })).slice(3),
  { kind: 0, text: 'new' },
  { kind: 2, text: 'draining' },
  { kind: 1, text: 'down' },
];

export function Legend(): VNode {
  return html`<ul class="legend" aria-label="Legend of the map">
    ${ORDER.map(({ kind, text }) => html`<li key=${kind}><${Swatch} kind=${kind} />${text}</li>`)}
  </ul>`;
}

function Swatch({ kind }: { readonly kind: number }): VNode {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const draw = (): void => drawTile(canvas.current!, kind);
    draw();
    return onThemeChange(draw);
  }, [kind]);
  return html`<canvas
    ref=${canvas}
    aria-hidden="true"
    style=${{ width: `${CELL}px`, height: `${CELL}px` }}
  ></canvas>`;
}

function drawTile(canvas: HTMLCanvasElement, kind: number): void {
  const cell = Math.round(CELL * devicePixelRatio);
  canvas.width = cell;
  canvas.height = cell;
  const tile = tilesOf(cell)[kind]!;
  canvas
    .getContext('2d')!
    .putImageData(new ImageData(new Uint8ClampedArray(tile.buffer as ArrayBuffer), cell, cell), 0, 0);
}

function loadText(load: number): string {
  if (load <= 0) return 'up, idle';
  const from = LOAD_STEPS[load - 1]!;
  const to = LOAD_STEPS[load];
  if (to === undefined) return `${from - 1 > 0 ? `over ${from - 1}` : from} tunnels`;
  return to - 1 === from ? `${from}${from === 1 ? ' tunnel' : ''}` : `${from}–${to - 1}`;
}
