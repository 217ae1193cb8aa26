/** `gyre doctor`: whether this host can do what the configuration asks for, and the commands that make it so. */
import type { Command } from 'commander';
import { disjoint } from '../egress/expression/disjoint.ts';
import { parsePool } from '../egress/expression/expression.ts';
import { ConfigError, type LoadedConfig } from '../runtime/config.ts';
import { bindAll } from './bind.ts';
import { examineAll, type NamedFinding } from './doctor/checks.ts';
import type { Patient } from './doctor/finding.ts';
import { hostedAddresses } from './doctor/interfaces.ts';
import { LocalRoutes } from './doctor/local-routes.ts';
import { systemAt } from './doctor/system.ts';
import { Failure } from './exit.ts';
import { complaintsOf, readPool } from './read-pool.ts';
import { addSources, hideSecrets, loadFrom, SOURCES_HELP, type SourceFlags } from './sources.ts';
import { paint, plural, say } from './terminal.ts';

const HELP = `${SOURCES_HELP}

Binds every address of the pools for a moment (of large prefixes a sample), reads the settings of the kernel that matter,
and asks the name servers of the configuration. Nothing is changed: each finding comes with the commands for root that
mend it. Settings made by sysctl -w and ip last until the next start of the host: see docs/operations.md for keeping them.
Ends with 1 when something fails; what is only a warning does not.

Examples:
  gyre doctor --config /etc/gyre/gyre.yaml
  gyre doctor --pool 2001:db8:1::/64
  gyre doctor --json --config gyre.yaml | jq '.findings[] | select(.state == "fail")'`;

interface DoctorFlags extends SourceFlags {
  readonly json?: true;
}

export function registerDoctor(program: Command): void {
  addSources(
    program.command('doctor').description('examine this host: addresses, routes, limits and settings'),
  )
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action((flags: DoctorFlags) => doctor(flags));
}

async function doctor(flags: DoctorFlags): Promise<void> {
  hideSecrets(flags);
  const loaded = load(flags);
  const findings = await examineAll(await patientOf(loaded));
  const failed = findings.filter(({ state }) => state === 'fail').length;
  if (flags.json) say(JSON.stringify({ ok: failed === 0, findings }));
  else print(findings);
  if (failed > 0)
    throw new Failure(`${plural(failed, 'finding')} to mend before the proxy works as configured`);
}

function load(flags: DoctorFlags): LoadedConfig {
  try {
    return loadFrom(flags);
  } catch (error) {
    if (flags.json && error instanceof ConfigError)
      say(JSON.stringify({ ok: false, problems: error.problems }));
    throw error;
  }
}

async function patientOf(loaded: LoadedConfig): Promise<Patient> {
  const { pool, pools } = loaded.config;
  const readings = await Promise.all(
    [pool, ...Object.values(pools)].map((terms) => readPool(parsePool(terms))),
  );
  const ranges = disjoint(readings.flatMap(({ parts }) => parts.map(({ range }) => range))).kept.flat();
  const system = systemAt();
  return {
    system,
    loaded,
    ranges,
    binds: await bindAll(ranges),
    complaints: readings.flatMap(({ sources }) => sources.flatMap(complaintsOf)),
    interfaces: hostedAddresses(),
    routes: LocalRoutes.read(system),
  };
}

const COLOURS = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

function print(findings: readonly NamedFinding[]): void {
  const width = Math.max(...findings.map(({ check }) => check.length));
  for (const { state, check, message, fix } of findings) {
    say(`${paint(COLOURS[state], state.padEnd(4), process.stdout)}  ${check.padEnd(width)}  ${message}`);
    for (const line of fix) say(`${' '.repeat(width + 10)}${line}`);
  }
  const count = (wanted: string): number => findings.filter(({ state }) => state === wanted).length;
  say(`${count('ok')} ok, ${plural(count('warn'), 'warning')}, ${count('fail')} failed`);
}
