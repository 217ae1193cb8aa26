/** `gyre status`: how a running gateway is, on one screen. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Status } from '../admin/api.ts';
import { addAdmin, adminClient, sayJson, type AdminFlags } from './admin-client.ts';
import { EXIT } from './exit.ts';
import { statusLines } from './status-lines.ts';
import { complain, paint, say } from './terminal.ts';
import { VERSION } from '../version.ts';

/** Between the two looks that rates are made of; milliseconds. */
const BETWEEN_MS = 1000;

const HELP = `
Rates are those of one second, which it takes. Exit code 0 when the gateway is ready, 1 when it is starting or draining, or
cannot be asked.

Examples:
  gyre status
  gyre status --admin unix:/run/gyre/admin.sock
  gyre status --json | jq .totals.active
  until gyre status --json >/dev/null 2>&1; do sleep 1; done`;

export function registerStatus(program: Command): void {
  addAdmin(program.command('status').description('how a running gateway is, on one screen'))
    .addHelpText('after', HELP)
    .action((flags: AdminFlags) => status(flags));
}

async function status(flags: AdminFlags): Promise<void> {
  const client = adminClient(flags);
  const before = await client.get<Status>('status');
  if (flags.json) {
    sayJson(before);
    process.exitCode = before.state === 'ready' ? EXIT.ok : EXIT.runtime;
    return;
  }
  await sleep(BETWEEN_MS);
  const now = await client.get<Status>('status');
  const { columns, isTTY } = process.stdout;
  const look = {
    ...(isTTY && columns > 0 && { width: columns }),
    paint: (style: Parameters<typeof paint>[0], text: string) => paint(style, text, process.stdout),
  };
  say(statusLines(now, before, look).join('\n'));
  if (now.version !== VERSION)
    complain(
      `${paint('yellow', 'gyre: note:')} the gateway is another version than this command, which is ${VERSION}`,
    );
  process.exitCode = now.state === 'ready' ? EXIT.ok : EXIT.runtime;
}
