/** A table with a caption, columns that sort, and a sentence instead of an empty body. */
import type { VNode } from 'preact';
import type { Order } from '../model/order.ts';
import { type Children, html } from './html.ts';

export interface Column<Row> {
  readonly id: string;
  readonly title: string;
  readonly cell: (row: Row) => Children;
  /** Numbers stand at the right, so that digits are under digits. */
  readonly number?: boolean;
  readonly sorts?: boolean;
  /** Left out on a narrow screen. */
  readonly minor?: boolean;
  /** The cell names the row. */
  readonly head?: boolean;
}

interface Props<Row> {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  readonly empty: Children;
  readonly order?: Order | undefined;
  readonly onOrder?: ((by: string) => void) | undefined;
  readonly showCaption?: boolean;
}

export function Table<Row>(props: Props<Row>): VNode {
  const { caption, columns, rows, keyOf, empty, showCaption = false } = props;
  if (rows.length === 0) return html`<div class="empty">${empty}</div>`;
  const row = (item: Row): VNode =>
    html`<tr role="row" key=${keyOf(item)}>
      ${columns.map((column) => cellOf(column, item))}
    </tr>`;
  // The roles are said although they go without saying: on a narrow screen rows are laid out as cards, and some browsers
  // take a table that does not look like one for none.
  return html`<div class="scroll" role="region" aria-label=${caption} tabindex="0">
    <table role="table">
      <caption class=${showCaption ? '' : 'hidden'}>
        ${caption}
      </caption>
      <thead role="rowgroup">
        <tr role="row">
          ${columns.map((column) => html`<${Head} key=${column.id} column=${column} ...${props} />`)}
        </tr>
      </thead>
      <tbody role="rowgroup">
        ${rows.map(row)}
      </tbody>
    </table>
  </div>`;
}

function Head<Row>({ column, order, onOrder }: Props<Row> & { readonly column: Column<Row> }): VNode {
  const { id, title, sorts = false } = column;
  if (!sorts || !onOrder)
    return html`<th role="columnheader" scope="col" class=${classOf(column)}>${title}</th>`;
  const here = order?.by === id;
  const direction = order?.down ? 'descending' : 'ascending';
  const arrow = here ? (order?.down ? '▼' : '▲') : '';
  return html`<th
    role="columnheader"
    scope="col"
    class=${classOf(column)}
    aria-sort=${here ? direction : 'none'}
  >
    <button class="sort" onClick=${() => onOrder(id)}>
      ${title}<span aria-hidden="true">${arrow}</span>
    </button>
  </th>`;
}

function cellOf<Row>(column: Column<Row>, row: Row): VNode {
  const { id, title, cell, head = false } = column;
  return head
    ? html`<th role="rowheader" scope="row" key=${id} class=${classOf(column)}>${cell(row)}</th>`
    : html`<td role="cell" key=${id} data-label=${title} class=${classOf(column)}>${cell(row)}</td>`;
}

function classOf<Row>({ number = false, minor = false }: Column<Row>): string {
  return `${number ? 'number' : ''} ${minor ? 'minor' : ''}`.trim();
}
