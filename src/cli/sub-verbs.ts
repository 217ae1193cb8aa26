/** Commands with verbs of their own, of which one is meant when none is named. */
import type { Command } from 'commander';
import { didYouMean } from '../runtime/config/problem.ts';

/**
 * For the default verb of a group: what stands behind it is the name of another verb, misspelled.
 * @throws {CommanderError}
 */
export function refuseWords(verb: Command): void {
  const [word] = verb.args;
  const group = verb.parent;
  if (word === undefined || group === null) return;
  const known = group.commands.map((command) => command.name());
  const meant = didYouMean(word, known)?.replace(/^did you mean/, 'Did you mean');
  group.error(
    `error: unknown command '${word}'${meant === undefined ? `; there are ${known.join(', ')}` : `\n(${meant})`}`,
  );
}
