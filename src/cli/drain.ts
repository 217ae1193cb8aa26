/** `gyre drain`: tells a running gateway to stop as SIGTERM does. */
import { InvalidArgumentError, type Command } from 'commander';
import type { DrainRequest, Status } from '../admin/api.ts';
import { parseDuration } from '../runtime/config/duration.ts';
import { Refusal } from '../runtime/config/problem.ts';
import { addAdmin, adminClient, sayJson, type AdminFlags } from './admin-client.ts';
import { plural, say } from './terminal.ts';
import { formatSpan } from './units.ts';

const HELP = `
It stops accepting at once and is no longer ready; tunnels may go on until the deadline, then it ends with 0. The command
does not wait for that.

Examples:
  gyre drain
  gyre drain --deadline 5m
  gyre drain --deadline 0s      cut everything now`;

interface DrainFlags extends AdminFlags {
  readonly deadline?: number;
}

export function registerDrain(program: Command): void {
  addAdmin(
    program
      .command('drain')
      .description('tell a running gateway to stop: no new clients, tunnels run to the deadline'),
  )
    .option(
      '--deadline <time>',
      'how long tunnels may go on (default: timeouts.drain of the configuration)',
      readDeadline,
    )
    .addHelpText('after', HELP)
    .action((flags: DrainFlags) => drain(flags));
}

async function drain(flags: DrainFlags): Promise<void> {
  const client = adminClient(flags);
  const { totals } = await client.get<Status>('status');
  const body: DrainRequest = flags.deadline === undefined ? {} : { deadlineMs: flags.deadline };
  const answer = await client.post<unknown>('drain', body);
  if (flags.json) sayJson(answer ?? body);
  else say(drainLine(totals.active, flags.deadline));
}

export function drainLine(active: number, deadlineMs: number | undefined): string {
  if (active === 0) return 'the gateway drains: it has no connections, and ends';
  const time = deadlineMs === undefined ? 'the time of timeouts.drain' : formatSpan(deadlineMs);
  return `the gateway drains: ${plural(active, 'connection')} may take ${time} to end`;
}

function readDeadline(text: string): number {
  try {
    return parseDuration(text, 0);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new InvalidArgumentError(`${error.message}${error.hint === undefined ? '' : `; ${error.hint}`}.`);
  }
}
