/** `gyre tunnels`: live tunnels of a running gateway, listed and cut. */
import { Option, type Command } from 'commander';
import type { CutAnswer, CutRequest, TunnelFilter, TunnelPage } from '../admin/api.ts';
import { addAdmin, adminClient, leftOut, sayJson, type AdminFlags } from './admin-client.ts';
import { EXIT, Failure } from './exit.ts';
import { readCount } from './prove.ts';
import { refuseWords } from './sub-verbs.ts';
import { sayTable } from './table.ts';
import { complain, enumerate, plural, say } from './terminal.ts';
import { tunnelColumns } from './tunnel-columns.ts';

const INBOUND = ['socks5', 'socks4', 'http-connect', 'http-forward'];
const SORTS = ['age', 'sent', 'received'];
/** The most the API gives. */
const MOST = 1000;

const LIST_HELP = `
All that is given must hold. UP is from client to target, DOWN back, both up to a second late.

Examples:
  gyre tunnels
  gyre tunnels --user alice --sort received
  gyre tunnels --target example.com:443 --limit 1000
  gyre tunnels --filter 192.0.2. --json | jq '.items[].id'`;

const CUT_HELP = `
Both sides are closed. It wants a filter, all of which must hold, or --all.

Examples:
  gyre tunnels cut --id 2-81
  gyre tunnels cut --user alice --target example.com
  gyre tunnels cut --egress 192.0.2.10
  gyre tunnels cut --all`;

const GROUP_HELP = `
Without a verb it lists them.

Examples:
  gyre tunnels --user alice
  gyre tunnels --sort received --limit 20
  gyre tunnels cut --egress 192.0.2.10`;

interface FilterFlags
  extends
    AdminFlags,
    Pick<TunnelFilter, 'id' | 'user' | 'client' | 'target' | 'egress' | 'session' | 'inbound'> {
  readonly filter?: string;
}

interface ListFlags extends FilterFlags {
  readonly sort: string;
  readonly limit: number;
}

interface CutFlags extends FilterFlags {
  readonly all?: true;
}

export function registerTunnels(program: Command): void {
  const tunnels = program
    .command('tunnels')
    .description('live tunnels of a running gateway')
    .addHelpText('after', GROUP_HELP);
  addFilter(addAdmin(tunnels.command('list', { isDefault: true }).description('list them')))
    .addOption(
      new Option('--sort <by>', 'the longest, or those with most bytes, first').choices(SORTS).default('age'),
    )
    .option('--limit <count>', 'most tunnels to print', readCount(MOST), 100)
    .allowExcessArguments()
    .addHelpText('after', LIST_HELP)
    .action((flags: ListFlags, command: Command) => {
      refuseWords(command);
      return list(flags);
    });
  addFilter(addAdmin(tunnels.command('cut').description('cut them, and say how many')))
    .option('--all', 'every tunnel there is')
    .addHelpText('after', CUT_HELP)
    .action((flags: CutFlags) => cut(flags));
}

function addFilter(command: Command): Command {
  return command
    .option('--id <id>', 'the tunnel of this id')
    .option('--user <name>', 'tunnels of a user')
    .option('--client <address>', 'of a client address')
    .option('--target <host[:port]>', 'to a host, or to one port of it')
    .option('--egress <address>', 'leaving from an egress')
    .option('--session <id>', 'of a sticky session')
    .addOption(new Option('--inbound <protocol>', 'by what the client speaks').choices(INBOUND))
    .option('--filter <text>', 'with this anywhere in client, user, target, egress or session');
}

async function list(flags: ListFlags): Promise<void> {
  const { sort, limit } = flags;
  const page = await adminClient(flags).get<TunnelPage>('tunnels', { ...filterOf(flags), sort, limit });
  if (flags.json) sayJson(page);
  else sayTable(tunnelColumns(Date.now()), page.items);
  leftOut(page, 'tunnel');
  const silent = page.silent.map(String);
  if (silent.length > 0)
    complain(
      `gyre: ${silent.length === 1 ? 'thread' : 'threads'} ${enumerate(silent)} did not answer: tunnels are missing`,
    );
}

async function cut(flags: CutFlags): Promise<void> {
  const filter = filterOf(flags);
  if (Object.keys(filter).length === 0 && flags.all === undefined) {
    throw new Failure(
      'tunnels cut wants to know which ones',
      'say for example --id 2-81 or --user alice, or --all for every one',
      EXIT.usage,
    );
  }
  if (Object.keys(filter).length > 0 && flags.all) {
    throw new Failure('--all and a filter contradict each other', 'leave one of them out', EXIT.usage);
  }
  const body: CutRequest = flags.all ? { all: true } : filter;
  const answer = await adminClient(flags).post<CutAnswer>('tunnels/cut', body);
  if (flags.json) sayJson(answer);
  else say(answer.cut === 0 ? 'no tunnel matches: none was cut' : `${plural(answer.cut, 'tunnel')} cut`);
}

/** Only what is given. An empty text would match everything, and is nothing that anybody means. */
function filterOf({ id, user, client, target, egress, session, inbound, filter }: FilterFlags): TunnelFilter {
  const all = { id, user, client, target, egress, session, inbound, q: filter };
  const given = Object.entries(all).filter(([, value]) => value !== undefined);
  const empty = given.find(([, value]) => value === '');
  if (empty !== undefined)
    throw new Failure(`--${empty[0] === 'q' ? 'filter' : empty[0]} is empty`, undefined, EXIT.usage);
  return Object.fromEntries(given);
}
