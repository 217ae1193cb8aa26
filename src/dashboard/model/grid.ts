/** Where each address has its cell in the map, and how one gets from cell to cell. All lengths in pixels of the canvas. */

export interface Grid {
  readonly total: number;
  readonly columns: number;
  readonly rows: number;
  /** Side of a cell, the gap to the next one included; at least 1. */
  readonly cell: number;
}

/** The largest cells with which all addresses fit; more rows than fit in the height when even one pixel each is too much. */
export function layOut(total: number, width: number, height: number, largest: number): Grid {
  const wide = Math.max(1, Math.floor(width));
  let cell = Math.max(1, Math.floor(largest));
  while (cell > 1 && Math.ceil(total / columnsOf(wide, cell)) * cell > height) cell -= 1;
  const columns = columnsOf(wide, cell);
  return { total, columns, rows: Math.max(1, Math.ceil(total / columns)), cell };
}

/** The address under a point; undefined beside the map. */
export function indexAt({ total, columns, rows, cell }: Grid, x: number, y: number): number | undefined {
  const [column, row] = [Math.floor(x / cell), Math.floor(y / cell)];
  if (column < 0 || column >= columns || row < 0 || row >= rows) return undefined;
  const index = row * columns + column;
  return index < total ? index : undefined;
}

/** Where a key leads from a cell; undefined for keys that lead nowhere. */
export function step({ total, columns }: Grid, index: number, key: string): number | undefined {
  const page = columns * 10;
  const moves: Readonly<Record<string, number>> = {
    ArrowLeft: index - 1,
    ArrowRight: index + 1,
    ArrowUp: index - columns,
    ArrowDown: index + columns,
    PageUp: index - page,
    PageDown: index + page,
    Home: 0,
    End: total - 1,
  };
  const to = moves[key];
  return to === undefined ? undefined : Math.min(Math.max(to, 0), Math.max(0, total - 1));
}

/**
 * The cells around one, for the magnifier: `side` × `side` indexes, row by row, undefined where the map has ended.
 * The cell itself is in the middle.
 */
export function around({ total, columns, rows }: Grid, index: number, side: number): (number | undefined)[] {
  const half = Math.floor(side / 2);
  const [column, row] = [index % columns, Math.floor(index / columns)];
  return Array.from({ length: side * side }, (_, at) => {
    const [x, y] = [column - half + (at % side), row - half + Math.floor(at / side)];
    const found = y * columns + x;
    return x >= 0 && x < columns && y >= 0 && y < rows && found < total ? found : undefined;
  });
}

function columnsOf(width: number, cell: number): number {
  return Math.max(1, Math.floor(width / cell));
}
