/** `gyre sessions`: sticky sessions of a running gateway, pinned or dropped. */
import type { Command } from 'commander';
import type { Page, PinRequest, SessionView } from '../admin/api.ts';
import { addAdmin, adminClient, leftOut, sayJson, type AdminFlags } from './admin-client.ts';
import { readCount } from './prove.ts';
import { refuseWords } from './sub-verbs.ts';
import { sayTable, type Column } from './table.ts';
import { say } from './terminal.ts';
import { formatSpan } from './units.ts';

const LIST_HELP = `
KEY is what pin and drop take.

Examples:
  gyre sessions
  gyre sessions --filter alice
  gyre sessions --json | jq -r '.items[] | [.user, .id, .egress] | @tsv'`;

const PIN_HELP = `
The address must belong to the session's pool and be of its family. Tunnels that stand stay where they are.

Examples:
  gyre sessions pin 3f09a1c4 192.0.2.10`;

const DROP_HELP = `
Its next connection begins a new one. Tunnels that stand stay where they are.

Examples:
  gyre sessions drop 3f09a1c4`;

const GROUP_HELP = `
Without a verb it lists them.

Examples:
  gyre sessions --filter alice
  gyre sessions pin 3f09a1c4 192.0.2.10
  gyre sessions drop 3f09a1c4`;

interface ListFlags extends AdminFlags {
  readonly filter?: string;
  readonly limit: number;
}

export function registerSessions(program: Command): void {
  const sessions = program
    .command('sessions')
    .description('sticky sessions of a running gateway')
    .addHelpText('after', GROUP_HELP);
  addAdmin(sessions.command('list', { isDefault: true }).description('list them'))
    .option('--filter <text>', 'only those with it anywhere in their row')
    .option('--limit <count>', 'most sessions to print', readCount(1_000_000), 100)
    .allowExcessArguments()
    .addHelpText('after', LIST_HELP)
    .action((flags: ListFlags, command: Command) => {
      refuseWords(command);
      return list(flags);
    });
  addAdmin(sessions.command('pin').description('let a session leave from another egress'))
    .argument('<key>', 'as `gyre sessions` shows it')
    .argument('<address>', 'an egress of its pool')
    .addHelpText('after', PIN_HELP)
    .action((key: string, egress: string, flags: AdminFlags) => pin(key, egress, flags));
  addAdmin(sessions.command('drop').description('forget a session'))
    .argument('<key>', 'as `gyre sessions` shows it')
    .addHelpText('after', DROP_HELP)
    .action((key: string, flags: AdminFlags) => drop(key, flags));
}

async function list(flags: ListFlags): Promise<void> {
  const { filter, limit } = flags;
  const page = await adminClient(flags).pages<Page<SessionView>>('sessions', { q: filter }, limit);
  if (flags.json) sayJson(page);
  else sayTable(sessionColumns(Date.now()), page.items);
  leftOut(page, 'session');
}

async function pin(key: string, egress: string, flags: AdminFlags): Promise<void> {
  const body: PinRequest = { egress };
  const after = await adminClient(flags).post<SessionView>(`sessions/${encodeURIComponent(key)}/pin`, body);
  if (flags.json) sayJson(after);
  else sayTable(sessionColumns(Date.now()), [after]);
}

async function drop(key: string, flags: AdminFlags): Promise<void> {
  await adminClient(flags).delete(`sessions/${encodeURIComponent(key)}`);
  if (flags.json) sayJson({ dropped: key });
  else say('the session is forgotten');
}

/** @param now Milliseconds since the epoch. */
export const sessionColumns = (now: number): readonly Column<SessionView>[] => [
  { title: 'KEY', cell: ({ key }) => key },
  { title: 'KIND', cell: ({ kind }) => kind ?? '-', drop: 2 },
  { title: 'USER', cell: ({ user }) => user ?? '-', yields: true },
  { title: 'ID', cell: ({ id }) => id ?? '-', yields: true },
  { title: 'POOL', cell: ({ pool }) => pool ?? '-', yields: true, drop: 3 },
  { title: 'EGRESS', cell: ({ egress }) => egress ?? '-' },
  { title: 'AGE', cell: ({ firstUse }) => formatSpan(now - firstUse), right: true, drop: 1 },
  { title: 'IDLE', cell: ({ lastUse }) => formatSpan(now - lastUse), right: true, drop: 4 },
  {
    title: 'ENDS IN',
    cell: ({ expiresAt }) => (expiresAt === null ? 'never' : formatSpan(expiresAt - now)),
    right: true,
  },
];
