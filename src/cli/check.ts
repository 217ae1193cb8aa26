/** `gyre check`: what would run, and whether it could. */
import { networkInterfaces } from 'node:os';
import type { Command } from 'commander';
import { parsePool, PoolError, poolRanges } from '../egress/expression.ts';
import { count } from '../egress/ranges.ts';
import { probe, StartError } from '../listener.ts';
import { ConfigError, type Config, type LoadedConfig } from '../runtime/config.ts';
import { formatListen } from '../runtime/config/listen.ts';
import { bindAll, fixFor, outwardDevice, type BindResult } from './bind.ts';
import { Failure } from './exit.ts';
import { addSources, loadFrom, SOURCES_HELP, warn, warnings, type SourceFlags } from './sources.ts';
import { complain, enumerate, formatCount, paint, plural, say } from './terminal.ts';

/** Addresses listed by name when many cannot be bound. */
const MOST_LISTED = 10;

const HELP = `${SOURCES_HELP}

Examples:
  gyre check --config gyre.yaml
  gyre check --bind --pool interface:eth0
  gyre check --json --config gyre.yaml | jq .pool`;

interface CheckFlags extends SourceFlags {
  readonly bind?: true;
  readonly json?: true;
}

interface Findings {
  readonly addresses: bigint;
  readonly warnings: readonly string[];
  readonly listeners: readonly StartError[];
  readonly binds: readonly BindResult[];
}

export function registerCheck(program: Command): void {
  addSources(program.command('check').description('judge a configuration without serving it'))
    .option('--bind', 'also bind every listener and every address of the pool for a moment')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action((flags: CheckFlags) => check(flags));
}

async function check(flags: CheckFlags): Promise<void> {
  let loaded: LoadedConfig;
  try {
    loaded = loadFrom(flags);
  } catch (error) {
    if (flags.json && error instanceof ConfigError)
      say(JSON.stringify({ ok: false, problems: error.problems }));
    throw error;
  }
  const findings = await examine(loaded, flags.bind === true);
  if (flags.json) say(JSON.stringify(asJson(loaded, findings, flags.bind === true)));
  else print(loaded, findings, flags.bind === true);
  const failed =
    findings.listeners.length + findings.binds.reduce((sum, { failed }) => sum + failed.length, 0);
  if (failed > 0) throw new Failure(`${plural(failed, 'address', 'addresses')} cannot be bound`);
}

async function examine(loaded: LoadedConfig, bind: boolean): Promise<Findings> {
  const { config } = loaded;
  const ranges = readPool(config);
  return {
    addresses: count(ranges),
    warnings: warnings(loaded),
    listeners: bind ? await probeAll(config) : [],
    binds: bind ? await bindAll(ranges) : [],
  };
}

function readPool({ pool }: Config): ReturnType<typeof poolRanges> {
  const ranges = poolRanges(parsePool(pool), networkInterfaces());
  if (ranges.length === 0)
    throw new PoolError('the pool is empty: its interfaces have no address to leave from', pool.join(','));
  return ranges;
}

async function probeAll({ listen, echo }: Config): Promise<StartError[]> {
  const failed: StartError[] = [];
  for (const address of echo === undefined ? listen : [...listen, echo]) {
    try {
      await probe(address);
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      failed.push(error);
    }
  }
  return failed;
}

function print(
  loaded: LoadedConfig,
  { addresses, warnings, listeners, binds }: Findings,
  bind: boolean,
): void {
  const { config, file } = loaded;
  warn(warnings);
  if (file !== undefined) say(`file        ${file}`);
  say(`listeners   ${enumerate(config.listen.map(formatListen))} (socks5, http connect)`);
  say(`pool        ${plural(addresses, 'egress address', 'egress addresses')}`);
  say(
    `rotation    ${config.strategy}, ${config.cursor === 'global' ? 'one for all' : 'one for each destination host'}`,
  );
  say(`workers     ${config.workers}`);
  say(
    `users       ${config.users.length === 0 ? 'none: no credentials are asked for' : formatCount(config.users.length)}`,
  );
  say(
    `clients     ${config.clients.allow.length === 0 ? 'from everywhere' : `from ${enumerate(config.clients.allow)}`}`,
  );
  say(`targets     ${config.targets.allowPrivate ? 'all, private ones too' : 'public ones only'}`);
  if (config.echo !== undefined) say(`echo        ${formatListen(config.echo)}`);
  for (const { message, hint } of listeners) {
    complain(
      `${paint('red', 'gyre:')} ${message}${hint === undefined ? '' : `\n  ${paint('cyan', 'hint:')} ${hint}`}`,
    );
  }
  printBinds(binds);
  const failed = listeners.length > 0 || binds.some(({ failed }) => failed.length > 0);
  const tried = binds.reduce((sum, { tried }) => sum + tried, 0);
  if (bind) say(`bound       ${plural(tried, 'address', 'addresses')} of the pool tried`);
  if (!failed) say(paint('green', 'ok', process.stdout));
}

function printBinds(binds: readonly BindResult[]): void {
  const device = outwardDevice(networkInterfaces());
  for (const result of binds) {
    const { failed } = result;
    for (const { address, code } of failed.slice(0, MOST_LISTED)) {
      complain(`${paint('red', 'gyre:')} ${address} cannot be bound: ${reason(code)}`);
    }
    if (failed.length > MOST_LISTED)
      complain(`  … and ${formatCount(failed.length - MOST_LISTED)} more of this range`);
    const fix = fixFor(result, device);
    if (fix.length > 0) complain([`  ${paint('cyan', 'hint:')} as root:`, ...fix].join('\n    '));
  }
}

function reason(code: string): string {
  switch (code) {
    case 'EADDRNOTAVAIL':
      return 'this host does not have it';
    case 'EACCES':
    case 'EPERM':
      return 'not permitted';
    case 'EADDRINUSE':
      return 'all of its ports are taken';
    case 'EAFNOSUPPORT':
      return 'this host has no IPv6';
    default:
      return code;
  }
}

function asJson({ config, file }: LoadedConfig, findings: Findings, bind: boolean): object {
  const { addresses, warnings, listeners, binds } = findings;
  const device = outwardDevice(networkInterfaces());
  const unbindable = binds.flatMap(({ failed }) => failed);
  return {
    ok: listeners.length === 0 && unbindable.length === 0,
    file,
    listen: config.listen.map(formatListen),
    // Text, as it may exceed a number.
    pool: { terms: config.pool, addresses: String(addresses) },
    strategy: config.strategy,
    cursor: config.cursor,
    workers: config.workers,
    users: config.users.length,
    clients: config.clients.allow,
    allowPrivate: config.targets.allowPrivate,
    echo: config.echo === undefined ? undefined : formatListen(config.echo),
    warnings,
    bind: bind
      ? {
          tried: binds.reduce((sum, { tried }) => sum + tried, 0),
          listeners: listeners.map(({ message, hint }) => ({ message, hint })),
          failed: unbindable,
          fix: binds.flatMap((result) => fixFor(result, device)),
        }
      : undefined,
  };
}
