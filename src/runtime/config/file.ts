/** The configuration file: YAML 1.2, of which JSON is a part, and where in it everything stands. */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { isMap, isNode, isPair, isScalar, isSeq, LineCounter, parseDocument, type Document } from 'yaml';
import { isTree, type Locate } from './layers.ts';
import { ConfigError, type Problem } from './problem.ts';
import { syntaxProblems } from './syntax.ts';

/** Bytes; a file larger than this is not a configuration. */
export const LARGEST_FILE: number = 1 << 20;

export interface ConfigFile {
  /** As the user gave it. */
  readonly path: string;
  /** Maps, lists and scalars. A key without a value counts as not written. */
  readonly tree: unknown;
  readonly locate: Locate;
  /** Of what was read: see {@link fingerprint}. */
  readonly fingerprint: string;
  /** Its permissions let every user of this host read it. */
  readonly readableByAll: boolean;
  /** What is wrong with the text although it could be read: keys given twice, and the like. */
  readonly problems: readonly Problem[];
}

/** @throws {ConfigError} The file cannot be read, or is no YAML. */
export function readConfigFile(path: string): ConfigFile {
  const { bytes, mode } = readBytes(path);
  return {
    ...parseConfigFile(path, decode(path, bytes)),
    fingerprint: fingerprint(bytes),
    readableByAll: (mode & 0o004) !== 0,
  };
}

/** The same for the same content of a file, of which {@link LARGEST_FILE} and one byte more are looked at. */
export function fingerprint(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64');
}

/**
 * @param path Only for the places in errors.
 * @throws {ConfigError}
 */
export function parseConfigFile(
  path: string,
  text: string,
): Omit<ConfigFile, 'fingerprint' | 'readableByAll'> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' });
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  const { fatal, problems } = syntaxProblems(document, text, place);
  if (fatal) throw new ConfigError(problems);
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    throw unreadable(path, 'the configuration file is empty', 'write at least: pool: 127.0.0.2-127.0.0.9');
  }
  const locate: Locate = (steps, aim) => place(offsetOf(document, steps, aim));
  return { path, tree: withoutNulls(document.toJS()), locate, problems };
}

function decode(path: string, bytes: Buffer): string {
  if (bytes.length > LARGEST_FILE) {
    throw unreadable(path, 'the configuration file is larger than 1 MiB', 'is it the right file?');
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw unreadable(path, 'the configuration file is not UTF-8 text', 'is it the right file?');
  }
}

/** At most one byte more than {@link LARGEST_FILE}: the path may name something without an end. */
function readBytes(path: string): { readonly bytes: Buffer; readonly mode: number } {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const stats = fstatSync(file);
    if (stats.isDirectory()) {
      throw unreadable(path, 'the configuration file is a directory', 'name the file in it');
    }
    const bytes = Buffer.alloc(LARGEST_FILE + 1);
    let length = 0;
    for (let read = -1; read !== 0; length += read)
      read = readSync(file, bytes, length, bytes.length - length, null);
    return { bytes: bytes.subarray(0, length), mode: stats.mode };
  } catch (error) {
    throw error instanceof ConfigError ? error : notOpened(path, error as NodeJS.ErrnoException);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function notOpened(path: string, error: NodeJS.ErrnoException): ConfigError {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') {
    return unreadable(path, 'there is no such configuration file', 'check --config or GYRE_CONFIG');
  }
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    return unreadable(
      path,
      'the configuration file may not be read',
      'check its permissions and those of its folder',
    );
  }
  return unreadable(path, `the configuration file cannot be read: ${error.code ?? error.message}`);
}

function unreadable(where: string, message: string, hint?: string): ConfigError {
  return new ConfigError([{ where, message, hint }]);
}

/** Offset of the deepest node on the path that was written. */
function offsetOf(document: Document, path: readonly PropertyKey[], aim: 'value' | 'key' = 'value'): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const [index, step] of path.entries()) {
    if (isMap(node)) {
      // The last of equal keys is the one whose value counts.
      const pair = node.items.findLast(({ key }) => isScalar(key) && String(key.value) === String(step));
      if (pair === undefined) return offset;
      const last = index === path.length - 1;
      const key = startOf(pair.key) ?? offset;
      offset = last && aim === 'key' ? key : (startOf(pair.value) ?? key);
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(step)];
      if (isPair(node)) return offset;
      offset = startOf(node) ?? offset;
    } else {
      return offset;
    }
  }
  return offset;
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}

/** `users:` with every line under it commented out is no error. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutNulls(item));
  if (!isTree(value)) return value;
  const kept = Object.entries(value).filter(([, inner]) => inner !== null);
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutNulls(inner)]));
}
