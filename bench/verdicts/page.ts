/** What the scripts here write into docs/protocols.md. */
import { FAILURES } from '../../src/errors.ts';

/** Where a table stands in the page. */
export type Place = 'verdicts' | 'failures';

/** Replaces what stands between the marks of a place. @throws Error when they are not there. */
export function replaced(page: string, place: Place, text: string): string {
  const opening = `<!-- ${place} -->`;
  const from = page.indexOf(opening);
  const to = page.indexOf(`<!-- /${place} -->`);
  if (from === -1 || to < from) throw new Error(`docs/protocols.md has no marks for ${place}`);
  return `${page.slice(0, from + opening.length)}\n\n${text}\n\n${page.slice(to)}`;
}

/** What stands between the marks of a place. */
export function standing(page: string, place: Place): string {
  const [, text = ''] = new RegExp(`<!-- ${place} -->([^]*)<!-- /${place} -->`).exec(page) ?? [];
  return text.trim();
}

const hex = (byte: number): string => byte.toString(16).toUpperCase().padStart(2, '0');

/** Every failure, with what each protocol says of it. */
export function failureTable(): string {
  return table(
    ['code', 'blame', 'SOCKS5', 'SOCKS4', 'HTTP', 'Proxy-Status', 'meaning'],
    Object.entries(FAILURES).map(([code, { blame, socks5, http, proxyStatus, reason }]) => [
      `\`${code}\``,
      blame,
      hex(socks5),
      '5B',
      String(http),
      `\`${proxyStatus}\``,
      reason,
    ]),
  );
}

/** A table of Markdown. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('<', '&lt;')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
