/** `gyre reload`: has a running gateway read its configuration again. */
import type { Command } from 'commander';
import type { ConfigChange, ReloadProblem, ReloadReport } from '../admin/api.ts';
import { humanText } from '../ops/text.ts';
import { addAdmin, adminClient, sayJson, type AdminFlags } from './admin-client.ts';
import { EXIT } from './exit.ts';
import { complain, enumerate, paint, say } from './terminal.ts';

/** Lists are read, host names are resolved, and other reloads come first. */
const DEADLINE_MS = 120_000;

const HELP = `
Prints what has changed. When anything is wrong with the new configuration, the old one stays in use as it is, all problems
are printed with file, line and column, and the exit code is 78. SIGHUP does the same, and tells it in the log.

Examples:
  gyre check --config /etc/gyre/gyre.yaml && gyre reload
  gyre reload --json | jq .changes`;

export function registerReload(program: Command): void {
  addAdmin(program.command('reload').description('have a running gateway read its configuration again'))
    .addHelpText('after', HELP)
    .action((flags: AdminFlags) => reload(flags));
}

async function reload(flags: AdminFlags): Promise<void> {
  const question = { method: 'POST', deadlineMs: DEADLINE_MS, accept: [422] } as const;
  const { json } = await adminClient(flags).ask('config/reload', question);
  const report = json as ReloadReport;
  if (flags.json) sayJson(report);
  else if (report.ok) say(changedLines(report).join('\n'));
  else complain(failedLines(report).join('\n'));
  if (!report.ok) process.exitCode = EXIT.config;
}

/** What a reload did, for people. */
export function changedLines({ changes, needsRestart }: ReloadReport): string[] {
  const restart =
    needsRestart.length === 0 ? [] : [`not in use before a restart: ${humanText(enumerate(needsRestart))}`];
  if (changes.length === 0) return ['reloaded: nothing has changed', ...restart];
  return ['reloaded:', ...changes.map((change) => `  ${changeLine(change)}`), ...restart];
}

function changeLine({ path, kind, before, after }: ConfigChange): string {
  if (kind === 'added') return humanText(`+ ${path}${after === null ? '' : `: ${after}`}`);
  if (kind === 'removed') return humanText(`- ${path}${before === null ? '' : `: ${before}`}`);
  return humanText(
    `~ ${path}${before === null && after === null ? '' : `: ${before ?? '-'} → ${after ?? '-'}`}`,
  );
}

/** Like a compiler: the place first. */
export function failedLines({ problems }: Pick<ReloadReport, 'problems'>): string[] {
  return [
    ...problems.flatMap(problemLines),
    `${paint('red', 'gyre:')} the configuration was not reloaded; the one before is still in use, unchanged`,
  ];
}

function problemLines({ where, message, hint }: ReloadProblem): string[] {
  const line = `${paint('bold', `${humanText(where)}:`)} ${humanText(message)}`;
  return hint === null ? [line] : [line, `  ${paint('cyan', 'hint:')} ${humanText(hint)}`];
}
