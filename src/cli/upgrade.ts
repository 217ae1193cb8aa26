/** `gyre upgrade`: has a running Gyre on this host start the program that is on disk now, and hand over to it. */
import { setTimeout as pause } from 'node:timers/promises';
import { InvalidArgumentError, type Command } from 'commander';
import type { LogLine, Status } from '../admin/api.ts';
import { humanText } from '../ops/text.ts';
import { addAdmin, adminClient, sayJson, type AdminClient, type AdminFlags } from './admin-client.ts';
import { Failure } from './exit.ts';
import { READY_MS } from './successor.ts';
import { say } from './terminal.ts';

const POLL_MS = 200;
/** Lines of the log that are looked through for why it failed. */
const LOG_LINES = 200;

const HELP = `
The same as SIGUSR2. The new process has the command line, variables and folder of the old one, takes over its listening
sockets, and the old one ends when its connections have, or at timeouts.drain. No connection is refused. A new process that
does not start changes nothing.
With the admin listener the command finds the process and waits until the new one answers; with --pid it only asks.

Examples:
  npm install --global gyre@latest && gyre upgrade
  gyre upgrade --pid 4711
  systemctl kill --signal=SIGUSR2 --kill-whom=main gyre`;

interface UpgradeFlags extends AdminFlags {
  readonly pid?: number;
}

export function registerUpgrade(program: Command): void {
  addAdmin(
    program.command('upgrade').description('replace a running gateway of this host by the installed version'),
  )
    .option('--pid <process>', 'process id of the gateway (default: what its admin listener says)', readPid)
    .addHelpText('after', HELP)
    .action((flags: UpgradeFlags) => upgrade(flags));
}

async function upgrade(flags: UpgradeFlags): Promise<void> {
  if (flags.pid !== undefined) {
    ask(flags.pid);
    if (flags.json) sayJson({ asked: flags.pid });
    else say(`process ${flags.pid} was asked to upgrade; its log says how that went`);
    return;
  }
  const client = adminClient(flags);
  const before = await client.get<Status>('status');
  ask(before.pid);
  const after = await successorOf(before, client);
  const { pid, version } = after;
  if (flags.json) sayJson({ before: before.pid, pid, version });
  else say(`process ${pid} (version ${humanText(version)}) serves in place of process ${before.pid}`);
}

/** @throws {Failure} */
function ask(pid: number): void {
  try {
    process.kill(pid, 'SIGUSR2');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ESRCH';
    throw new Failure(
      missing
        ? `there is no process ${pid} on this host`
        : `process ${pid} may not be told anything by this user`,
      missing
        ? 'run the command on the host of the gateway, outside of containers'
        : 'run the command as the user of the gateway, or as root',
    );
  }
}

/** What the admin listener says when another process has it. @throws {Failure} */
async function successorOf(before: Status, client: AdminClient): Promise<Status> {
  const deadline = performance.now() + READY_MS;
  while (performance.now() < deadline) {
    await pause(POLL_MS);
    const now = await client.get<Status>('status').catch((error) => {
      // Connections to the old process end in the moment of the change.
      if (performance.now() + POLL_MS < deadline) return undefined;
      throw error;
    });
    if (now !== undefined && now.pid !== before.pid) return now;
    const why = now && (await failure(client, before.now));
    if (why !== undefined) throw new Failure(why);
  }
  throw new Failure('the gateway did not say how the upgrade went', 'see its log');
}

async function failure(client: AdminClient, since: number): Promise<string | undefined> {
  const lines = await client.get<readonly LogLine[]>('log', { limit: LOG_LINES }).catch(() => []);
  const told = lines.findLast(
    ({ at, message }) => at >= since && /^(?:no upgrade:|upgrade failed)/.test(message),
  );
  return told && humanText(told.message);
}

function readPid(text: string): number {
  const pid = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(pid) || pid < 2)
    throw new InvalidArgumentError('A process id is a whole number from 2 on.');
  return pid;
}
