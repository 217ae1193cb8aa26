/** `gyre pool list`: the egresses of a running gateway. */
import { Option, type Command } from 'commander';
import type { EgressView, Page } from '../admin/api.ts';
import { addAdmin, adminClient, leftOut, sayJson, type AdminFlags } from './admin-client.ts';
import { egressColumns } from './egress-columns.ts';
import { readCount } from './prove.ts';
import { sayTable } from './table.ts';

const HELP = `
PORTS are the source ports left to one destination. A block of addresses is one row, under its first address.

Examples:
  gyre pool list
  gyre pool list --state down
  gyre pool list --pool mobile --filter 192.0.2. --limit 1000
  gyre pool list --json | jq -r '.items[].address'`;

interface ListFlags extends AdminFlags {
  readonly pool?: string;
  readonly state?: string;
  readonly filter?: string;
  readonly limit: number;
}

/** @param pool The command `pool`. */
export function registerPoolList(pool: Command): void {
  addAdmin(
    pool.command('list').description('the egresses of a running gateway, with state, tunnels and ports'),
  )
    .option('--pool <name>', 'only those of one pool')
    .addOption(
      new Option('--state <state>', 'only those in one state').choices(['new', 'up', 'down', 'draining']),
    )
    .option('--filter <text>', 'only those with it anywhere in their row')
    .option('--limit <count>', 'most egresses to print', readCount(1_000_000), 100)
    .addHelpText('after', HELP)
    .action((flags: ListFlags) => list(flags));
}

async function list(flags: ListFlags): Promise<void> {
  const { pool, state, filter, limit } = flags;
  const page = await adminClient(flags).pages<Page<EgressView>>(
    'egresses',
    { pool, state, q: filter },
    limit,
  );
  if (flags.json) sayJson(page);
  else sayTable(egressColumns(Date.now()), page.items);
  leftOut(page, 'egress', 'egresses');
}
