/** The tail of the log: which lines are shown, and how. */
import type { LogLine } from '../../admin/api.ts';

export type Level = LogLine['level'];

/** The gravest first. */
export const LEVELS: readonly Level[] = ['error', 'warn', 'info', 'debug'];
/** Kept in the page. */
export const LINES_KEPT = 1000;

/** @param level The least grave that is shown. @param words All must be somewhere in the line, whatever the case. */
export function visibleLines(lines: readonly LogLine[], level: Level, words: string): LogLine[] {
  const grave = LEVELS.indexOf(level);
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  return lines.filter((line) => {
    if (LEVELS.indexOf(line.level) > grave) return false;
    const text = `${line.message} ${fieldsText(line.fields)}`.toLowerCase();
    return wanted.every((word) => text.includes(word));
  });
}

/** `egress=192.0.2.7 code=EGRESS_NOT_ON_HOST` */
export function fieldsText(fields: LogLine['fields']): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
}

/** The latest lines only, the new ones last. */
export function appended(lines: readonly LogLine[], more: readonly LogLine[]): LogLine[] {
  return [...lines, ...more].slice(-LINES_KEPT);
}
