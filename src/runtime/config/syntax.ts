/**
 * What the YAML parser found, in plain words.
 *
 * Its own sentences are for people who know YAML, and some of them quote the text at fault, which may be a password.
 * So nothing of the text is repeated here but names of keys, and a line of it is shown only when no password can stand there.
 */
import { isAlias, isNode, isScalar, visit, type Document, type ErrorCode } from 'yaml';
import type { Problem } from './problem.ts';
import { jsonSchema } from './schema.ts';

/** One slip of the pen makes the parser stumble over everything after it. */
const MOST_PROBLEMS = 5;

const TEXT_IN_QUOTES = "put the text in quotes, like '…'";

const MESSAGES: Partial<Record<ErrorCode, readonly [message: string, hint?: string]>> = {
  BAD_DQ_ESCAPE: [
    'a backslash in double quotes starts an escape that does not exist',
    'write \'…\' instead of "…"',
  ],
  BAD_INDENT: ['the indentation is uneven', 'keys of one group start in the same column'],
  BAD_SCALAR_START: ['a text may not start with this character', TEXT_IN_QUOTES],
  BLOCK_AS_IMPLICIT_KEY: [
    'there are two keys on one line',
    'give each key a line of its own, or put the text in quotes',
  ],
  DUPLICATE_KEY: ['this key is given twice', 'leave one of the two out'],
  MISSING_CHAR: [
    'something is missing here',
    'a quote, a bracket, a comma or a colon may have been left out before this place',
  ],
  MULTIPLE_DOCS: ['a second document starts here', 'leave out the line ---'],
  MULTILINE_IMPLICIT_KEY: ['a key may not run over several lines', 'is there a colon or a quote missing?'],
  TAB_AS_INDENT: ['the line is indented with a tab', 'use spaces'],
  UNEXPECTED_TOKEN: ['this does not belong here', TEXT_IN_QUOTES],
};

/** Every key a configuration can have. */
const KEYS = new Set([...JSON.stringify(jsonSchema()).matchAll(/"(\w+)":\{/g)].map(([, key]) => key!));

export interface SyntaxProblems {
  readonly problems: readonly Problem[];
  /** The values cannot be trusted to be what the user meant. */
  readonly fatal: boolean;
}

/** @param place Offset → `file:line:column`. */
export function syntaxProblems(
  document: Document,
  text: string,
  place: (offset: number) => string,
): SyntaxProblems {
  const problems = document.errors.slice(0, MOST_PROBLEMS).map(({ code, pos: [offset] }) => {
    const [message, hint] =
      code === 'DUPLICATE_KEY' ? twice(text.slice(offset)) : reading(code, text, offset);
    return { where: place(offset), message, hint, frame: frame(text, offset) };
  });
  const tricks = [...indirections(document, place), ...oddKeys(document, place)];
  const fatal = tricks.length > 0 || document.errors.some(({ code }) => code !== 'DUPLICATE_KEY');
  return { fatal, problems: [...problems, ...tricks] };
}

/** Only words of ours are repeated: what stands where a key should may be a piece of a password that went over two lines. */
function twice(rest: string): readonly [string, string] {
  const key = /^["']?(\w{1,40})["']?\s*:/.exec(rest)?.[1] ?? '';
  return [`the key ${KEYS.has(key) ? key : 'here'} is given twice`, 'leave one of the two out'];
}

function reading(code: ErrorCode, text: string, offset: number): readonly [message: string, hint?: string] {
  const line = lineAt(text, offset).text;
  const bracketed = /\[[\da-f:.]+\]:\d+/i.exec(line)?.[0];
  if (bracketed !== undefined)
    return ['brackets start a list here', `put the address in quotes: '${bracketed}'`];
  if (/:\s*-\s*$/.test(line)) return ['a lone dash starts a list here', "put it in quotes: '-'"];
  return MESSAGES[code] ?? ['this is not valid YAML', TEXT_IN_QUOTES];
}

/** Tags, anchors and aliases: no option needs them, and `!192.0.2.1` or `*secret` without quotes is one by accident. */
function indirections(document: Document, place: (offset: number) => string): Problem[] {
  const problems: Problem[] = [];
  const found = (offset: number, sign: string, what: string): void => {
    const hint = sign === '!' ? "put it in quotes, for example '!192.0.2.5'" : TEXT_IN_QUOTES;
    problems.push({ where: place(offset), message: `an unquoted ${sign} makes ${what} of the text`, hint });
  };
  visit(document, (_key, node) => {
    if (!isNode(node)) return;
    const offset = node.range?.[0] ?? 0;
    if (isAlias(node)) found(offset, '*', 'an alias');
    else if (node.anchor !== undefined) found(offset, '&', 'an anchor');
    else if (node.tag?.startsWith('!') === true) found(offset, '!', 'a tag');
  });
  return problems;
}

/**
 * `{password: a,b}` is a password `a` and a key `b` without a value: left to itself, half a password would count. And a
 * key that is a list or a group of keys is not one of ours, and may have a password in it.
 */
function oddKeys(document: Document, place: (offset: number) => string): Problem[] {
  const problems: Problem[] = [];
  visit(document, {
    Map(_key, { items, flow }) {
      const found = items.find(({ key, value }) => !isScalar(key) || (flow === true && value === null));
      if (found === undefined) return;
      const offset = isNode(found.key) ? (found.key.range?.[0] ?? 0) : 0;
      const message = isScalar(found.key)
        ? 'between { and } a comma ends a text, and what stands here has no value'
        : 'a key has to be a word';
      problems.push({ where: place(offset), message, hint: TEXT_IN_QUOTES });
    },
  });
  return problems.slice(0, MOST_PROBLEMS);
}

/** The line and a caret under the place. */
function frame(text: string, offset: number): string | undefined {
  const line = lineAt(text, offset);
  if (line.text.trim() === '' || line.text.length > 160 || mayHoldPassword(text, offset)) return undefined;
  return `${line.text.replaceAll('\t', ' ')}\n${' '.repeat(offset - line.start)}^`;
}

function lineAt(text: string, offset: number): { readonly text: string; readonly start: number } {
  const start = offset === 0 ? 0 : text.lastIndexOf('\n', offset - 1) + 1;
  const end = text.indexOf('\n', start);
  return { text: text.slice(start, end === -1 ? undefined : end).replace(/\r$/, ''), start };
}

/** A quote left open, or a block of text, carries a password over many lines: what follows a password is not shown either. */
function mayHoldPassword(text: string, offset: number): boolean {
  const { start, text: line } = lineAt(text, offset);
  const lines = text.slice(0, start + line.length).split('\n');
  const isTop = (line: string): boolean => /^[a-zA-Z]\w*:/.test(line);
  const section = lines.slice(Math.max(0, lines.slice(0, -1).findLastIndex(isTop)));
  return section.some((line) => /pass|users?\b/i.test(line));
}
