/** What a terminal sends for keys. */

export type Key =
  | 'up'
  | 'down'
  | 'pageup'
  | 'pagedown'
  | 'home'
  | 'end'
  | 'tab'
  | 'backtab'
  | 'enter'
  | 'escape'
  | 'backspace'
  | 'ctrl-c'
  | 'ctrl-u'
  | 'ctrl-z'
  | 'ctrl-l'
  /** A printable character. */
  | { readonly char: string };

const SEQUENCES: Readonly<Record<string, Key>> = {
  '[A': 'up',
  OA: 'up',
  '[B': 'down',
  OB: 'down',
  '[5~': 'pageup',
  '[6~': 'pagedown',
  '[H': 'home',
  OH: 'home',
  '[1~': 'home',
  '[F': 'end',
  OF: 'end',
  '[4~': 'end',
  '[Z': 'backtab',
};

const CONTROLS: Readonly<Record<string, Key>> = {
  '\t': 'tab',
  '\r': 'enter',
  '\n': 'enter',
  '\x7f': 'backspace',
  '\b': 'backspace',
  '\x03': 'ctrl-c',
  '\x0c': 'ctrl-l',
  '\x15': 'ctrl-u',
  '\x1a': 'ctrl-z',
};

/** Control sequences (ECMA-48, CSI and SS3), a lone escape, or one character. */
const TOKEN = /\x1b(?:\[[0-9;?]*[ -/]*[@-~]|O[A-Za-z])|\x1b|[^]/gu;

/** The keys of one read. Sequences nobody knows are no keys at all, and never the letters they end with. */
export function keysOf(text: string): Key[] {
  return Array.from(text.matchAll(TOKEN), ([token]) => keyOf(token)).filter((key) => key !== undefined);
}

function keyOf(token: string): Key | undefined {
  if (token === '\x1b') return 'escape';
  if (token.startsWith('\x1b')) return SEQUENCES[token.slice(1)];
  const control = CONTROLS[token];
  if (control !== undefined) return control;
  return /^[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]$/u.test(token) ? undefined : { char: token };
}
