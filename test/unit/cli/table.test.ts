import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { table, type Column } from '../../../src/cli/table.ts';
import { widthOf } from '../../../src/cli/text-width.ts';
import { HOSTILE } from '../../support/admin-samples.ts';

interface Row {
  readonly id: string;
  readonly name: string;
  readonly bytes: number;
  readonly note: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'ID', cell: ({ id }) => id },
  { title: 'NAME', cell: ({ name }) => name, yields: true },
  { title: 'BYTES', cell: ({ bytes }) => String(bytes), right: true },
  { title: 'NOTE', cell: ({ note }) => note, yields: true, drop: 1 },
];
const ROWS: readonly Row[] = [
  { id: '1', name: 'a.example', bytes: 5, note: '' },
  { id: '22', name: 'a-much-longer-name.example', bytes: 12_345, note: 'down since yesterday' },
];

suite('a table', () => {
  test('without a limit is whole, aligned, and has no blanks at the ends of its lines', () => {
    assert.deepEqual(table(COLUMNS, ROWS), [
      'ID  NAME                        BYTES  NOTE',
      '1   a.example                       5',
      '22  a-much-longer-name.example  12345  down since yesterday',
    ]);
  });

  test('cuts what yields, the widest first, as far as needed', () => {
    assert.deepEqual(table(COLUMNS, ROWS, { width: 42 }), [
      'ID  NAME            BYTES  NOTE',
      '1   a.example           5',
      '22  a-much-longer…  12345  down since yes…',
    ]);
  });

  test('leaves a column out before it cuts others to nothing', () => {
    assert.deepEqual(table(COLUMNS, ROWS, { width: 24, mark: '~' }), [
      'ID  NAME           BYTES',
      '1   a.example          5',
      '22  a-much-longe~  12345',
    ]);
  });

  test('without rows has its titles', () => {
    assert.deepEqual(table(COLUMNS, []), ['ID  NAME  BYTES  NOTE']);
  });

  test('paints cells without counting that as width', () => {
    const columns: Column<Row>[] = [{ title: 'ID', cell: ({ id }) => id, style: () => 'red' }, COLUMNS[1]!];
    const lines = table(columns, ROWS, { paint: (style, text) => `<${style}>${text}</>` });
    assert.deepEqual(lines, [
      '<bold>ID  NAME</>',
      '<red>1 </>  a.example',
      '<red>22</>  a-much-longer-name.example',
    ]);
  });

  test('spells control characters out', () => {
    const lines = table(COLUMNS, [{ ...ROWS[0]!, name: HOSTILE }]);
    assert.doesNotMatch(lines.join(''), /[\p{Cc}\p{Cf}\p{Cs}]/u);
    assert.match(lines[1]!, /\\u001b\[2J/);
  });

  test('is never wider than it may be', () => {
    const row = fc.record({
      id: fc.string({ maxLength: 12 }),
      name: fc.string({ unit: 'grapheme', maxLength: 60 }),
      bytes: fc.maxSafeNat(),
      note: fc.string({ unit: 'binary', maxLength: 60 }),
    });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 5 }), fc.integer({ min: 0, max: 120 }), (rows, width) => {
        for (const line of table(COLUMNS, rows, { width })) assert.ok(widthOf(line) <= width, line);
      }),
    );
  });
});
