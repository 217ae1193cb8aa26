/** The keys of `gyre top`, for its help screen. */
import { clip } from '../text-width.ts';
import { glyphs, painter, type Look } from './look.ts';

const KEYS: readonly (readonly [keys: string, what: string])[] = [
  ['1 2 3, Tab', 'tunnels, egresses, failures by code'],
  ['Up Down PgUp PgDn', 'select a row; Home and End too'],
  ['/', 'filter: anywhere in a row; Esc drops it'],
  ['s, S', 'sort by the next column, or the one before'],
  ['k', 'cut the selected tunnel'],
  ['K', 'cut every tunnel the filter shows'],
  ['d', 'drain the selected egress, or the one of the tunnel; again: undrain'],
  ['e', 'eject the selected egress'],
  ['p, Space', 'pause, go on'],
  ['?', 'this help'],
  ['q, Ctrl-C', 'quit'],
];

export function helpLines(columns: number, look: Look): string[] {
  const paint = painter(look);
  const line = (text: string): string => clip(text, columns, glyphs(look).cut);
  return [
    paint('bold', line('gyre top')),
    '',
    ...KEYS.map(([keys, what]) => line(`  ${keys.padEnd(20)}${what}`)),
    '',
    line('Cutting, draining and ejecting ask before they do it.'),
  ];
}
