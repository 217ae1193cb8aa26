/** What is wrong with a configuration, in words for the person who wrote it. */
import { closest, distance } from 'fastest-levenshtein';

/** One thing to correct. No field ever holds a password. */
export interface Problem {
  /** Where it stands: `gyre.yaml:12:3`, `--pool`, `GYRE_POOL`, or `timeouts.idle` for options given in code. */
  readonly where: string;
  /** What is wrong: one sentence without a full stop. */
  readonly message: string;
  /** What to write instead, where that is known. */
  readonly hint?: string | undefined;
  /** The line at fault and a caret under the place, for text that is no YAML at all. */
  readonly frame?: string | undefined;
}

/** A problem before its place is known. */
export interface Finding {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly hint?: string | undefined;
}

/** A configuration that cannot be used, with everything that is wrong with it. The command line exits with 78. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError' as const;
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(oneLine).join('\n'));
    this.problems = problems;
  }
}

/** A value that was understood well enough to say what is wrong with it; whoever knows its place makes a {@link Problem}. */
export class Refusal extends Error {
  override readonly name = 'Refusal' as const;
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

/** `did you mean …?`, when one of the known words is near enough to be what was meant. */
export function didYouMean(word: string, known: readonly string[]): string | undefined {
  if (known.length === 0 || word.length > 64) return undefined;
  const lower = word.toLowerCase();
  const nearest = closest(
    lower,
    known.map((name) => name.toLowerCase()),
  );
  // Two letters changed places, or a third of them wrong, is a slip of the fingers; more is another word.
  const slips = word.length < 6 ? 1 : Math.floor(word.length / 3);
  const swapped = letters(lower) === letters(nearest);
  const near = distance(lower, nearest) <= (swapped ? 2 : slips) || lower.startsWith(nearest);
  return near ? `did you mean ${known.find((name) => name.toLowerCase() === nearest)}?` : undefined;
}

const letters = (word: string): string => word.split('').toSorted().join('');

/** A value as people may see it in an error: quoted, and short; of lists and groups of keys nothing. */
export function quote(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'a group of keys';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`;
}

function oneLine({ where, message, hint }: Problem): string {
  return `${where}: ${message}${hint === undefined ? '' : ` (${hint})`}`;
}
