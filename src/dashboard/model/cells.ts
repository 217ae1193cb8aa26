/** The map as bytes: what each address is doing, and the picture of that, pixel by pixel. No canvas in here. */
import type { EgressState, PoolMap } from '../../admin/api.ts';
import type { Grid } from './grid.ts';

/** In the order of the API's bytes. */
export const STATES: readonly EgressState[] = ['new', 'up', 'down', 'draining'];

/** From how many live tunnels on an address counts as busier; the colours of the map. */
export const LOAD_STEPS: readonly number[] = [1, 2, 6, 21, 101];

/** What a cell shows: new, down, draining, or up with one of the loads. Eight kinds, in this order. */
export const KINDS: readonly string[] = [
  'new',
  'down',
  'draining',
  'load-0',
  'load-1',
  'load-2',
  'load-3',
  'load-4',
  'load-5',
];

/** From this size on (pixels) a cell has a shape beside its colour. */
const SHAPE_FROM = 6;

export interface Cells {
  readonly total: number;
  readonly states: Uint8Array;
  readonly tunnels: Uint16Array;
}

/** A square of pixels, 32 bits each. */
export type Sprite = Uint32Array;

export function decodeMap({ total, states, tunnels }: PoolMap): Cells {
  const loads = fromBase64(tunnels);
  const view = new DataView(loads.buffer, loads.byteOffset);
  const numbers = Uint16Array.from({ length: loads.length >> 1 }, (_, index) =>
    view.getUint16(index * 2, true),
  );
  return { total, states: fromBase64(states), tunnels: numbers };
}

/** Index into {@link KINDS}. */
export function kindOf(state: number, tunnels: number): number {
  if (state === 0) return 0;
  if (state === 2) return 1;
  if (state === 3) return 2;
  let load = 0;
  while (load < LOAD_STEPS.length && tunnels >= LOAD_STEPS[load]!) load += 1;
  return 3 + load;
}

/** `#rrggbb` or `rgb(r, g, b)` as a pixel of a canvas (little endian: alpha, blue, green, red). */
export function pixelOf(colour: string): number {
  const hex = /^#([\da-f]{6})$/i.exec(colour)?.[1];
  const [red = 0, green = 0, blue = 0] = hex
    ? [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16))
    : (colour.match(/[\d.]+/g) ?? []).map((part) => Math.round(Number(part)));
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/** A cell of each kind: new is hollow, down a cross, draining half full, up a full square. @param colours Pixels, as {@link KINDS}. */
export function sprites(colours: readonly number[], ground: number, cell: number): Sprite[] {
  return colours.map((colour, kind) => sprite(colour, ground, cell, kind));
}

/**
 * Draws what has changed.
 * @param drawn The kinds as drawn last; 255 where nothing was. It is brought up to date.
 * @returns how many cells were drawn.
 */
export function paint(
  pixels: Uint32Array,
  grid: Grid,
  cells: Cells,
  tiles: readonly Sprite[],
  drawn: Uint8Array,
): number {
  const { columns, cell } = grid;
  const stride = columns * cell;
  let count = 0;
  for (let index = 0; index < cells.total; index += 1) {
    const kind = kindOf(cells.states[index]!, cells.tunnels[index]!);
    if (drawn[index] === kind) continue;
    drawn[index] = kind;
    count += 1;
    const start = Math.floor(index / columns) * cell * stride + (index % columns) * cell;
    blit(pixels, start, stride, tiles[kind]!, cell);
  }
  return count;
}

/** How many addresses are in each state, for those who do not see the map. */
export function tally({ states }: Cells): Record<EgressState, number> {
  const counts = { new: 0, up: 0, down: 0, draining: 0 };
  for (const state of states) counts[STATES[state] ?? 'new'] += 1;
  return counts;
}

function blit(pixels: Uint32Array, start: number, stride: number, tile: Sprite, cell: number): void {
  let from = 0;
  for (let y = 0; y < cell; y += 1) {
    let to = start + y * stride;
    for (let x = 0; x < cell; x += 1) pixels[to++] = tile[from++]!;
  }
}

function sprite(colour: number, ground: number, cell: number, kind: number): Sprite {
  const side = cell - gapOf(cell);
  const tile = new Uint32Array(cell * cell).fill(ground);
  for (let y = 0; y < side; y += 1)
    for (let x = 0; x < side; x += 1) if (filled(kind, x, y, side)) tile[y * cell + x] = colour;
  return tile;
}

function filled(kind: number, x: number, y: number, side: number): boolean {
  if (kind >= 3) return true;
  // Too small for a shape: what was never tried is a mere dot, so that what is in use stands out.
  if (side < SHAPE_FROM - 1) return kind !== 0 || onDot(x, y, side);
  if (kind === 0) return onEdge(x, y, side, Math.max(1, Math.round(side / 20)));
  const line = Math.max(1, Math.round(side / 8));
  if (kind === 2) return y >= side / 2 || onEdge(x, y, side, line);
  return Math.abs(x - y) <= line || Math.abs(x + y - side + 1) <= line;
}

function onDot(x: number, y: number, side: number): boolean {
  const middle = Math.floor((side - 1) / 2);
  return x === middle && y === middle;
}

function onEdge(x: number, y: number, side: number, line: number): boolean {
  return x < line || y < line || x >= side - line || y >= side - line;
}

function gapOf(cell: number): number {
  if (cell < 4) return 0;
  return cell < 14 ? 1 : 2;
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}
