/** Where the addresses of a term come from when they are not written out. Syntax only: nothing is opened here. */
import { bad, quote } from './pool-error.ts';
import { splitWords } from './words.ts';

export type SourcePlace =
  | { readonly kind: 'interface'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  /** With user and password in it, if there are any. */
  | { readonly kind: 'url'; readonly url: string }
  /** A name of an interface of this host, or a MAC address in lower case. */
  | { readonly kind: 'aws'; readonly card: string }
  | { readonly kind: 'exec'; readonly command: string; readonly args: readonly string[] };

export interface ReadSource {
  readonly place: SourcePlace;
  /** What of it may be shown. */
  readonly shown: string;
  /** There is more than what may be shown. */
  readonly secret: boolean;
}

/**
 * @param core The term without `!` and options.
 * @returns Undefined for a scheme that is none of ours.
 * @throws {PoolError}
 */
export function readSource(core: string, scheme: string): ReadSource | undefined {
  const rest = core.slice(scheme.length + 1);
  switch (scheme) {
    case 'interface':
      if (rest === '') throw bad(core, 'names no interface', 'write for example interface:eth0');
      return { place: { kind: 'interface', name: rest }, shown: core, secret: false };
    case 'file':
      return readFilePath(core, rest);
    case 'http':
    case 'https':
      return readUrl(core, scheme);
    case 'aws':
      return readCard(core, rest);
    case 'exec':
      return readCommand(rest);
    default:
      return undefined;
  }
}

/** Whether text names a place as {@link readSource} reads it whose spelling may contain a comma. */
export function mayHoldCommas(text: string): boolean {
  return /^\s*!?\s*(https?|exec):/.test(text);
}

function readFilePath(core: string, rest: string): ReadSource {
  const path = rest.startsWith('///') ? rest.slice(2) : rest;
  if (!path.startsWith('/') || path.startsWith('//') || path.includes('\0')) {
    throw bad(core, 'is not a whole path', 'write it from the root, for example file:/etc/gyre/pool.txt');
  }
  if (path.endsWith('/')) throw bad(core, 'names a folder', 'name the file in it');
  return { place: { kind: 'file', path }, shown: core, secret: false };
}

function readUrl(core: string, scheme: string): ReadSource {
  const url = /^https?:\/\/[^\s\p{Cc}]+$/u.test(core) ? URL.parse(core) : null;
  // The URL itself is not shown: nobody can say where in a broken one the password stands.
  if (url === null)
    throw bad(`${scheme}:`, 'begins no valid URL', 'write for example https://lists.example/pool.txt');
  // A password with a / in it ends the host too early, and would be shown as a part of the path.
  if (`${url.pathname}${url.search}${url.hash}`.includes('@')) {
    throw bad(`${scheme}:`, 'begins a URL with an @ behind its host', 'write / as %2F and @ as %40 there');
  }
  const shown = `${url.protocol}//${url.host}${url.pathname}`;
  return { place: { kind: 'url', url: url.href }, shown, secret: true };
}

function readCard(core: string, rest: string): ReadSource {
  const isMac = /^[\da-f]{2}(:[\da-f]{2}){5}$/i.test(rest);
  if (!isMac && !/^[^\s/:]{1,15}$/.test(rest)) {
    throw bad(
      core,
      'names no network card',
      'write its interface or its MAC address, for example aws:eth0 or aws:0a:1b:2c:3d:4e:5f',
    );
  }
  return { place: { kind: 'aws', card: isMac ? rest.toLowerCase() : rest }, shown: core, secret: false };
}

function readCommand(rest: string): ReadSource {
  const words = splitWords(rest);
  if (words === undefined) throw bad('exec:', 'has a quote that is not closed', 'close it');
  const [command = '', ...args] = words;
  if (command === '')
    throw bad('exec:', 'names no command', 'write for example exec:/usr/local/bin/addresses');
  if (rest.includes('\0')) throw bad('exec:', 'has a NUL in its command', 'leave it out');
  const shown = /^[\w./-]+$/.test(command) ? command : quote(command);
  // Arguments are where commands take their passwords and tokens.
  return { place: { kind: 'exec', command, args }, shown: `exec:${shown}`, secret: true };
}
