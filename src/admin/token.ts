/** The token of the admin API: from the configuration, or made at the start and kept where only its owner can read it. */
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StartError, type ListenAddress, type UnixAddress } from '../listener.ts';

export interface TokenOptions {
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
}

/** As long as it has to be, so that nobody can guess it; characters. */
export const SHORTEST_TOKEN = 16;
const LONGEST_TOKEN = 512;

/**
 * Where the token of a listener is kept that has none in its configuration. The command line looks for it there.
 * @param at With the port it really has.
 */
export function tokenFileOf(
  at: ListenAddress | Pick<UnixAddress, 'path'>,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const name =
    'path' in at
      ? `unix-${createHash('sha256').update(at.path).digest('hex').slice(0, 16)}`
      : `${at.host.replaceAll(/[^\w.]/g, '_')}-${at.port}`;
  return join(folderOf(environment), `admin-${name}.token`);
}

function folderOf(environment: Readonly<Record<string, string | undefined>>): string {
  const runtime = environment['XDG_RUNTIME_DIR'];
  if (runtime !== undefined && runtime.startsWith('/') && isOurs(runtime)) return join(runtime, 'gyre');
  return join(tmpdir(), `gyre-${process.getuid?.() ?? 0}`);
}

/**
 * That of the configuration, or that of its file, which is made where there is none; or one in {@link tokenFileOf}, the same
 * one over restarts, so that links to the dashboard stay right.
 * @throws StartError when a file is not safe, or cannot be used.
 */
export function obtainToken(
  { token, tokenFile }: TokenOptions,
  at: ListenAddress | Pick<UnixAddress, 'path'>,
): string {
  if (token !== undefined) return token;
  const file = tokenFile ?? tokenFileOf(at);
  try {
    if (tokenFile === undefined) makeFolder(join(file, '..'));
    return readToken(file, tokenFile === undefined) ?? makeToken(file);
  } catch (error) {
    if (error instanceof StartError) throw error;
    const { message } = error as Error;
    throw new StartError(
      `the token of the admin listener cannot be kept in ${file}: ${message}`,
      'name a file that can be written: admin: {listen: …, tokenFile: FILE}',
      error,
    );
  }
}

/** Takes away what {@link obtainToken} has made. */
export function forgetToken(at: ListenAddress | Pick<UnixAddress, 'path'>): void {
  rmSync(tokenFileOf(at), { force: true });
}

function makeFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (isOurs(folder)) return;
  throw new StartError(
    `${folder} is not a folder of ours alone, so the token of the admin listener is not safe there`,
    'remove it, or name another file: admin: {listen: …, tokenFile: FILE}',
  );
}

/** A folder, not a link to one, that nobody else can read or write. */
function isOurs(folder: string): boolean {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  return found !== undefined && found.isDirectory() && isPrivate(found);
}

function isPrivate({ uid, mode }: { readonly uid: number; readonly mode: number }): boolean {
  return uid === (process.getuid?.() ?? uid) && (mode & 0o077) === 0;
}

/**
 * @param own It is a file of our making: one that is not as we make them is made again.
 * @returns Undefined when there is none.
 * @throws StartError
 */
export function readToken(file: string, own = false): string | undefined {
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  const token = readFileSync(file, 'utf8').trim();
  const safe = found.isFile() && isPrivate(found);
  if (own) return safe && isToken(token) ? token : undefined;
  const open = found.isFile() && (found.mode & 0o007) !== 0;
  if (open) throw new StartError(`everyone on this host can read the token in ${file}`, `chmod 600 ${file}`);
  if (isToken(token)) return token;
  throw new StartError(
    `${file} holds no token: one has ${SHORTEST_TOKEN} to ${LONGEST_TOKEN} characters without spaces`,
    `make one: openssl rand -hex 32 > ${file}`,
  );
}

export function isToken(text: string): boolean {
  return text.length >= SHORTEST_TOKEN && text.length <= LONGEST_TOKEN && /^[\x21-\x7e]+$/.test(text);
}

/** Beside it and renamed, so that nobody reads half of it, and a link in its place leads nowhere. */
function makeToken(file: string): string {
  const token = randomBytes(32).toString('base64url');
  const beside = `${file}.${process.pid}.new`;
  try {
    writeFileSync(beside, `${token}\n`, { mode: 0o600, flag: 'wx' });
    chmodSync(beside, 0o600);
    renameSync(beside, file);
  } catch (error) {
    if (lstatSync(beside, { throwIfNoEntry: false }) !== undefined) unlinkSync(beside);
    throw error;
  }
  return token;
}
