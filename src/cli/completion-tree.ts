/** What can be written on the command line, as plain data: commander's program, walked. */
import type { Argument, Command, Option } from 'commander';
import { STRATEGIES } from '../egress/rotation/strategies.ts';

/** What completes a value. `text`: nothing does, as only the user knows it. */
export type Values =
  | { readonly kind: 'choices'; readonly choices: readonly string[] }
  | { readonly kind: 'file' | 'folder' | 'text' };

export interface CompletedOption {
  /** `--config`, `-c`. */
  readonly names: readonly string[];
  readonly description: string;
  /** Undefined: it takes none. */
  readonly values: Values | undefined;
}

/** A command, or a group of some. */
export interface Verb {
  /** `pool expand`; empty for the program itself. */
  readonly path: string;
  readonly name: string;
  readonly description: string;
  readonly verbs: readonly Verb[];
  readonly options: readonly CompletedOption[];
  /** Of its arguments. */
  readonly values: Values;
}

/** Choices that commander does not know, since the configuration judges them. */
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  '--strategy': Object.keys(STRATEGIES),
  '--cursor': ['destination', 'global', 'user'],
  '--log-level': ['error', 'warn', 'info', 'debug'],
  '--log-format': ['auto', 'human', 'json'],
};

const TEXT: Values = { kind: 'text' };

/** @param path Without the program's own name, which is what shells complete for. */
export function verbOf(command: Command, path = ''): Verb {
  const name = command.name();
  const help = command.createHelp();
  return {
    path,
    name,
    description: command.description(),
    verbs: help.visibleCommands(command).map((inner) => verbOf(inner, `${path} ${inner.name()}`.trim())),
    options: help.visibleOptions(command).map(optionOf),
    values: argumentValues(command.registeredArguments),
  };
}

/** A verb and all below it. */
export function allVerbs(verb: Verb): Verb[] {
  return [verb, ...verb.verbs.flatMap(allVerbs)];
}

function optionOf(option: Option): CompletedOption {
  const names = [option.long, option.short].filter((name) => name !== undefined);
  const aliases = option.flags.split(/[ ,|]+/).filter((word) => /^--?[a-z]/i.test(word));
  const takes = option.required || option.optional;
  const all = [...new Set([...aliases, ...names])];
  return { names: all, description: option.description, values: takes ? valuesOf(option) : undefined };
}

function valuesOf({ long, flags, argChoices }: Option): Values {
  const choices = argChoices ?? CHOICES[long ?? ''];
  if (choices !== undefined) return { kind: 'choices', choices };
  // The placeholder says what it is: `--config <file>`.
  return byName(/[<[]([^\]>]+)[\]>]/.exec(flags)?.[1] ?? '');
}

function argumentValues([first]: readonly Argument[]): Values {
  if (first === undefined) return TEXT;
  if (first.argChoices !== undefined) return { kind: 'choices', choices: first.argChoices };
  return byName(first.name());
}

function byName(placeholder: string): Values {
  if (/^(file|target)$/.test(placeholder)) return { kind: placeholder === 'file' ? 'file' : 'text' };
  return { kind: placeholder === 'dir' ? 'folder' : 'text' };
}
