/** How many columns of a terminal a text takes. */

/** Taken twice as wide by terminals: East Asian scripts, full-width forms, and what is shown as an emoji. */
const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]/u;
/** Standing on the letter before. */
const NO_WIDTH = /^[\p{Mn}\p{Me}]+$/u;
const ASCII = /^[ -~]*$/;

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** Of text without control characters. */
export function widthOf(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += widthOfOne(segment);
  return width;
}

/** The longest beginning that fits, with the mark at its end when something is missing. */
export function clip(text: string, width: number, mark: string = '…'): string {
  if (widthOf(text) <= width) return text;
  let [kept, used] = ['', widthOf(mark)];
  if (used > width) return '';
  for (const { segment } of graphemes.segment(text)) {
    used += widthOfOne(segment);
    if (used > width) break;
    kept += segment;
  }
  return kept + mark;
}

/** Exactly so wide, by clipping or by blanks. */
export function fit(text: string, width: number, mark?: string): string {
  const clipped = clip(text, width, mark);
  return clipped + ' '.repeat(width - widthOf(clipped));
}

/** As {@link fit}, with the blanks before it. */
export function fitRight(text: string, width: number, mark?: string): string {
  const clipped = clip(text, width, mark);
  return ' '.repeat(width - widthOf(clipped)) + clipped;
}

/** Letters as people count them: with their accents, and emoji as one. */
export function graphemesOf(text: string): string[] {
  return Array.from(graphemes.segment(text), ({ segment }) => segment);
}

function widthOfOne(grapheme: string): number {
  if (NO_WIDTH.test(grapheme)) return 0;
  return WIDE.test(grapheme) ? 2 : 1;
}
