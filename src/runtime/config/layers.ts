/** Flags over environment over file: one tree of options, and for every value the place it came from. */
import type { ConfigFile } from './file.ts';

export type Tree = Readonly<Record<string, unknown>>;

/** One option given outside the file. */
export interface Setting {
  /** Keys from the root: `['log', 'level']`. */
  readonly path: readonly string[];
  readonly value: unknown;
  /** As the user knows it: `--log-level`, `GYRE_LOG_LEVEL`. */
  readonly where: string;
  /** A list that comes before the items that are there, instead of replacing them. */
  readonly before?: true | undefined;
}

/** Says where the value, or with `'key'` the key, at a path was written. */
export type Locate = (path: readonly PropertyKey[], aim?: 'value' | 'key') => string;

export interface Layers {
  readonly tree: unknown;
  readonly locate: Locate;
}

/** @param settings The strongest last. A setting replaces what stood there, lists as well, unless it says otherwise. */
export function layer(file: ConfigFile | undefined, settings: readonly Setting[]): Layers {
  const root: unknown = file === undefined ? {} : file.tree;
  const tree = isTree(root) ? spread(structuredClone(root)) : root;
  const places = new Map<string, string>();
  /** How many items were put before those of the file. */
  const shifts = new Map<string, number>();
  for (const { path, value, where, before } of settings) {
    const key = path.join('.');
    const there = before === true ? valueAt(tree, path) : undefined;
    if (before !== true || there === undefined) {
      if (put(tree, path, value)) places.set(key, where);
      continue;
    }
    const items = value as readonly unknown[];
    put(tree, path, [...items, ...(Array.isArray(there) ? there : [there])]);
    for (const index of items.keys()) places.set(`${key}.${index}`, where);
    shifts.set(key, items.length);
  }
  const locate: Locate = (path, aim) => {
    for (let length = path.length; length > 0; length--) {
      const where = places.get(path.slice(0, length).join('.'));
      if (where !== undefined) return where;
    }
    return file?.locate(asInFile(path, shifts), aim) ?? spell(path);
  };
  return { tree, locate };
}

/** An option in its short form, as the object it stands for, so that there is a place for what others say of it. */
function spread({ admin, ...tree }: Tree): Tree {
  if (admin === undefined) return tree;
  return { ...tree, admin: isTree(admin) || Array.isArray(admin) ? admin : { listen: admin } };
}

function asInFile(path: readonly PropertyKey[], shifts: ReadonlyMap<string, number>): PropertyKey[] {
  return path.map((step, index) =>
    typeof step === 'number' ? step - (shifts.get(path.slice(0, index).join('.')) ?? 0) : step,
  );
}

/** @returns Undefined where there is nothing, whatever the reason. */
export function valueAt(tree: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (node, step) => (node as Record<PropertyKey, unknown> | null | undefined)?.[step],
    tree,
  );
}

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A path as one writes it in code: `users[0].name`. */
export function spell(path: readonly PropertyKey[]): string {
  const text = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('');
  return text.replace(/^\./, '') || 'options';
}

/** @returns false when something that holds no keys is in the way; that is an error of the file and reported as such. */
function put(tree: unknown, path: readonly string[], value: unknown): boolean {
  let node: unknown = tree;
  for (const key of path.slice(0, -1)) {
    if (!isTree(node)) return false;
    const branch: Record<string, unknown> = node;
    // An empty `log:` in a file is null.
    branch[key] ??= {};
    node = branch[key];
  }
  if (!isTree(node)) return false;
  (node as Record<string, unknown>)[path.at(-1)!] = value;
  return true;
}
