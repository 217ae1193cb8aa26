/**
 * Charts as SVG: bars that lie, and lines over amounts. A chart brings its own background and colours for both themes, so
 * that it can be read on any page.
 */

const WIDTH = 760;
const MARGIN = 16;

const STYLE = `
  .card { fill: #ffffff; stroke: #d0d7de }
  text { fill: #1f2328; font: 12px -apple-system, "Segoe UI", "Liberation Sans", Helvetica, Arial, sans-serif }
  .title { font-size: 15px; font-weight: 600 }
  .panel { font-weight: 600 }
  .soft { fill: #59636e }
  .grid { stroke: #d0d7de; stroke-width: 1 }
  .gyre { fill: #0969da; stroke: #0969da }
  .floor { fill: #8c959f; stroke: #8c959f }
  .other { fill: #bf8700; stroke: #bf8700 }
  .line { fill: none; stroke-width: 2 }
  .bold { font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    .card { fill: #0d1117; stroke: #3d444d }
    text { fill: #f0f6fc }
    .soft { fill: #9198a1 }
    .grid { stroke: #3d444d }
    .gyre { fill: #4493f8; stroke: #4493f8 }
    .floor { fill: #9198a1; stroke: #9198a1 }
    .other { fill: #d29922; stroke: #d29922 }
  }`;

export type Kind = 'gyre' | 'floor' | 'other';

export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly kind: Kind;
}

export interface BarPanel {
  readonly title: string;
  readonly unit: string;
  readonly digits: number;
  readonly bars: readonly Bar[];
}

export interface Line {
  readonly name: string;
  readonly kind: Kind;
  /** One for each amount; undefined where it was not measured. */
  readonly values: readonly (number | undefined)[];
}

export interface LinePanel {
  readonly title: string;
  readonly unit: string;
  readonly amounts: readonly string[];
  readonly lines: readonly Line[];
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const at = (value: number): string => String(Math.round(value * 10) / 10);

function words(x: number, y: number, text: string, style = '', anchor = 'start'): string {
  const classes = style === '' ? '' : ` class="${style}"`;
  return `<text x="${at(x)}" y="${at(y)}" text-anchor="${anchor}"${classes}>${escaped(text)}</text>`;
}

function sheet(title: string, height: number, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${at(height)}" viewBox="0 0 ${WIDTH} ${at(height)}" role="img" aria-label="${escaped(title)}">`,
    `<style>${STYLE}\n</style>`,
    `<rect class="card" x="0.5" y="0.5" width="${WIDTH - 1}" height="${at(height - 1)}" rx="6"/>`,
    words(MARGIN, 28, title, 'title'),
    ...parts,
    '</svg>\n',
  ].join('\n');
}

const ROW = 20;
const NAMES = 150;
const VALUES = 70;
const HEAD = 42;

function barRow(bar: Bar, y: number, longest: number, digits: number): string {
  const width = Math.max(1, (bar.value / longest) * (WIDTH - 2 * MARGIN - NAMES - VALUES));
  const style = bar.kind === 'gyre' ? 'bold' : '';
  return [
    words(MARGIN + NAMES - 8, y + 14, bar.name, style, 'end'),
    `<rect class="${bar.kind}" x="${MARGIN + NAMES}" y="${at(y + 3)}" width="${at(width)}" height="${ROW - 6}" rx="2"/>`,
    words(MARGIN + NAMES + width + 6, y + 14, bar.value.toFixed(digits), style),
  ].join('\n');
}

/** Panels one below the other, in each the shortest bar first. */
export function barChart(title: string, panels: readonly BarPanel[]): string {
  const parts: string[] = [];
  let y = HEAD;
  for (const { title, unit, digits, bars } of panels) {
    const longest = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE);
    parts.push(words(MARGIN, y + 16, title, 'panel'), words(WIDTH - MARGIN, y + 16, unit, 'soft', 'end'));
    y += 26;
    for (const bar of bars.toSorted((a, b) => a.value - b.value)) {
      parts.push(barRow(bar, y, longest, digits));
      y += ROW;
    }
    y += 10;
  }
  return sheet(title, y + 4, parts);
}

const PLOT = { width: 250, height: 130, left: 44, top: 30 } as const;
const CELL = { width: 364, height: 200 } as const;

/** A number of the form 1, 2 or 5 times a power of ten, at least `value`. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value)!;
}

function axes(left: number, top: number, most: number, amounts: readonly string[], step: number): string[] {
  const grid = [0, 0.5, 1].flatMap((share) => {
    const y = top + PLOT.height * (1 - share);
    return [
      `<line class="grid" x1="${at(left)}" x2="${at(left + PLOT.width)}" y1="${at(y)}" y2="${at(y)}"/>`,
      words(left - 6, y + 4, String(most * share), 'soft', 'end'),
    ];
  });
  const names = amounts.map((name, i) =>
    words(left + step * (i + 0.5), top + PLOT.height + 18, name, 'soft', 'middle'),
  );
  return [...grid, ...names];
}

function drawn({ kind, name, values }: Line, left: number, top: number, most: number, step: number): string {
  const points = values.flatMap((value, i) =>
    value === undefined ? [] : [[left + step * (i + 0.5), top + PLOT.height * (1 - value / most)] as const],
  );
  const last = points.at(-1);
  if (last === undefined) return '';
  return [
    `<polyline class="line ${kind}" style="fill:none" points="${points.map(([x, y]) => `${at(x)},${at(y)}`).join(' ')}"/>`,
    ...points.map(([x, y]) => `<circle class="${kind}" cx="${at(x)}" cy="${at(y)}" r="3"/>`),
    words(last[0] + 7, last[1] + 4, name, kind === 'gyre' ? 'bold' : ''),
  ].join('\n');
}

function linePanel({ title, unit, amounts, lines }: LinePanel, x: number, y: number): string[] {
  const values = lines.flatMap((line) => line.values.flatMap((value) => value ?? []));
  const most = roundUp(Math.max(...values, 1));
  const [left, top] = [x + PLOT.left, y + PLOT.top];
  const step = PLOT.width / amounts.length;
  return [
    words(x, y + 16, title, 'panel'),
    words(x + PLOT.left + PLOT.width, y + 16, unit, 'soft', 'end'),
    ...axes(left, top, most, amounts, step),
    ...lines.map((line) => drawn(line, left, top, most, step)),
  ];
}

/** Panels in two columns. The amounts stand side by side, however far apart they are. */
export function lineChart(title: string, panels: readonly LinePanel[]): string {
  const parts = panels.flatMap((panel, i) =>
    linePanel(panel, MARGIN + (i % 2) * CELL.width, HEAD + Math.floor(i / 2) * CELL.height),
  );
  return sheet(title, HEAD + Math.ceil(panels.length / 2) * CELL.height + 4, parts);
}
