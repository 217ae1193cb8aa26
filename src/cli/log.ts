/** `gyre log`: the latest lines of a running gateway's log, and those to come. */
import { Option, type Command } from 'commander';
import type { LogLine } from '../admin/api.ts';
import { humanEvent } from '../ops/event.ts';
import { addAdmin, adminClient, sayJson, type AdminFlags, type AdminClient } from './admin-client.ts';
import { Failure } from './exit.ts';
import { readCount } from './prove.ts';
import { say } from './terminal.ts';

const LEVELS: readonly LogLine['level'][] = ['error', 'warn', 'info', 'debug'];

const HELP = `
What the gateway's own level (log.level) leaves out is not there. Access lines are not part of it.

Examples:
  gyre log
  gyre log --level warn --limit 1000
  gyre log --follow
  gyre log --follow --json | jq -c 'select(.level == "error")'`;

interface LogFlags extends AdminFlags {
  readonly follow?: true;
  readonly level: LogLine['level'];
  readonly limit: number;
}

export function registerLog(program: Command): void {
  addAdmin(program.command('log').description("the latest lines of a running gateway's log"))
    .option('-f, --follow', 'then go on with every new line, until Ctrl-C; with --json one object a line')
    .addOption(new Option('--level <level>', 'this level and worse').choices(LEVELS).default('debug'))
    .option('--limit <count>', 'most lines to begin with', readCount(1000), 100)
    .addHelpText('after', HELP)
    .action((flags: LogFlags) => log(flags));
}

async function log(flags: LogFlags): Promise<void> {
  const client = adminClient(flags);
  const print = flags.json ? sayJson : (line: LogLine): void => say(formatLogLine(line, colours()));
  if (!flags.follow) {
    const lines = await latest(client, flags);
    if (flags.json) sayJson(lines);
    else lines.forEach(print);
    return;
  }
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  process.stdout.once('error', () => stop.abort());
  try {
    await follow(client, flags, print, stop.signal);
    if (!stop.signal.aborted)
      throw new Failure('the gateway has ended the log: it stops, or this reader was too slow');
  } finally {
    stop.abort();
  }
}

/** Listening begins before the latest lines are asked for, so that none is lost between; none is printed twice. */
async function follow(
  client: AdminClient,
  flags: LogFlags,
  print: (line: LogLine) => void,
  signal: AbortSignal,
): Promise<void> {
  const events = await client.events('log', signal);
  const lines = await latest(client, flags);
  lines.forEach(print);
  const printed = new Set(lines.map((line) => JSON.stringify(line)));
  for await (const { data } of events) {
    const line = JSON.parse(data) as LogLine;
    const wanted = LEVELS.indexOf(line.level) <= LEVELS.indexOf(flags.level);
    if (wanted && !printed.delete(JSON.stringify(line))) print(line);
  }
}

function latest(client: AdminClient, { limit, level }: LogFlags): Promise<readonly LogLine[]> {
  return client.get<readonly LogLine[]>('log', { limit, level });
}

export function formatLogLine({ at, level, message, fields }: LogLine, colour: boolean): string {
  return humanEvent({ at, level, message, fields }, { stacks: false, colour });
}

const colours = (): boolean => process.stdout.isTTY && process.stdout.hasColors();
