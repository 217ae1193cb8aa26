/** A tree of options as written → the configuration the program runs on, or everything that is wrong with it. */
import type { z } from 'zod';
import type { Config } from '../config.ts';
import { isTree, valueAt, type Locate } from './layers.ts';
import { ConfigError, didYouMean, quote, type Finding as RuleFinding, type Problem } from './problem.ts';
import { crossCheck, remarks } from './rules.ts';
import { options } from './schema.ts';
import { complete, type Written } from './schema-listen.ts';

interface Finding extends RuleFinding {
  /** The key is at fault, not its value. */
  readonly aim?: 'key';
}

type Issue = z.core.$ZodIssue;

/**
 * @param early What was found on the way here.
 * @throws {ConfigError} With the early problems and all others, those of a file in the order of its lines.
 */
export function compile(
  tree: unknown,
  locate: Locate,
  early: readonly Problem[],
): { readonly config: Config; readonly notes: readonly string[] } {
  const { parsed, findings } = parse(tree);
  findings.push(...crossCheck(parsed));
  const found = findings.map(({ path, aim, message, hint }) => ({ where: locate(path, aim), message, hint }));
  const problems = [...early, ...found].toSorted(byLine);
  if (problems.length > 0) throw new ConfigError(problems);
  const written = parsed as Written;
  return { config: freeze(assemble(written)), notes: remarks(written, locate, Date.now()) };
}

/** What is said of one thing in several places comes together. */
function assemble({ listen, tls, limits, ...rest }: Written): Config {
  const ofUsers = rest.users.flatMap(({ name, limits: own }) => (own === undefined ? [] : [[name, own]]));
  return {
    ...rest,
    listen: listen.map((listener) => complete(listener, tls)),
    limits: {
      ...limits,
      perListener: listen.map((listener) => listener.limits ?? {}),
      users: Object.fromEntries(ofUsers) as Config['limits']['users'],
    },
  };
}

function parse(tree: unknown): { readonly parsed: Partial<Written>; readonly findings: Finding[] } {
  if (!isTree(tree)) {
    const message = 'expected options such as pool: 192.0.2.10-192.0.2.19';
    return { parsed: {}, findings: [{ path: [], message }] };
  }
  const findings = unknownKeys(Object.keys(tree), Object.keys(options), []);
  const parsed: Record<string, unknown> = {};
  for (const [key, schema] of Object.entries(options)) {
    const value = Object.hasOwn(tree, key) ? tree[key] : undefined;
    if (key === 'pool' && value === undefined) {
      findings.push(NO_POOL);
      continue;
    }
    const result = schema.safeParse(value);
    if (result.success) parsed[key] = result.data;
    else findings.push(...result.error.issues.flatMap((issue) => explain(issue, [key], tree)));
  }
  return { parsed, findings };
}

const NO_POOL: Finding = {
  path: ['pool'],
  message: 'there is no pool: no address is given for connections to leave from',
  hint: 'for example --pool 192.0.2.10-192.0.2.19, GYRE_POOL, or pool: in the file',
};

function explain(issue: Issue, base: readonly PropertyKey[], tree: unknown): Finding[] {
  const path = [...base, ...issue.path];
  if (issue.code === 'unrecognized_keys') return unknownKeys(issue.keys, siblings(path), path);
  if (issue.code === 'invalid_key') {
    const [first] = issue.issues;
    return [{ path, aim: 'key', message: first?.message ?? issue.message }];
  }
  if (issue.code === 'invalid_union') {
    const meant = meantBranch(issue.errors);
    if (meant !== undefined) return meant.flatMap((inner) => explain(inner, path, tree));
  }
  if (issue.code === 'invalid_value') {
    const known = issue.values.map(String);
    const value = valueAt(tree, path);
    const hint = typeof value === 'string' ? didYouMean(value, known) : undefined;
    return [{ path, message: `expected ${oneOf(known)}, not ${quote(value)}`, hint }];
  }
  const [message = issue.message, hint] = issue.message.split('\n');
  return [{ path, message, hint }];
}

/** Of the ways to write an option, the one that was tried: whose type fits, or that got deepest into the value. */
function meantBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const fits = (issue: Issue): boolean =>
    issue.path.length > 0 || !['invalid_type', 'invalid_union'].includes(issue.code);
  return branches.find((issues) => issues.every(fits) && issues.length > 0) ?? deeper(branches);
}

function deeper(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  for (const branch of branches) {
    for (const issue of branch) {
      if (issue.code !== 'invalid_union') continue;
      const inner = meantBranch(issue.errors);
      if (inner !== undefined) return inner;
    }
  }
  return undefined;
}

function unknownKeys(
  keys: readonly string[],
  known: readonly string[],
  path: readonly PropertyKey[],
): Finding[] {
  return keys
    .filter((key) => !known.includes(key))
    .map((key) => {
      const guess = didYouMean(key, known);
      // Among users it may be a piece of a password with a comma in it, and what is no word is no slip of the pen.
      const secret = guess === undefined && (path[0] === 'users' || !/^[\w-]{1,40}$/.test(key));
      const message = secret ? 'unknown key' : `unknown key ${quote(key)}`;
      return { path: [...path, key], aim: 'key', message, hint: guess ?? `known here: ${known.join(', ')}` };
    });
}

/** As much of a schema as it takes to walk through it. */
interface Schema {
  readonly shape?: Readonly<Record<string, Schema>>;
  readonly def: {
    readonly innerType?: Schema;
    readonly in?: Schema;
    readonly element?: Schema;
    readonly valueType?: Schema;
    readonly options?: readonly Schema[];
  };
}

/** The keys that may stand at a path, as the schema knows them. */
function siblings([first, ...path]: readonly PropertyKey[]): string[] {
  let schemas = bare(options[first as keyof typeof options] as unknown as Schema);
  for (const step of path) schemas = schemas.flatMap((schema) => below(schema, step)).flatMap(bare);
  return schemas.flatMap(({ shape }) => Object.keys(shape ?? {}));
}

/** Without what is around it: defaults, transforms, and the choice between several. */
function bare(schema: Schema): Schema[] {
  const { innerType, in: input, options: choices } = schema.def;
  const inner = choices ?? [innerType ?? input].filter((one) => one !== undefined);
  return inner.length === 0 ? [schema] : inner.flatMap(bare);
}

function below({ shape, def: { element, valueType } }: Schema, step: PropertyKey): Schema[] {
  const next = typeof step === 'number' ? element : (shape?.[String(step)] ?? valueType);
  return next === undefined ? [] : [next];
}

function oneOf(words: readonly string[]): string {
  return words.length === 1 ? words[0]! : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

/** Problems without a line come first. The sort is stable. */
function byLine(a: Problem, b: Problem): number {
  return lineOf(a) - lineOf(b);
}

function lineOf({ where }: Problem): number {
  const [, line, column] = /:(\d+):(\d+)$/.exec(where) ?? [];
  return Number(line ?? 0) * 10_000 + Number(column ?? 0);
}

function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const inner of Object.values(value)) freeze(inner);
  return Object.freeze(value);
}
