/** What a terminal can show: colours, and more than ASCII. */
import { styleText } from 'node:util';

export interface Look {
  readonly color: boolean;
  readonly unicode: boolean;
}

type Style = Parameters<typeof styleText>[0];

interface Glyphs {
  /** From nothing to full. */
  readonly levels: string;
  /** Addresses up, new, draining, down. */
  readonly states: string;
  readonly cut: string;
  readonly dot: string;
  readonly sorted: string;
}

const UNICODE: Glyphs = { levels: '▁▂▃▄▅▆▇█', states: '█▓▒░', cut: '…', dot: '·', sorted: '▼' };
const ASCII: Glyphs = { levels: '_.:-=+*#', states: '#=-.', cut: '~', dot: '-', sorted: 'v' };

export const glyphs = ({ unicode }: Look): Glyphs => (unicode ? UNICODE : ASCII);

export function painter({ color }: Look): (style: Style, text: string) => string {
  return color ? (style, text) => styleText(style, text, { validateStream: false }) : (_, text) => text;
}

/** @param environment `process.env`. */
export function lookOf(stream: NodeJS.WriteStream, environment: NodeJS.ProcessEnv): Look {
  const locale = environment['LC_ALL'] || environment['LC_CTYPE'] || environment['LANG'] || '';
  return {
    color: stream.isTTY && stream.hasColors() && !environment['NO_COLOR'],
    unicode: /utf-?8/i.test(locale),
  };
}

/** The latest values, as wide as there is room, each against the largest shown. */
export function sparkline(values: readonly number[], width: number, look: Look): string {
  const { levels } = glyphs(look);
  const shown = width > 0 ? values.slice(-width) : [];
  const most = Math.max(...shown, 0);
  const level = (value: number): number =>
    value <= 0 || most === 0 ? 0 : Math.max(1, Math.round((value / most) * (levels.length - 1)));
  return shown.map((value) => levels[level(value)]).join('');
}

/** Parts of a whole as a bar; whatever is there at all has at least one column, as long as there are enough. */
export function barParts(counts: readonly number[], width: number): number[] {
  const whole = counts.reduce((sum, count) => sum + count, 0);
  if (whole === 0) return counts.map(() => 0);
  const parts = counts.map((count) => (count === 0 ? 0 : Math.max(1, Math.floor((count / whole) * width))));
  let left = width - parts.reduce((sum, part) => sum + part, 0);
  for (; left !== 0; left -= Math.sign(left)) {
    const largest = parts.indexOf(Math.max(...parts));
    if (parts[largest]! + Math.sign(left) < 0) break;
    parts[largest]! += Math.sign(left);
  }
  return parts;
}
