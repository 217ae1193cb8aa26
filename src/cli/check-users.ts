/** The users file as `gyre check` sees it: read once, and held against the configuration. */
import { StartError } from '../listener.ts';
import type { Config } from '../runtime/config.ts';
import { didYouMean } from '../runtime/config/problem.ts';
import { UsersFile } from '../runtime/users-file.ts';

/** What there is to say about a users file. */
export interface UsersFindings {
  /** Names, in the order of the file. */
  readonly names: readonly string[];
  /** Why the proxy would not start with it. */
  readonly unusable: StartError | undefined;
  readonly warnings: readonly string[];
}

export async function examineUsers(config: Config): Promise<UsersFindings> {
  const { usersFile, users } = config;
  if (usersFile === undefined) return { names: [], unusable: undefined, warnings: [] };
  const warnings: string[] = [];
  const hear = (message: string): void => void warnings.push(message);
  const log = { error: hear, warn: hear, info: () => {}, debug: () => {} };
  try {
    const found = await new UsersFile(usersFile, log, () => {}).load();
    const names = found.map(({ name }) => name);
    const listed = new Set(users.map(({ name }) => name));
    const twice = names.find((name) => listed.has(name));
    return {
      names,
      unusable: givenTwice(twice, usersFile),
      warnings: [...warnings, ...strangers(config, names)],
    };
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    return { names: [], unusable: error, warnings };
  }
}

function givenTwice(name: string | undefined, file: string): StartError | undefined {
  if (name === undefined) return undefined;
  return new StartError(
    `the user ${JSON.stringify(name)} is in the configuration and in ${file}`,
    'leave one of the two out',
  );
}

/** Names in rules that nobody has: the file may have them later, and the external check may know them. */
function strangers({ users, userCheck, targets }: Config, fromFile: readonly string[]): string[] {
  if (userCheck !== undefined) return [];
  const known = new Set([...users.map(({ name }) => name), ...fromFile]);
  const unknown = new Set(
    targets.rules.flatMap((rule) => rule.users ?? []).filter((name) => !known.has(name)),
  );
  return [...unknown].map((name) => {
    const guess = didYouMean(name, [...known]);
    return `a rule is about the user ${JSON.stringify(name)}, and there is none${guess === undefined ? '' : `: ${guess}`}`;
  });
}
