/** What `gyre check` found, in words and as JSON. */
import { networkInterfaces } from 'node:os';
import type { SourceStatus } from '../egress/sources/feed.ts';
import type { Range } from '../egress/pool/ranges.ts';
import { STRATEGIES } from '../egress/rotation/strategies.ts';
import type { StartError } from '../listener.ts';
import type { Certificate } from '../runtime/certificate-files.ts';
import type { Config, ListenerConfig, LoadedConfig } from '../runtime/config.ts';
import { formatAt, formatListen, formatListeners } from '../runtime/config/listen.ts';
import { bindReport, fixFor, outwardDevice, type BindResult } from './bind.ts';
import { accessAsJson, accessRows } from './check-access.ts';
import type { UsersFindings } from './check-users.ts';
import { protocols } from './own-proxy.ts';
import { stateOf, statusAsJson } from './read-pool.ts';
import { warn } from './sources.ts';
import { complain, enumerate, formatCount, paint, plural, say } from './terminal.ts';

/** How many addresses there are, of each family. */
interface PoolSize {
  readonly ipv4: bigint;
  readonly ipv6: bigint;
}

/** What there is to say about one pool. */
export interface PoolFindings {
  /** Undefined for the pool of who names none. */
  readonly name: string | undefined;
  readonly ranges: readonly Range[];
  readonly size: PoolSize;
  /** One for each term. */
  readonly sources: readonly SourceStatus[];
}

export interface Findings {
  /** The nameless one first. */
  readonly pools: readonly PoolFindings[];
  /** One for each set of files that listeners with TLS show. */
  readonly certificates: readonly Certificate[];
  /** Why others cannot be used. */
  readonly unusable: readonly StartError[];
  readonly users: UsersFindings;
  readonly warnings: readonly string[];
  readonly listeners: readonly StartError[];
  readonly binds: readonly BindResult[];
}

export const isEmpty = ({ ipv4, ipv6 }: PoolSize): boolean => ipv4 + ipv6 === 0n;
export const unbindable = ({ binds }: Findings): BindResult['failed'][number][] =>
  binds.flatMap(({ failed }) => failed);

export function print({ config, file }: LoadedConfig, findings: Findings, bind: boolean): void {
  const { pools, certificates, listeners, binds } = findings;
  const row = (label: string, text: string): void => say(`${label.padEnd(10)}  ${text}`);
  warn(findings.warnings);
  if (file !== undefined) row('file', file);
  row('listeners', `${enumerate(formatListeners(config.listen))} (${protocols(config)})`);
  for (const line of conditions(config.listen)) row('', line);
  for (const { files, names, until } of certificates)
    row('TLS', `${files.cert}: for ${names}, until ${until.toISOString().slice(0, 10)}`);
  for (const { name, size, sources } of pools) {
    row(name === undefined ? 'pool' : `pool ${name}`, sizeInWords(size));
    // Addresses that are written out are what they are; of all others it is worth knowing how they do.
    for (const source of sources.filter(({ kind }) => kind !== 'span'))
      row('source', `${source.text}: ${stateOf(source)}`);
  }
  row('strategy', `${config.strategy}: ${STRATEGIES[config.strategy].summary}`);
  const detail = strategyDetail(config);
  if (detail !== undefined) row('', detail);
  row('workers', String(config.workers));
  for (const [label, text] of accessRows(config, findings.users.names)) row(label, text);
  if (config.echo !== undefined) row('echo', formatListen(config.echo));
  if (config.admin !== undefined) row('admin', `${formatAt(config.admin.at)}, ${tokenInWords(config.admin)}`);
  for (const { message, hint } of [...unusableFiles(findings), ...listeners]) {
    complain(
      `${paint('red', 'gyre:')} ${message}${hint === undefined ? '' : `\n  ${paint('cyan', 'hint:')} ${hint}`}`,
    );
  }
  printBinds(binds);
  const tried = binds.reduce((sum, { tried }) => sum + tried, 0);
  if (bind) row('bound', `${plural(tried, 'address', 'addresses')} of the pool tried`);
  if (isFine(findings)) say(paint('green', 'ok', process.stdout));
}

/** What listeners ask for before the first word of a protocol. */
function conditions(listeners: Config['listen']): string[] {
  const lines = (
    read: (listener: ListenerConfig) => string | undefined,
    say: (where: string, what: string) => string,
  ): string[] => {
    const groups = Map.groupBy(listeners, read);
    groups.delete(undefined);
    return [...groups].map(([what, group]) => say(enumerate(formatListeners(group)), what!));
  };
  return [
    ...lines(
      ({ proxyProtocol }) => proxyProtocol && enumerate(proxyProtocol),
      (where, senders) => `${where}: a PROXY header from ${senders} comes first`,
    ),
    ...lines(
      ({ tls }) => tls?.clientCa,
      (where, file) => `${where}: clients show a certificate of ${file}`,
    ),
    ...lines(
      ({ tls }) => tls?.sessionDomain,
      (where, domain) => `${where}: the server name s-ID.${domain} is a session`,
    ),
  ];
}

