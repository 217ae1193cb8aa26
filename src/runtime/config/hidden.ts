/** The configuration for people to look at: complete, but for what is secret in it. */
import { parsePool } from '../../egress/expression/expression.ts';
import type { Config } from '../config.ts';

const HIDDEN = '***';
/** Wherever they stand. */
const SECRETS: ReadonlySet<string> = new Set(['password', 'passwordHash', 'token']);

/** A copy as plain data: passwords, their hashes and tokens are `***`; what is not limited (`Infinity`) is null. */
export function hideSecrets(config: Config): unknown {
  const { pool, pools, userCheck } = config;
  const shown = {
    ...config,
    pool: termsOf(pool),
    pools: Object.fromEntries(Object.entries(pools).map(([name, terms]) => [name, termsOf(terms)])),
    userCheck: userCheck && { ...userCheck, url: hideInUrl(userCheck.url) },
  };
  return copy(shown);
}

/** A URL among them may hold a password, a command an argument that is one. */
function termsOf(expression: readonly string[]): string[] {
  return parsePool(expression).map(({ text }) => text);
}

function hideInUrl(text: string): string {
  const url = new URL(text);
  if (url.username !== '') url.username = HIDDEN;
  if (url.password !== '') url.password = HIDDEN;
  if (url.search !== '') url.search = HIDDEN;
  return url.href;
}

function copy(value: unknown, key = ''): unknown {
  if (SECRETS.has(key) && value !== undefined) return HIDDEN;
  if (Array.isArray(value)) return value.map((item) => copy(item));
  if (typeof value === 'number' && !Number.isFinite(value)) return null;
  if (typeof value !== 'object' || value === null) return value ?? null;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, copy(inner, name)]));
}
