/** The picture of the map: one image of pixels, of which only what has changed is drawn anew. */
import { useEffect, useRef } from 'preact/hooks';
import type { VNode } from 'preact';
import { onThemeChange } from '../data/settings.ts';
import { type Cells, paint, type Sprite } from '../model/cells.ts';
import type { Grid } from '../model/grid.ts';
import { html } from '../parts/html.ts';
import { tilesOf } from './tiles.ts';

const MEASURES_KEPT = 60;

interface Props {
  readonly cells: Cells;
  readonly grid: Grid;
  readonly looked: number | undefined;
}

/** What is needed from one second to the next; made anew when the grid or the colours are others. */
interface Picture {
  readonly grid: Grid;
  readonly context: CanvasRenderingContext2D;
  readonly image: ImageData;
  readonly pixels: Uint32Array;
  readonly tiles: readonly Sprite[];
  readonly drawn: Uint8Array;
}

export function MapCanvas({ cells, grid, looked }: Props): VNode {
  const canvas = useRef<HTMLCanvasElement>(null);
  const picture = useRef<Picture | undefined>(undefined);
  useEffect(() => onThemeChange(() => (picture.current = undefined)), []);
  useEffect(() => {
    if (picture.current?.grid !== grid) picture.current = begin(canvas.current!, grid);
    draw(picture.current, cells);
  }, [cells, grid]);
  const { columns, rows, cell } = grid;
  const scale = devicePixelRatio;
  const size = { width: `${(columns * cell) / scale}px`, height: `${(rows * cell) / scale}px` };
  return html`<canvas ref=${canvas} style=${size} aria-hidden="true"></canvas>
    ${looked !== undefined && html`<i class="cursor" style=${cursorAt(grid, looked)}></i>`}`;
}

function begin(canvas: HTMLCanvasElement, grid: Grid): Picture {
  canvas.width = grid.columns * grid.cell;
  canvas.height = grid.rows * grid.cell;
  const context = canvas.getContext('2d')!;
  const image = context.createImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(image.data.buffer);
  return {
    grid,
    context,
    image,
    pixels,
    tiles: tilesOf(grid.cell),
    drawn: new Uint8Array(grid.total).fill(255),
  };
}

function draw({ grid, context, image, pixels, tiles, drawn }: Picture, cells: Cells): void {
  // The pool may have shrunk since the grid was made.
  if (cells.total !== grid.total) return;
  performance.mark('map-begin');
  if (paint(pixels, grid, cells, tiles, drawn) > 0) context.putImageData(image, 0, 0);
  performance.measure('map-draw', 'map-begin');
  performance.clearMarks('map-begin');
  // For whoever wants to know how long it takes; a page may stay open for years.
  if (performance.getEntriesByName('map-draw').length > MEASURES_KEPT) performance.clearMeasures('map-draw');
}

function cursorAt({ columns, cell }: Grid, index: number): Record<string, string> {
  const scale = devicePixelRatio;
  const side = Math.max(cell / scale, 5);
  const middle = (at: number): number => ((at + 0.5) * cell) / scale - side / 2;
  return {
    width: `${side}px`,
    height: `${side}px`,
    transform: `translate(${middle(index % columns)}px, ${middle(Math.floor(index / columns))}px)`,
  };
}
