/** `gyre dashboard`: the link to the dashboard of a running gateway, with its token. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Status } from '../admin/api.ts';
import { addAdmin, adminClient, sayJson, type AdminFlags } from './admin-client.ts';
import type { AdminPlace } from './admin-place.ts';
import { Failure } from './exit.ts';
import { complain, say } from './terminal.ts';

/** A browser that was not running takes its time. */
const READ_WITHIN_S = 60;

const HELP = `
The token behind the # never leaves the browser but as the password of its requests. Whoever has the link has the gateway:
do not pass it on.

Examples:
  gyre dashboard
  gyre dashboard --open
  ssh -L 1082:127.0.0.1:1082 proxy.example gyre dashboard`;

interface DashboardFlags extends AdminFlags {
  readonly open?: true;
}

export function registerDashboard(program: Command): void {
  addAdmin(program.command('dashboard').description("print the link to a running gateway's dashboard"))
    .option('--open', 'open it in the browser (xdg-open)')
    .addHelpText('after', HELP)
    .action((flags: DashboardFlags) => dashboard(flags));
}

async function dashboard(flags: DashboardFlags): Promise<void> {
  const client = adminClient(flags);
  if (client.place.socketPath !== undefined) {
    throw new Failure(
      `no browser opens ${client.place.name}`,
      'give the admin listener an address, admin: 127.0.0.1:1082, or forward one to it: ssh -L 1082:/PATH HOST',
    );
  }
  // Who gets a link from here gets one that works.
  await client.get<Status>('status');
  const url = dashboardLink(client.place);
  if (flags.json) sayJson({ url });
  else say(url);
  if (flags.open) await open(url);
}

export function dashboardLink({ url, token }: Pick<AdminPlace, 'url' | 'token'>): string {
  return token === undefined ? url.href : `${url.href}#token=${encodeURIComponent(token)}`;
}

/** By a page that leads there: other users of this host see the arguments of programs, but not this file. */
async function open(url: string): Promise<void> {
  const folder = mkdtempSync(join(process.env['XDG_RUNTIME_DIR'] || tmpdir(), 'gyre-dashboard-'));
  const page = join(folder, 'open.html');
  const safe = url.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
  writeFileSync(page, `<!doctype html><meta http-equiv="refresh" content="0; url=${safe}">\n`, {
    mode: 0o600,
  });
  const program = spawn('xdg-open', [page], { stdio: 'ignore', detached: true });
  const { promise, resolve } = Promise.withResolvers<number | null>();
  program.on('error', () => resolve(null)).on('exit', resolve);
  const code = await promise;
  if (code === 0) return removeLater(folder);
  rmSync(folder, { recursive: true });
  complain('gyre: no browser could be opened (xdg-open); open the link yourself');
}

/** The browser reads the page when it is there at last, which nobody tells us. */
function removeLater(folder: string): void {
  const words = ['-c', `sleep ${READ_WITHIN_S}; rm -r "$1"`, 'sh', folder];
  spawn('sh', words, { stdio: 'ignore', detached: true })
    .on('error', () => {})
    .unref();
}
