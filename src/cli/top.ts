/** `gyre top`: a running gateway, live on the whole screen. */
import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { parseDuration } from '../runtime/config/duration.ts';
import { Refusal } from '../runtime/config/problem.ts';
import { addAdmin, adminClient, sayJson, type AdminClient, type AdminFlags } from './admin-client.ts';
import { say } from './terminal.ts';
import { frame, type Size } from './top/frame.ts';
import { lookOf } from './top/look.ts';
import { look } from './top/looks.ts';
import { runTop } from './top/session.ts';
import { arrive, initialState, VIEWS, type Sample, type TopState, type View } from './top/state.ts';

/** Of a picture that is not for a terminal: no line is cut there, but there is no end to wide ones either. */
const PLAIN: Size = { columns: 200, rows: 120 };
const SHORTEST_MS = 200;

const HELP = `
Keys: q quit, ? help, Tab or 1 2 3 change the table, / filters, s sorts, k cuts the selected tunnel, d drains the egress,
p pauses. Cutting and draining ask first.
What is not a terminal gets one picture as plain text, as with --once; with --json a line of JSON for each look.

Examples:
  gyre top
  gyre top --interval 5s --view egresses
  gyre top --once | head -20
  gyre top --json | jq --unbuffered .status.totals.active`;

interface TopFlags extends AdminFlags {
  readonly interval: number;
  readonly once?: true;
  readonly view: View;
  readonly filter: string;
}

export function registerTop(program: Command): void {
  addAdmin(
    program.command('top').description('a running gateway, live: totals, pools, tunnels, egresses, failures'),
  )
    .option('--interval <time>', 'between two looks', readInterval, 1000)
    .option('--once', 'one picture, then the end')
    .addOption(new Option('--view <name>', 'the table to begin with').choices(VIEWS).default('tunnels'))
    .option('--filter <text>', 'only rows with it', '')
    .addHelpText('after', HELP)
    .action((flags: TopFlags) => top(flags));
}

async function top(flags: TopFlags): Promise<void> {
  const { interval, view, filter } = flags;
  const client = adminClient(flags);
  const first = initialState(client.place.name, view, filter);
  // What is wrong with address or token is told before the screen changes.
  const sample = await look(client, first);
  const state = arrive(first, sample);
  if (flags.json) return await printLines(client, state, sample, flags);
  const { stdin: input, stdout: output } = process;
  if (flags.once || !output.isTTY || process.env['TERM'] === 'dumb')
    return await printOnce(client, state, interval);
  await runTop(state, { client, look: lookOf(output, process.env), intervalMs: interval, input, output });
}

/** Two looks: rates need them. */
async function printOnce(client: AdminClient, state: TopState, intervalMs: number): Promise<void> {
  await sleep(intervalMs);
  const second = arrive(state, await look(client, state));
  // Nobody can do anything to a row.
  const selected = { id: undefined, index: -1 };
  const { columns, isTTY } = process.stdout;
  const size = isTTY && columns > 0 ? { ...PLAIN, columns } : PLAIN;
  const lines = frame({ ...second, selected }, size, lookOf(process.stdout, process.env));
  // The last line is about keys, and the room above it empty.
  const picture = lines.slice(0, -1).map((line) => line.trimEnd());
  say(picture.join('\n').trimEnd());
}

async function printLines(
  client: AdminClient,
  state: TopState,
  first: Sample,
  { once, interval }: TopFlags,
): Promise<void> {
  for (let sample = first; ; sample = await look(client, state)) {
    sayJson(sample);
    if (once || !process.stdout.writable) return;
    await sleep(interval);
  }
}

function readInterval(text: string): number {
  try {
    return parseDuration(text, SHORTEST_MS);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new InvalidArgumentError(`${error.message}${error.hint === undefined ? '' : `; ${error.hint}`}.`);
  }
}
