/** `gyre users`: who may use a running gateway, and what they use of it. */
import type { Command } from 'commander';
import type { Page, UserView } from '../admin/api.ts';
import { addAdmin, adminClient, leftOut, sayJson, type AdminFlags } from './admin-client.ts';
import { readCount } from './prove.ts';
import { sayTable, type Column } from './table.ts';
import { formatCount } from './terminal.ts';
import { formatBytes, formatSpan } from './units.ts';

const HELP = `
Users of the configuration and of the users file; those an external check lets in are not known here.

Examples:
  gyre users
  gyre users --filter ali
  gyre users --json | jq -r '.items[] | select(.connections > 0) | .name'`;

interface ListFlags extends AdminFlags {
  readonly filter?: string;
  readonly limit: number;
}

export function registerUsers(program: Command): void {
  addAdmin(program.command('users').description('users of a running gateway, their connections and quotas'))
    .option('--filter <text>', 'only those with it anywhere in their row')
    .option('--limit <count>', 'most users to print', readCount(10_000_000), 100)
    .addHelpText('after', HELP)
    .action((flags: ListFlags) => list(flags));
}

async function list(flags: ListFlags): Promise<void> {
  const { filter, limit } = flags;
  const page = await adminClient(flags).pages<Page<UserView>>('users', { q: filter }, limit);
  if (flags.json) sayJson(page);
  else sayTable(userColumns(Date.now()), page.items);
  leftOut(page, 'user');
}

/** @param now Milliseconds since the epoch. */
export const userColumns = (now: number): readonly Column<UserView>[] => [
  { title: 'USER', cell: ({ name }) => name, yields: true },
  { title: 'FROM', cell: ({ source }) => source, drop: 2 },
  { title: 'POOL', cell: ({ pool, pools }) => pool ?? pools?.join(', ') ?? '-', yields: true, drop: 3 },
  { title: 'STRATEGY', cell: ({ strategy }) => strategy ?? '-', drop: 4 },
  { title: 'CONNECTIONS', cell: ({ connections }) => formatCount(connections), right: true },
  {
    title: 'QUOTA',
    cell: ({ quota }) =>
      quota === null ? '-' : `${formatBytes(quota.used)} of ${formatBytes(quota.bytes)} a ${quota.period}`,
    style: ({ quota }) => (quota !== null && quota.used >= quota.bytes ? 'red' : undefined),
  },
  {
    title: 'EXPIRES',
    cell: ({ expiresAt }) => expiryInWords(expiresAt, now),
    drop: 1,
    style: ({ expiresAt }) => (expiresAt !== null && expiresAt <= now ? 'red' : undefined),
  },
];

function expiryInWords(expiresAt: number | null, now: number): string {
  if (expiresAt === null) return 'never';
  return expiresAt <= now ? 'expired' : `in ${formatSpan(expiresAt - now)}`;
}
