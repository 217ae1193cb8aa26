/** Where the admin listener of a running gateway is, and the token for it. */
import { isIP } from 'node:net';
import { readToken, tokenFileOf } from '../admin/token.ts';
import type { ListenAddress, UnixAddress } from '../runtime/config.ts';
import { readConfigFile } from '../runtime/config/file.ts';
import { isTree } from '../runtime/config/layers.ts';
import { formatAt, parseListens } from '../runtime/config/listen.ts';
import { Refusal } from '../runtime/config/problem.ts';
import { EXIT, Failure } from './exit.ts';
import { hideArguments } from './hide.ts';

/** What every command takes that talks to a running gateway. */
export interface AdminFlags {
  readonly admin?: string;
  readonly tokenFile?: string;
  readonly config?: string;
  readonly json?: true;
}

export interface AdminPlace {
  /** For sentences: `127.0.0.1:1082`, `unix:/run/gyre/admin.sock`, `https://proxy.example/gyre/`. */
  readonly name: string;
  /** What paths are appended to; it ends with a slash. */
  readonly url: URL;
  /** The socket file to ask instead of the URL's host. */
  readonly socketPath: string | undefined;
  readonly token: string | undefined;
  /** Where the token came from, or where it was looked for. */
  readonly tokenSource: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

interface Written {
  readonly at: ListenAddress | UnixAddress | undefined;
  readonly name: string;
  readonly url: URL;
  /** Of the link that `gyre dashboard` prints. */
  readonly token?: string | undefined;
}

interface Configured {
  readonly listen: string | undefined;
  readonly token: string | undefined;
  readonly tokenFile: string | undefined;
}

export const DEFAULT_ADMIN = '127.0.0.1:1082';

/**
 * `--admin` before GYRE_ADMIN before the configuration before 127.0.0.1:1082; and for the token GYRE_ADMIN_TOKEN before
 * `--token-file` before the configuration before the file a gateway on this host leaves its own in.
 * @throws {Failure | ConfigError}
 */
export function findAdmin(flags: AdminFlags, environment: Environment = process.env): AdminPlace {
  const given = (name: string): string | undefined => environment[name]?.trim() || undefined;
  const config = configured(flags.config ?? given('GYRE_CONFIG'));
  const fromEnvironment = given('GYRE_ADMIN');
  const text =
    flags.admin ??
    (fromEnvironment === 'off' ? undefined : fromEnvironment) ??
    config.listen ??
    DEFAULT_ADMIN;
  const written = readPlace(text);
  const socketPath = written.at !== undefined && 'path' in written.at ? written.at.path : undefined;
  const { url, name } = written;
  return { name, url, socketPath, ...findToken(written, flags, config, given('GYRE_ADMIN_TOKEN')) };
}

function findToken(
  { at, token }: Written,
  { tokenFile }: AdminFlags,
  config: Configured,
  fromEnvironment: string | undefined,
): Pick<AdminPlace, 'token' | 'tokenSource'> {
  if (token !== undefined) return { token, tokenSource: 'the link' };
  if (fromEnvironment !== undefined) return { token: fromEnvironment, tokenSource: 'GYRE_ADMIN_TOKEN' };
  if (tokenFile !== undefined) return { token: namedToken(tokenFile), tokenSource: tokenFile };
  if (config.token !== undefined) return { token: config.token, tokenSource: 'the configuration' };
  if (config.tokenFile !== undefined)
    return { token: namedToken(config.tokenFile), tokenSource: config.tokenFile };
  // Without a token the gateway says that it wants one, and then there are words for it.
  if (at === undefined) return { token: undefined, tokenSource: '' };
  // A service has no runtime folder of a user, and whoever asks it may have one.
  const files = [tokenFileOf(at), tokenFileOf(at, {})];
  const found = files.find((file) => keptToken(file) !== undefined) ?? files[0]!;
  return { token: keptToken(found), tokenSource: found };
}

/** @throws {Failure | StartError} */
function namedToken(file: string): string {
  let cause = 'it is not there';
  try {
    const token = readToken(file);
    if (token !== undefined) return token;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    cause = code;
  }
  throw new Failure(
    `the token file ${file} cannot be read: ${cause}`,
    'name the file that admin.tokenFile names, and run as a user who may read it',
  );
}

/** One that Gyre has made itself. */
function keptToken(file: string): string | undefined {
  try {
    return readToken(file, true);
  } catch {
    return undefined;
  }
}

/** Only what is needed: the rest of the file may be wrong, or want what only the gateway's command line says. */
function configured(path: string | undefined): Configured {
  const tree = path === undefined ? undefined : readConfigFile(path).tree;
  const admin = isTree(tree) ? tree['admin'] : undefined;
  const text = (value: unknown): string | undefined =>
    typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
  if (!isTree(admin)) return { listen: ifOn(text(admin)), token: undefined, tokenFile: undefined };
  return {
    listen: ifOn(text(admin['listen'])),
    token: text(admin['token']),
    tokenFile: text(admin['tokenFile']),
  };
}

const ifOn = (listen: string | undefined): string | undefined => (listen === 'off' ? undefined : listen);

function readPlace(text: string): Written {
  if (/^https?:\/\//i.test(text)) return readLink(text);
  try {
    const [{ at, tls }] = parseListens(text) as [{ at: ListenAddress | UnixAddress; tls: boolean }];
    if (tls) throw new Refusal(`${text} has TLS, which the admin listener does not speak`);
    if ('path' in at) return { at, name: formatAt(at), url: new URL('http://localhost/') };
    if (at.port === 0) {
      throw new Refusal('port 0 lets the kernel choose the port, so nobody knows it here', FORMS);
    }
    const name = formatAt(reachable(at));
    return { at, name, url: new URL(`http://${name}/`) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Failure(`--admin: ${error.message}`, FORMS, EXIT.usage);
  }
}

const FORMS = 'write --admin 127.0.0.1:1082, --admin unix:/run/gyre/admin.sock or --admin http://HOST:PORT/';

/** A listener on all addresses is reached on loopback. */
function reachable({ host, port }: ListenAddress): ListenAddress {
  return { host: host === '::' || host === '0.0.0.0' ? '127.0.0.1' : host, port };
}

/** The token of a link is for the dashboard, but who has it on the clipboard may paste it here. */
function readLink(text: string): Written {
  const url = URL.parse(text);
  if (url === null) throw new Failure('--admin: this is not a URL', FORMS, EXIT.usage);
  const token = new URLSearchParams(url.hash.slice(1)).get('token') ?? undefined;
  if (token !== undefined) hideArguments(new Map([[token, '*']]));
  url.search = url.hash = url.username = url.password = '';
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  const host = url.hostname === 'localhost' ? '127.0.0.1' : url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  const plain = isIP(host) !== 0 && url.pathname === '/' && url.protocol === 'http:';
  return { at: plain ? { host, port } : undefined, name: url.href, url, token };
}
