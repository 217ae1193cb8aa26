/** The environment variables, and which option each of them sets. */
import type { Setting } from './layers.ts';
import { didYouMean, type Problem } from './problem.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface EnvironmentSettings {
  readonly settings: readonly Setting[];
  /** `GYRE_CONFIG`. */
  readonly file: string | undefined;
  readonly notes: readonly string[];
  readonly problems: readonly Problem[];
}

type Read = (text: string) => unknown;

const asText: Read = (text) => text.trim();
const asList: Read = (text) => text.split(',').map((item) => item.trim());
/** What is no number stays text, so that the check of the option can say what it expected. */
export const asNumber: Read = (text) => (/^\s*\d+\s*$/.test(text) ? Number(text) : text);
const asFlag: Read = (text) => {
  if (/^\s*(1|true|yes|on)\s*$/i.test(text)) return true;
  return /^\s*(0|false|no|off)\s*$/i.test(text) ? false : text;
};
const asUsers: Read = (text) => [readUser(text)];

/** Every variable with its option. `--help` lists them too. */
export const VARIABLES: Readonly<Record<string, { readonly path: readonly string[]; readonly read: Read }>> =
  {
    GYRE_LISTEN: { path: ['listen'], read: asList },
    GYRE_TLS_CERT: { path: ['tls', 'cert'], read: asText },
    GYRE_TLS_KEY: { path: ['tls', 'key'], read: asText },
    // The pool expression parts itself at its commas: a URL may have some of its own.
    GYRE_POOL: { path: ['pool'], read: asText },
    GYRE_STRATEGY: { path: ['strategy'], read: asText },
    GYRE_EVERY: { path: ['every'], read: asNumber },
    GYRE_CURSOR: { path: ['cursor'], read: asText },
    GYRE_WORKERS: { path: ['workers'], read: asNumber },
    GYRE_USER: { path: ['users'], read: asUsers },
    GYRE_USERS_FILE: { path: ['usersFile'], read: asText },
    GYRE_MAX_CONNECTIONS: { path: ['limits', 'all', 'connections'], read: asNumber },
    GYRE_ALLOW_PRIVATE: { path: ['targets', 'allowPrivate'], read: asFlag },
    GYRE_OPEN_RELAY: { path: ['openRelay'], read: asFlag },
    GYRE_LOG_LEVEL: { path: ['log', 'level'], read: asText },
    GYRE_LOG_FORMAT: { path: ['log', 'format'], read: asText },
    GYRE_ACCESS_LOG: { path: ['log', 'access'], read: asText },
    GYRE_ECHO: { path: ['echo'], read: asText },
    GYRE_ADMIN: { path: ['admin', 'listen'], read: asText },
    GYRE_ADMIN_TOKEN: { path: ['admin', 'token'], read: asText },
  };

/** Names other programs use, each with the variable of ours that is stronger. */
const LEGACY = { IP_POOL: 'GYRE_POOL', LISTEN_ADDR: 'GYRE_LISTEN' } as const;

/**
 * An empty variable counts as not set, as everywhere in container files.
 * @param environment `process.env`.
 */
export function readEnvironment(environment: Environment): EnvironmentSettings {
  const given = (name: string): string | undefined =>
    environment[name]?.trim() === '' ? undefined : environment[name];
  const notes: string[] = unknownVariables(environment);
  const problems: Problem[] = [];
  const settings: Setting[] = [];
  const add = (variable: string, text: string, where: string): void => {
    const { path, read } = VARIABLES[variable]!;
    settings.push({ path, value: read(text), where });
  };
  /** The weaker first: a later setting replaces an earlier one. */
  const both = (legacy: string, old: string | undefined, variable: string): void => {
    const text = given(variable);
    if (old !== undefined) add(variable, old, legacy);
    if (text !== undefined) add(variable, text, variable);
    if (old !== undefined && text !== undefined && old !== text) {
      notes.push(`${variable} and ${legacy} differ: ${variable} is used`);
    }
  };

  for (const [legacy, variable] of Object.entries(LEGACY)) both(legacy, given(legacy), variable);
  both('PROXY_USER', legacyUser(environment, problems), 'GYRE_USER');
  const paired = new Set<string>([...Object.values(LEGACY), 'GYRE_USER']);
  for (const variable of Object.keys(VARIABLES)) {
    const text = paired.has(variable) ? undefined : given(variable);
    if (text !== undefined) add(variable, text, variable);
  }
  return { settings, file: given('GYRE_CONFIG'), notes, problems };
}

/**
 * `NAME:PASSWORD`, parted at the first colon. Without a colon there is no password, and what stands there is shown nowhere:
 * it may be one.
 */
export function readUser(text: string): { readonly name: string; readonly password: string } | undefined {
  const colon = text.indexOf(':');
  return colon === -1 ? undefined : { name: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** One user out of `PROXY_USER` and `PROXY_PASS`, as `GYRE_USER` would be written. */
function legacyUser(environment: Environment, problems: Problem[]): string | undefined {
  const [name, password] = [environment['PROXY_USER'], environment['PROXY_PASS']].map(
    (text) => text || undefined,
  );
  if (name !== undefined && password !== undefined) {
    if (!name.includes(':')) return `${name}:${password}`;
    problems.push({
      where: 'PROXY_USER',
      message: 'a user name may not have a colon in it',
      hint: undefined,
    });
  } else if (name !== undefined || password !== undefined) {
    const [there, missing] = name === undefined ? ['PROXY_PASS', 'PROXY_USER'] : ['PROXY_USER', 'PROXY_PASS'];
    const message = `${there} is set but ${missing} is not`;
    problems.push({ where: there, message, hint: `set both for one user with a password, or neither` });
  }
  return undefined;
}

function unknownVariables(environment: Environment): string[] {
  const known = [...Object.keys(VARIABLES), 'GYRE_CONFIG'];
  return Object.keys(environment)
    .filter((name) => name.startsWith('GYRE_') && !known.includes(name))
    .map((name) => {
      const hint = didYouMean(name, known);
      return `the environment variable ${name} is not known and has no effect${hint === undefined ? '' : `; ${hint}`}`;
    });
}
