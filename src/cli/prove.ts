/** `gyre prove`: requests through a running proxy, and the addresses they left from. */
import { readFileSync } from 'node:fs';
import { InvalidArgumentError, type Command } from 'commander';
import type { Credentials } from '../connection.ts';
import { startEcho } from '../ops/echo.ts';
import { EXIT, Failure } from './exit.ts';
import { hideArguments } from './hide.ts';
import { fetchAddress, parseTarget } from './fetch-address.ts';
import { formatProxy, parseProxyUrl, readCredentials, type ProxyAddress } from './proxy-url.ts';
import { ProxyRefusal } from './socks-client.ts';
import { complain, paint, plural, say } from './terminal.ts';

const HELP = `
Without --target the requests go to a listener of this command on 127.0.0.1, so the proxy must run on this host
and let clients reach loopback (gyre serve --allow-private). With --target they go to a URL that answers with the
address of its caller.

Examples:
  gyre prove
  gyre prove --session 42
  gyre prove --count 100 --concurrency 10 --proxy http://127.0.0.1:1080
  gyre prove --proxy https://localhost:1443 --proxy-cacert cert.pem
  gyre prove --proxy unix:/run/gyre.sock
  gyre prove --proxy socks5h://proxy.example:1080 --user alice:s3cret --target https://api.ipify.org`;

/** SOCKS reply 02 and HTTP 403: a rule of the proxy forbids the target. */
const DENIALS: ReadonlySet<number> = new Set([0x02, 403]);

/** What came of one request. */
export type Outcome = { readonly address: string } | { readonly error: Failure };

export interface Requests {
  readonly proxy: ProxyAddress;
  readonly target: URL;
  readonly count: number;
  /** Requests under way at once. */
  readonly concurrency: number;
  /** What to say to the user when the proxy forbids the target. */
  readonly whenDenied?: string | undefined;
}

/** Our own echo listener is on loopback, which proxies do not let clients reach unless told to. */
export const LOOPBACK_DENIED =
  'the proxy does not let clients reach loopback: start it with --allow-private, or run gyre prove with a public --target';

/** The options about the proxy a command talks to. */
export interface ProxyFlags {
  readonly proxy: string;
  readonly user?: string;
  readonly proxyCacert?: string;
  readonly proxyInsecure?: true;
}

interface ProveFlags extends ProxyFlags {
  readonly count: number;
  readonly target?: string;
  readonly concurrency: number;
  readonly session?: string;
  readonly json?: true;
}

export function registerProve(program: Command): void {
  addProxyOptions(
    program
      .command('prove')
      .description('send requests through a running proxy and show which addresses they leave from'),
    'socks5h://ADDR:PORT, http://ADDR:PORT, https://ADDR:PORT (TLS) or unix:/PATH',
  )
    .option('--count <n>', 'requests to send', readCount(1_000_000), 3)
    .option('--target <url>', 'an http or https URL that answers with the address of its caller')
    .option('--session <id>', 'ask for a sticky session: all requests leave from one address')
    .option('--concurrency <n>', 'requests under way at once', readCount(1000), 1)
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action((flags: ProveFlags) => prove(flags));
}

/** @param forms How `--proxy` may be written. */
export function addProxyOptions(command: Command, forms: string): Command {
  return command
    .option('--proxy <url>', forms, 'socks5h://127.0.0.1:1080')
    .option('--proxy-cacert <file>', 'PEM file with the authority of the proxy, for https://')
    .option('--proxy-insecure', 'take whatever certificate the proxy shows')
    .option('--user <name:password>', 'credentials for the proxy');
}

async function prove(flags: ProveFlags): Promise<void> {
  hideSecrets(flags);
  const proxy = readProxy(flags);
  const given = flags.user === undefined ? proxy.credentials : readCredentials(flags.user);
  const credentials = flags.session === undefined ? given : inSession(flags.session, given);
  const { count, concurrency } = flags;
  const target = flags.target === undefined ? undefined : parseTarget(flags.target);
  const echo = target === undefined ? await startEcho({ host: '127.0.0.1', port: 0 }) : undefined;
  try {
    const url = target ?? new URL(`http://127.0.0.1:${echo!.endpoint.port}/`);
    const outcomes = await sendAll({
      proxy: { ...proxy, credentials },
      target: url,
      count,
      concurrency,
      whenDenied: target === undefined ? LOOPBACK_DENIED : undefined,
    });
    if (flags.json) printJson(outcomes);
    else printOutcomes(outcomes);
    if (!outcomes.some((outcome) => 'address' in outcome)) {
      throw new Failure(`nothing came through ${formatProxy(proxy)}`);
    }
  } finally {
    await echo?.close();
  }
}

