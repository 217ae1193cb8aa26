/** What people see: data on standard output, everything else on standard error, colours only where they show. */
import { styleText } from 'node:util';

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** One or more lines of data. */
export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** One or more lines about what happens, or what went wrong. */
export function complain(text: string): void {
  process.stderr.write(`${withoutPasswords(text)}\n`);
}

/** Mistakes are quoted, and what stands in a wrong place may be `NAME:PASSWORD@HOST`. */
function withoutPasswords(text: string): string {
  return text.replaceAll(/([^\s"'/@:=]+):[^\s"'/@]+@/g, '$1:*@');
}

/** Paints for a stream that is a terminal, unless NO_COLOR is set. */
export function paint(style: Style, text: string, stream: NodeJS.WriteStream = process.stderr): string {
  return styleText(style, text, { stream });
}

/** For `--no-color`: as if the user had set NO_COLOR, which the log respects too. */
export function withoutColor(): void {
  delete process.env['FORCE_COLOR'];
  process.env['NO_COLOR'] = '1';
}

/** A reader that has gone (`gyre pool expand … | head`) is no error. */
export function forgiveClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
}

/** `1 address`, `8 addresses`. */
export function plural(count: number | bigint, one: string, many: string = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 || count === 1n ? one : many}`;
}

/** Groups of three digits; from a quadrillion on a power of two, exact or nearly so, as prefixes are. */
export function formatCount(count: number | bigint): string {
  const exact = BigInt(count);
  if (exact < 10n ** 15n) return exact.toLocaleString('en-US');
  const bits = exact.toString(2).length - 1;
  return exact === 1n << BigInt(bits) ? `2^${bits}` : `more than 2^${bits}`;
}

/** `a`, `a and b`, `a, b and c`. */
export function enumerate(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
