/** The cells around the one that is looked at, large enough for their shapes: colour alone says nothing to some. */
import { useEffect, useRef } from 'preact/hooks';
import type { VNode } from 'preact';
import { type Cells, kindOf } from '../model/cells.ts';
import { around, type Grid } from '../model/grid.ts';
import { html } from '../parts/html.ts';
import { tilesOf } from './tiles.ts';

interface Props {
  readonly cells: Cells | undefined;
  readonly grid: Grid | undefined;
  readonly looked: number | undefined;
}

const SIDE = 9;
/** CSS pixels. */
const CELL = 12;
/** Cells this large need no magnifier. */
const ENOUGH = 10;

export function Magnifier({ cells, grid, looked }: Props): VNode | null {
  const canvas = useRef<HTMLCanvasElement>(null);
  const small = grid !== undefined && grid.cell / devicePixelRatio < ENOUGH;
  useEffect(() => {
    if (small && canvas.current && cells && cells.total === grid.total)
      draw(canvas.current, cells, grid, looked ?? 0);
  });
  if (!small) return null;
  const size = `${SIDE * CELL}px`;
  return html`<div class="magnifier" aria-hidden="true">
    <canvas ref=${canvas} style=${{ width: size, height: size }}></canvas><i></i>
  </div>`;
}

function draw(canvas: HTMLCanvasElement, cells: Cells, grid: Grid, looked: number): void {
  const cell = Math.round(CELL * devicePixelRatio);
  canvas.width = SIDE * cell;
  canvas.height = SIDE * cell;
  const context = canvas.getContext('2d')!;
  const tiles = tilesOf(cell).map(
    (tile) => new ImageData(new Uint8ClampedArray(tile.buffer as ArrayBuffer), cell, cell),
  );
  for (const [at, index] of around(grid, looked, SIDE).entries()) {
    if (index === undefined) continue;
    const kind = kindOf(cells.states[index]!, cells.tunnels[index]!);
    context.putImageData(tiles[kind]!, (at % SIDE) * cell, Math.floor(at / SIDE) * cell);
  }
}
