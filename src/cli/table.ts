/** Rows under titles, aligned, and never wider than the terminal. */
import { humanText } from '../ops/text.ts';
import { fit, fitRight, widthOf } from './text-width.ts';
import { paint, say } from './terminal.ts';

export type CellStyle = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

export interface Column<Row> {
  readonly title: string;
  /** May hold what a stranger wrote: it is made harmless here. */
  readonly cell: (row: Row) => string;
  /** Numbers stand at the right. */
  readonly right?: true;
  /** May be cut when the room is short, down to so many columns; true: 8. */
  readonly yields?: true | number;
  /** Left out, the highest number first, when cutting is not enough; undefined: never. */
  readonly drop?: number;
  readonly style?: (row: Row) => CellStyle | undefined;
}

export interface TableLook {
  /** Columns of the terminal. @default unlimited */
  readonly width?: number;
  readonly paint?: (style: CellStyle, text: string) => string;
  /** Stands where something was cut. */
  readonly mark?: string;
}

/** A column with what is in it. */
interface Laid<Row> {
  readonly column: Column<Row>;
  readonly cells: readonly string[];
  width: number;
}

const GAP = '  ';
/** What is left of most columns that yield. */
const LEAST = 8;

/** @returns The titles, then the rows; no line ends with blanks. */
export function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  { width = Number.POSITIVE_INFINITY, paint = (_, text) => text, mark }: TableLook = {},
): string[] {
  const laid = narrowed(
    columns.map((column) => layOut(column, rows)),
    width,
  );
  const place = ({ column, width }: Laid<Row>, text: string): string =>
    column.right ? fitRight(text, width, mark) : fit(text, width, mark);
  const titles = laid.map((one) => place(one, one.column.title)).join(GAP);
  const body = rows.map((row, index) => {
    const cells = laid.map((one, at) => {
      const placed = place(one, one.cells[index]!);
      const text = at === laid.length - 1 ? placed.trimEnd() : placed;
      const style = one.column.style?.(row);
      return style === undefined ? text : paint(style, text);
    });
    return cells.join(GAP).trimEnd();
  });
  return [paint('bold', titles.trimEnd()), ...body];
}

/** Prints a table on standard output: as wide as the terminal, or whole for a pipe. */
export function sayTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): void {
  const { columns: width, isTTY } = process.stdout;
  const look = {
    ...(isTTY && width > 0 && { width }),
    paint: (style: CellStyle, text: string) => paint(style, text, process.stdout),
  };
  say(table(columns, rows, look).join('\n'));
}

function layOut<Row>(column: Column<Row>, rows: readonly Row[]): Laid<Row> {
  const cells = rows.map((row) => humanText(column.cell(row)));
  const width = cells.reduce((most, cell) => Math.max(most, widthOf(cell)), widthOf(column.title));
  return { column, cells, width };
}

/** Leaves columns out, then cuts those that yield, the widest first, then whatever there is. */
function narrowed<Row>(columns: readonly Laid<Row>[], width: number): Laid<Row>[] {
  let laid = [...columns];
  const least = ({ column: { yields }, width }: Laid<Row>): number =>
    yields === undefined ? width : Math.min(width, yields === true ? LEAST : yields);
  const over = (): number =>
    laid.reduce((sum, one) => sum + one.width, GAP.length * (laid.length - 1)) - width;
  const slack = (): number => laid.reduce((sum, one) => sum + one.width - least(one), 0);
  while (over() > slack()) {
    const drops = laid.map(({ column }) => column.drop ?? -1);
    const next = Math.max(...drops);
    if (next === -1) break;
    laid = laid.toSpliced(drops.indexOf(next), 1);
  }
  for (let left = Math.min(over(), slack()); left > 0; left--) {
    laid.reduce((a, b) => (b.width - least(b) > a.width - least(a) ? b : a)).width--;
  }
  let start = 0;
  for (const one of laid) {
    one.width = Math.max(0, Math.min(one.width, width - start));
    start += one.width + GAP.length;
  }
  return laid.filter((one) => one.width > 0);
}
