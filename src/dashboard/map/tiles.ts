/** The cells of the map in the colours of the theme. */
import { coloursOf } from '../data/settings.ts';
import { KINDS, pixelOf, type Sprite, sprites } from '../model/cells.ts';

/** Variables of the style sheet. */
export const GROUND = 'map-ground';

/** @param cell Side in pixels of the canvas. */
export function tilesOf(cell: number): Sprite[] {
  const [ground, ...colours] = coloursOf([GROUND, ...KINDS.map((kind) => `map-${kind}`)]).map(pixelOf);
  return sprites(colours, ground!, cell);
}