/** A password in `--user`, or in the URL of `--proxy`. */
export function hideSecrets({ user, proxy }: ProxyFlags): void {
  const secrets: [string, string][] = [];
  if (user?.includes(':') === true) secrets.push([user, user.replace(/:.*/s, ':*')]);
  if (proxy.includes('@')) secrets.push([proxy, proxy.replace(/\/\/.*@/s, '//*@')]);
  hideArguments(new Map(secrets));
}

/** @throws {Failure} */
export function readProxy({ proxy: url, proxyCacert, proxyInsecure }: ProxyFlags): ProxyAddress {
  const proxy = parseProxyUrl(url);
  if (proxy.tls === undefined) return proxy;
  const ca = proxyCacert === undefined ? undefined : readAuthority(proxyCacert);
  return { ...proxy, tls: { ca, verify: proxyInsecure !== true } };
}

function readAuthority(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    throw new Failure(`${path} cannot be read: ${code}`, 'check --proxy-cacert', EXIT.usage);
  }
}

/** The id goes into the user name; a proxy without users takes any name. */
function inSession(
  id: string,
  { name, password }: Credentials = { name: 'prove', password: '' },
): Credentials {
  return { name: `${name}-session-${id}`, password };
}

/** In the order of the requests. Never rejects for a request that failed. */
export async function sendAll({
  proxy,
  target,
  count,
  concurrency,
  whenDenied,
}: Requests): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  let next = 0;
  const sender = async (): Promise<void> => {
    while (next < count) {
      const index = next++;
      outcomes[index] = await send(proxy, target, whenDenied);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, count) }, sender));
  return outcomes;
}

async function send(proxy: ProxyAddress, target: URL, whenDenied: string | undefined): Promise<Outcome> {
  try {
    return { address: await fetchAddress(proxy, target) };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const denied = error instanceof ProxyRefusal && DENIALS.has(error.code);
    return { error: denied ? new Failure(error.message, whenDenied) : error };
  }
}

/** How often each address was seen, in the order in which they first were. */
export function tally(outcomes: readonly Outcome[]): Map<string, number> {
  const seen = new Map<string, number>();
  for (const outcome of outcomes) {
    if ('address' in outcome) seen.set(outcome.address, (seen.get(outcome.address) ?? 0) + 1);
  }
  return seen;
}

/** Each request while there are few, a table when addresses repeat, and every reason for a failure once. */
export function printOutcomes(outcomes: readonly Outcome[]): void {
  const seen = tally(outcomes);
  if (outcomes.length <= 20) outcomes.forEach((outcome, index) => say(requestLine(outcome, index)));
  if (outcomes.length > 20 || [...seen.values()].some((times) => times > 1)) say(table(seen));
  const passed = outcomes.filter((outcome) => 'address' in outcome).length;
  if (passed > 0) say(`${plural(passed, 'request')} left from ${plural(seen.size, 'address', 'addresses')}`);
  for (const [error, times] of reasons(outcomes)) {
    const hint = error.hint === undefined ? '' : `\n  ${paint('cyan', 'hint:')} ${error.hint}`;
    complain(`${paint('red', 'gyre:')} ${plural(times, 'request')} failed: ${error.message}${hint}`);
  }
}

function requestLine(outcome: Outcome, index: number): string {
  const number = paint('dim', `request ${index + 1}`, process.stdout);
  return `${number}  ${'address' in outcome ? paint('green', outcome.address, process.stdout) : 'failed'}`;
}

function table(seen: ReadonlyMap<string, number>): string {
  const width = Math.max(7, ...[...seen.keys()].map((address) => address.length));
  const rows = [...seen].map(([address, times]) => `${address.padEnd(width)}  ${String(times).padStart(8)}`);
  const head = paint('bold', `${'address'.padEnd(width)}  requests`, process.stdout);
  return seen.size === 0 ? '' : [head, ...rows].join('\n');
}

function reasons(outcomes: readonly Outcome[]): [Failure, number][] {
  const times = new Map<string, [Failure, number]>();
  for (const outcome of outcomes) {
    if ('address' in outcome) continue;
    const before = times.get(outcome.error.message)?.[1] ?? 0;
    times.set(outcome.error.message, [outcome.error, before + 1]);
  }
  return [...times.values()];
}

function printJson(outcomes: readonly Outcome[]): void {
  const errors = reasons(outcomes).map(([{ message, hint }, count]) => ({ message, hint, count }));
  say(JSON.stringify({ requests: outcomes.length, addresses: Object.fromEntries(tally(outcomes)), errors }));
}

/** Reads a whole number from 1 up. */
export function readCount(most: number): (text: string) => number {
  return (text) => {
    const count = /^\d{1,9}$/.test(text) ? Number(text) : 0;
    if (count < 1 || count > most)
      throw new InvalidArgumentError(`It must be a whole number from 1 to ${most}.`);
    return count;
  };
}
