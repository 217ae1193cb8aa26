/** `gyre check`: what would run, and whether it could. */
import type { Command } from 'commander';
import type { Family } from '../connection.ts';
import { disjoint } from '../egress/expression/disjoint.ts';
import { parsePool, PoolError } from '../egress/expression/expression.ts';
import { count } from '../egress/pool/ranges.ts';
import { probe, StartError } from '../listener.ts';
import {
  certificateFiles,
  readCertificate,
  remarks,
  type Certificate,
} from '../runtime/certificate-files.ts';
import { ConfigError, type Config, type LoadedConfig } from '../runtime/config.ts';
import { bindAll } from './bind.ts';
import { asJson, isEmpty, print, unbindable, type Findings, type PoolFindings } from './check-report.ts';
import { examineUsers } from './check-users.ts';
import { Failure } from './exit.ts';
import { probeUnix } from './probe-unix.ts';
import { complaintsOf, hasFailed, readPool } from './read-pool.ts';
import { addSources, hideSecrets, loadFrom, SOURCES_HELP, warnings, type SourceFlags } from './sources.ts';
import { plural, say } from './terminal.ts';

const HELP = `${SOURCES_HELP}

The sources of the pool and the files of certificates and users are read once. A source that fails is a note, as it may
work when the proxy runs; a pool without any address, or a certificate or users file that cannot be used, ends with 1.
Nothing listens and nothing is probed, but with --bind.

Examples:
  gyre check --config gyre.yaml
  gyre check --bind --pool interface:eth0
  gyre check --json --config gyre.yaml | jq .pool`;

interface CheckFlags extends SourceFlags {
  readonly bind?: true;
  readonly json?: true;
}

export function registerCheck(program: Command): void {
  addSources(program.command('check').description('judge a configuration without serving it'))
    .option('--bind', 'also bind every listener and every address of the pool for a moment')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action((flags: CheckFlags) => check(flags));
}

async function check(flags: CheckFlags): Promise<void> {
  hideSecrets(flags);
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
  const unusable = findings.unusable.length;
  if (unusable > 0)
    throw new Failure(`${plural(unusable, 'certificate')} cannot be used: the proxy would not start`);
  if (findings.users.unusable !== undefined)
    throw new Failure('the users cannot be used: the proxy would not start');
  const failed = findings.listeners.length + unbindable(findings).length;
  if (failed > 0) throw new Failure(`${plural(failed, 'address', 'addresses')} cannot be bound`);
  for (const { name, size } of findings.pools) {
    if (isEmpty(size))
      throw new Failure(
        `the pool${name === undefined ? '' : ` ${name}`} is empty: the proxy would not start`,
      );
  }
}

async function examine(loaded: LoadedConfig, bind: boolean): Promise<Findings> {
  const { config } = loaded;
  const named = Object.entries(config.pools);
  const pools = [await examinePool(undefined, config.pool)];
  for (const [name, expression] of named) pools.push(await examinePool(name, expression));
  const ranges = pools.flatMap((pool) => pool.ranges);
  const weighed = ranges.some(({ weight }) => weight > 1);
  const { certificates, unusable } = await readCertificates(config);
  const users = await examineUsers(config);
  return {
    pools,
    certificates,
    unusable,
    users,
    warnings: [
      ...warnings(loaded),
      ...users.warnings,
      ...certificates.flatMap((certificate) => remarks(certificate, Date.now())),
      ...pools.flatMap(({ sources }) => sources.flatMap(complaintsOf)),
      ...(weighed && config.strategy !== 'weighted'
        ? [`weights have no effect with the strategy ${config.strategy}, only with weighted`]
        : []),
    ],
    listeners: bind ? await probeAll(config) : [],
    // An address may be in several pools.
    binds: bind ? await bindAll(disjoint(ranges).kept.flat()) : [],
  };
}

/** @throws {PoolError} Also when the pool is empty, and no source can be blamed for that. */
async function examinePool(name: string | undefined, expression: readonly string[]): Promise<PoolFindings> {
  try {
    const { parts, sources } = await readPool(parsePool(expression));
    const ranges = parts.map(({ range }) => range);
    if (ranges.length === 0 && !sources.some(hasFailed))
      throw new PoolError('the pool is empty: its sources have no address to leave from', '');
    const sizeOf = (family: Family): bigint => count(ranges.filter((range) => range.family === family));
    return { name, ranges, size: { ipv4: sizeOf(4), ipv6: sizeOf(6) }, sources };
  } catch (error) {
    if (name === undefined || !(error instanceof PoolError)) throw error;
    throw new PoolError(`pool ${name}: ${error.message}`, error.term, error.hint);
  }
}

async function readCertificates({ listen }: Config): Promise<Pick<Findings, 'certificates' | 'unusable'>> {
  const certificates: Certificate[] = [];
  const unusable: StartError[] = [];
  for (const files of certificateFiles(listen)) {
    try {
      certificates.push(await readCertificate(files));
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      unusable.push(error);
    }
  }
  return { certificates, unusable };
}

async function probeAll({ listen, echo, admin }: Config): Promise<StartError[]> {
  const failed: StartError[] = [];
  const others = [...(echo === undefined ? [] : [{ at: echo }]), ...(admin === undefined ? [] : [admin])];
  for (const { at } of [...listen, ...others]) {
    try {
      await ('path' in at ? probeUnix(at.path) : probe(at));
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      failed.push(error);
    }
  }
  return failed;
}
