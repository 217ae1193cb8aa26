/** Sorting the rows of a table by one of its columns. */

export interface Order {
  readonly by: string;
  readonly down: boolean;
}

/** What a click on a column does: the first time the large ones first, then the other way round. */
export function toggled(order: Order, by: string): Order {
  return { by, down: order.by === by ? !order.down : true };
}

/** Stable; texts with numbers in them by their numbers, so that 127.0.0.10 comes after 127.0.0.9. */
export function ordered<Row>(
  rows: readonly Row[],
  order: Order,
  valueOf: (row: Row, by: string) => string | number,
): Row[] {
  const sign = order.down ? -1 : 1;
  return rows.toSorted((a, b) => sign * compare(valueOf(a, order.by), valueOf(b, order.by)));
}

const COLLATOR = new Intl.Collator('en', { numeric: true });

function compare(a: string | number, b: string | number): number {
  return typeof a === 'number' && typeof b === 'number' ? a - b : COLLATOR.compare(String(a), String(b));
}
