/** A command line → words, the way a shell reads quotes and nothing else of what a shell does. */

/** @returns Index of the first `character` outside quotes; -1 when there is none. */
export function unquoted(text: string, character: string): number {
  let quote = '';
  for (let index = 0; index < text.length; index++) {
    const current = text[index]!;
    if (current === '\\' && quote !== "'") index++;
    else if (quote !== '') quote = current === quote ? '' : quote;
    else if (current === character) return index;
    else if (current === '"' || current === "'") quote = current;
  }
  return -1;
}

/**
 * Words are parted by white space. `'…'` takes everything as it is; in `"…"` a backslash lets `"` and `\` through;
 * outside, a backslash takes the next character as it is.
 * @returns Undefined when a quote is not closed.
 */
export function splitWords(text: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let index = 0; index < text.length; index++) {
    const current = text[index]!;
    const next = text[index + 1];
    const escapes = current === '\\' && quote !== "'" && next !== undefined;
    if (escapes && (quote === '' || next === '"' || next === '\\')) {
      word = (word ?? '') + next;
      index++;
    } else if (quote !== '') {
      if (current === quote) quote = '';
      else word += current;
    } else if (current === '"' || current === "'") {
      quote = current;
      word ??= '';
    } else if (/\s/.test(current)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + current;
  }
  if (word !== undefined) words.push(word);
  return quote === '' ? words : undefined;
}
