/** What a run looks like to people. */
import type { Result } from './job.ts';

const number = (value: number): string => Math.round(value).toLocaleString('en');

const rate = ({ runs, seconds }: Result): string => number(seconds > 0 ? runs / seconds : 0);

/** One line while a target runs. */
export function counts(result: Result): string {
  const { name, runs, covered, corpus, kept = 0 } = result;
  const added = kept > 0 ? `, ${kept} added to the corpus on disk` : '';
  return `${name.padEnd(14)}${number(runs).padStart(12)} runs${rate(result).padStart(10)}/s, ${number(covered)} characters of source run, corpus ${number(corpus)}${added}`;
}

const COLUMNS: readonly (readonly [title: string, cell: (result: Result) => string])[] = [
  ['target', ({ name }) => name],
  ['runs', ({ runs }) => number(runs)],
  ['runs/s', rate],
  ['seconds', ({ seconds }) => seconds.toFixed(1)],
  ['source run', ({ covered }) => number(covered)],
  ['outcomes', ({ outcomes }) => number(outcomes)],
  ['corpus', ({ corpus }) => number(corpus)],
  ['crashes', ({ crash }) => (crash === undefined ? '0' : '1')],
];

/** The end of a run, with a line of sums. */
export function table(results: readonly Result[]): string {
  const sum = (cell: (result: Result) => number): number =>
    results.reduce((total, result) => total + cell(result), 0);
  const crashes = sum(({ crash }) => (crash === undefined ? 0 : 1));
  const rows = [
    COLUMNS.map(([title]) => title),
    ...results.map((result) => COLUMNS.map(([, cell]) => cell(result))),
    ['together', number(sum(({ runs }) => runs)), '', '', '', '', '', String(crashes)],
  ];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
        .join('  '),
    )
    .join('\n');
}
