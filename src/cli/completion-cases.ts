/** Parts of a `case` that bash and zsh read alike. */
import type { Values, Verb } from './completion-tree.ts';

/** From a verb and the next word to the verb that both are. */
export function stepCases(verbs: readonly Verb[]): string {
  const inner = verbs.filter(({ path }) => path !== '');
  return inner.map(({ path }) => `      '${stepTo(path)}') verb='${path}' ;;`).join('\n');
}

/** A verb as it is reached: `pool expand` from `pool`, by `expand`. A verb of the program begins with a space. */
export function stepTo(path: string): string {
  return path.includes(' ') ? path : ` ${path}`;
}

/** What completes the value behind each option. @param reply Shell commands. */
export function valueCases(verbs: readonly Verb[], reply: (values: Values) => string): string {
  const lines = verbs.flatMap(({ path, options }) =>
    options.flatMap(({ names, values }) =>
      values === undefined
        ? []
        : [`    ${names.map((name) => `'${path}:${name}'`).join('|')}) ${reply(values)}; return ;;`],
    ),
  );
  return lines.join('\n');
}
