/** What is different between two configurations, in words that hold no secret. */
import { isDeepStrictEqual } from 'node:util';
import type { ConfigChange } from '../../admin/api.ts';
import type { Config } from '../config.ts';
import { formatDuration } from '../config/duration.ts';
import { hideSecrets } from '../config/hidden.ts';
import { isTree } from '../config/layers.ts';
import { listenerKeys } from '../placed-listeners.ts';

/** Characters of a value that are shown. */
const LONGEST = 120;
/** Said with the listeners and users themselves. */
const ELSEWHERE = new Set(['limits.perListener', 'limits.users']);

/** A value that is compared as a whole. */
interface Leaf {
  readonly path: string;
  readonly value: unknown;
  /** The same without secrets. */
  readonly shown: unknown;
}

/** In the order of the new one; what was removed comes last. */
export function compareConfigs(before: Config, after: Config): ConfigChange[] {
  const old = leavesOf(before);
  const changes: ConfigChange[] = [];
  for (const [id, leaf] of leavesOf(after)) {
    const was = old.get(id);
    old.delete(id);
    if (was === undefined)
      changes.push({ path: leaf.path, kind: 'added', before: null, after: textOf(leaf) });
    else if (!isDeepStrictEqual(was.value, leaf.value)) changes.push(changed(was, leaf));
  }
  for (const leaf of old.values())
    changes.push({ path: leaf.path, kind: 'removed', before: textOf(leaf), after: null });
  return changes;
}

function changed(was: Leaf, leaf: Leaf): ConfigChange {
  const [before, after] = [textOf(was), textOf(leaf)];
  // Only the secret in it is another one, or what is beyond the text.
  return { path: leaf.path, kind: 'changed', before, after: before === after ? `${after} (changed)` : after };
}

/** By what each is known by, which for listeners is not their place in the list. */
function leavesOf(config: Config): Map<string, Leaf> {
  const leaves = new Map<string, Leaf>();
  const hidden = hideSecrets(config) as Readonly<Record<string, unknown>>;
  const keys = listenerKeys(config.listen);
  for (const [i, listener] of config.listen.entries()) {
    const limits = config.limits.perListener[i] ?? {};
    const value = { ...listener, limits };
    leaves.set(`listen ${keys[i]}`, {
      path: `listen[${i}]`,
      value,
      shown: { ...listOf(hidden['listen'])[i], limits },
    });
  }
  for (const [i, user] of config.users.entries()) {
    leaves.set(`user ${user.name}`, {
      path: `users.${user.name}`,
      value: user,
      shown: listOf(hidden['users'])[i],
    });
  }
  const { listen: _listen, users: _users, ...rest } = config;
  collect(leaves, [], rest, hidden);
  return leaves;
}

const listOf = (value: unknown): readonly object[] => value as readonly object[];

function collect(leaves: Map<string, Leaf>, steps: readonly string[], value: unknown, shown: unknown): void {
  const path = steps.join('.');
  if (value === undefined || ELSEWHERE.has(path)) return;
  if (!isTree(value) || isWhole(steps)) {
    leaves.set(path, { path, value, shown });
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    collect(leaves, [...steps, key], inner, (shown as Readonly<Record<string, unknown>> | undefined)?.[key]);
  }
}

/** Groups that make sense together only. */
const isWhole = ([first, second]: readonly string[]): boolean =>
  first === 'userCheck' ||
  first === 'echo' ||
  first === 'admin' ||
  (first === 'limits' && second !== undefined);

function textOf({ path, shown }: Leaf): string {
  if (typeof shown === 'number' && isDuration(path)) return formatDuration(shown);
  const text = typeof shown === 'string' ? shown : (JSON.stringify(shown) ?? String(shown));
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST - 1)}…`;
}

const isDuration = (path: string): boolean =>
  /^timeouts\.|^sessions\.(?:ttl|idle)$|^overload\.loopDelay$|^every\.ms$|Ms\b/.test(path);
