/** One picture of `gyre top`. Pure: nothing that a stranger wrote reaches a line as a control character. */
import { humanText } from '../../ops/text.ts';
import { formatCount } from '../terminal.ts';
import { clip, fit, widthOf } from '../text-width.ts';
import { headerLines } from './header.ts';
import { helpLines } from './help.ts';
import { glyphs, painter, type Look } from './look.ts';
import { SORTS, VIEWS, type TopState } from './state.ts';
import { rowsOf, selectedIndex } from './views.ts';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** Before every row: which one is selected is seen without colours too. */
const MARK = 2;
/** Titles of the table and a row. */
const LEAST_TABLE = 3;

/** @returns As many lines as there are rows, none wider than the columns; the last is about keys. */
export function frame(state: TopState, { columns, rows }: Size, look: Look): string[] {
  if (columns < 1 || rows < 1) return [];
  const footer = footerLine(state, columns, look);
  if (state.help) return filled(helpLines(columns, look), rows, footer);
  const header = headerLines(state, columns, look);
  const room = rows - 2 - LEAST_TABLE;
  const kept = room < 1 ? header.slice(0, Math.max(0, Math.min(1, rows - 1))) : header.slice(0, room);
  const left = rows - kept.length - 1;
  const middle =
    left < 1 ? [] : [tabsLine(state, columns, look), ...tableLines(state, { columns, rows: left - 1 }, look)];
  return filled([...kept, ...middle], rows, footer);
}

function filled(lines: readonly string[], rows: number, footer: string): string[] {
  return [...Array.from({ length: rows - 1 }, (_, row) => lines[row] ?? ''), footer];
}

/** ` 1 Tunnels 12   2 Egresses 8   3 Failures 4   by received ▼  filter alice`. */
function tabsLine(state: TopState, columns: number, look: Look): string {
  const paint = painter(look);
  const { status, view, filter, sort, typing } = state;
  const counts = {
    tunnels: state.tunnels?.total,
    egresses: status?.pools.reduce((sum, { members }) => sum + members, 0),
    failures: status === undefined ? undefined : Object.keys(status.totals.failures).length,
  };
  const tabs = VIEWS.map((name, index) => {
    const count = counts[name];
    const title = `${name[0]!.toUpperCase()}${name.slice(1)}`;
    const text = `${index + 1} ${title}${count === undefined ? '' : ` ${formatCount(count)}`}`;
    return { text: name === view ? `[${text}]` : ` ${text} `, current: name === view };
  });
  const rest = `  by ${SORTS[view][sort[view]]} ${glyphs(look).sorted}${filter === '' || typing !== undefined ? '' : `  filter ${humanText(filter)}`}`;
  // Only what fits as a whole is painted in parts.
  const plain = tabs.map(({ text }) => text).join('') + rest;
  if (widthOf(plain) > columns) return clip(plain, columns, glyphs(look).cut);
  return (
    tabs.map(({ text, current }) => (current ? paint('bold', text) : paint('dim', text))).join('') + rest
  );
}

function tableLines(state: TopState, { columns, rows }: Size, look: Look): string[] {
  const paint = painter(look);
  const all = rowsOf(state);
  if (all.ids.length === 0)
    return rows < 1 ? [] : [paint('dim', clip(nothing(state), columns, glyphs(look).cut))];
  const room = Math.max(0, rows - 1);
  const selected = selectedIndex(state, all);
  const from = Math.max(0, Math.min(selected - Math.floor(room / 2), all.ids.length - room));
  const width = Math.max(0, columns - MARK);
  const [titles = '', ...lines] = all.lines(from, from + room, { width, paint, mark: glyphs(look).cut });
  const marked = lines.map((line, index) => {
    if (from + index !== selected) return `${' '.repeat(Math.min(MARK, columns))}${line}`;
    return paint('inverse', clip(`> ${fit(withoutStyles(line), width)}`, columns, ''));
  });
  return [`${' '.repeat(Math.min(MARK, columns))}${titles}`, ...marked].slice(0, rows);
}

function nothing({ view, filter, status }: TopState): string {
  if (status === undefined) return '  waiting for the gateway';
  const what = view === 'failures' ? 'no failures since the start' : `no ${view}`;
  return `  ${what}${filter === '' ? '' : ` with "${humanText(filter)}"`}`;
}

/** The question, the filter being typed, what went wrong, what was done; else the keys. */
function footerLine(state: TopState, columns: number, look: Look): string {
  const paint = painter(look);
  const { cut } = glyphs(look);
  const line = (text: string): string => clip(humanText(text), columns, cut);
  if (state.question !== undefined) return paint(['bold', 'yellow'], line(`${state.question.text} (y/n)`));
  if (state.typing !== undefined) {
    const end = look.unicode ? '▏' : '_';
    return paint('bold', line(`filter: ${state.filter}${end}  Enter keeps, Esc drops`));
  }
  if (state.trouble !== undefined) return paint('red', line(state.trouble));
  if (state.notice !== undefined) return paint(state.notice.bad ? 'red' : 'green', line(state.notice.text));
  return paint('dim', line(KEYS));
}

const KEYS = 'q quit  ? help  Tab view  / filter  s sort  k cut  d drain  p pause';

const withoutStyles = (line: string): string => line.replaceAll(/\x1b\[[\d;]*m/g, '');