/** Of certificates, and of users. */
const unusableFiles = ({ unusable, users }: Findings): StartError[] =>
  users.unusable === undefined ? [...unusable] : [...unusable, users.unusable];

function isFine(findings: Findings): boolean {
  return (
    unusableFiles(findings).length + findings.listeners.length + unbindable(findings).length === 0 &&
    !findings.pools.some(({ size }) => isEmpty(size))
  );
}

/** `8 egress addresses (8 IPv4)`. */
export function sizeInWords({ ipv4, ipv6 }: PoolSize): string {
  const families = [
    ...(ipv4 > 0n ? [`${formatCount(ipv4)} IPv4`] : []),
    ...(ipv6 > 0n ? [`${formatCount(ipv6)} IPv6`] : []),
  ];
  const total = plural(ipv4 + ipv6, 'egress address', 'egress addresses');
  return families.length === 0 ? total : `${total} (${families.join(', ')})`;
}

type AdminConfig = NonNullable<Config['admin']>;

function tokenInWords({ token, tokenFile }: AdminConfig): string {
  if (token !== undefined) return 'with a token';
  return tokenFile === undefined
    ? 'with a token that is made at the start'
    : `with the token in ${tokenFile}`;
}

function adminAsJson({ at, token, tokenFile, cors, hosts, metrics }: AdminConfig): object {
  const source = token !== undefined ? 'given' : tokenFile === undefined ? 'made' : 'file';
  return { listen: formatAt(at), token: source, tokenFile, cors, hosts, metrics };
}

const SCOPES: Readonly<Record<Config['cursor'], string>> = {
  destination: 'turns are counted for each destination host',
  global: 'turns are counted together for everything',
  user: 'turns are counted for each user',
};

/** What else a strategy goes by; undefined when nothing. */
export function strategyDetail({
  strategy,
  cursor,
  hashBy,
  every,
}: Pick<Config, 'strategy' | 'cursor' | 'hashBy' | 'every'>): string | undefined {
  switch (strategy) {
    case 'round-robin':
    case 'weighted':
      return SCOPES[cursor];
    case 'hash':
      return `it goes by the ${hashBy}`;
    case 'sequential':
      return `it moves on after ${every.requests > 0 ? plural(every.requests, 'request') : `${every.ms / 1000} s`}`;
    default:
      return undefined;
  }
}

function printBinds(binds: readonly BindResult[]): void {
  const { complaints, commands } = bindReport(binds, outwardDevice(networkInterfaces()));
  for (const complaint of complaints) complain(`${paint('red', 'gyre:')} ${complaint}`);
  if (commands.length > 0) complain([`  ${paint('cyan', 'hint:')} as root:`, ...commands].join('\n    '));
}

export function asJson({ config, file }: LoadedConfig, findings: Findings, bind: boolean): object {
  const { pools, certificates, warnings, listeners, binds } = findings;
  const device = outwardDevice(networkInterfaces());
  return {
    ok: isFine(findings),
    file,
    listen: config.listen.flatMap((listener) => formatListeners([listener])),
    certificates: certificates.map(({ files, names, until }) => ({
      file: files.cert,
      names,
      expires: until.toISOString(),
    })),
    unusable: unusableFiles(findings).map(({ message, hint }) => ({ message, hint })),
    pool: poolAsJson(pools[0]!),
    pools: Object.fromEntries(pools.slice(1).map((pool) => [pool.name, poolAsJson(pool)])),
    strategy: config.strategy,
    cursor: config.cursor,
    hashBy: config.hashBy,
    every: config.every,
    workers: config.workers,
    ...accessAsJson(config, findings.users.names),
    echo: config.echo === undefined ? undefined : formatListen(config.echo),
    admin: config.admin && adminAsJson(config.admin),
    warnings,
    bind: bind
      ? {
          tried: binds.reduce((sum, { tried }) => sum + tried, 0),
          listeners: listeners.map(({ message, hint }) => ({ message, hint })),
          failed: unbindable(findings),
          fix: binds.flatMap((result) => fixFor(result, device)),
        }
      : undefined,
  };
}

/** Numbers as text, as they may exceed a number; terms without what is secret in them. */
function poolAsJson({ size: { ipv4, ipv6 }, sources }: PoolFindings): object {
  return {
    terms: sources.map(({ text }) => text),
    addresses: String(ipv4 + ipv6),
    ipv4: String(ipv4),
    ipv6: String(ipv6),
    sources: sources.map(statusAsJson),
  };
}
