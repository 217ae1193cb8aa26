/**
 * The command line: one file a verb. Data goes to standard output, all else to standard error; exit codes are in
 * {@link file://./exit.ts}.
 */
import { Command } from 'commander';
import { registerCert } from './cert.ts';
import { registerCheck } from './check.ts';
import { report } from './exit.ts';
import { registerCompletion } from './completion.ts';
import { registerDashboard } from './dashboard.ts';
import { registerDoctor } from './doctor.ts';
import { registerDrain } from './drain.ts';
import { registerHashPassword } from './hash-password.ts';
import { registerHealthcheck } from './healthcheck.ts';
import { registerInit } from './init.ts';
import { registerLoad } from './load.ts';
import { registerLog } from './log.ts';
import { registerPool } from './pool.ts';
import { registerProve } from './prove.ts';
import { registerReload } from './reload.ts';
import { registerServe } from './serve.ts';
import { registerSessions } from './sessions.ts';
import { registerStatus } from './status.ts';
import { forgiveClosedPipes, paint, withoutColor } from './terminal.ts';
import { registerTop } from './top.ts';
import { registerTunnels } from './tunnels.ts';
import { registerUpgrade } from './upgrade.ts';
import { registerUsers } from './users.ts';
import { VERSION } from '../version.ts';

const EXAMPLES = `
Examples:
  gyre serve --pool 127.0.0.2-127.0.0.9     start; clients use socks5h://127.0.0.1:1080 or http://127.0.0.1:1080
  gyre check --bind --config gyre.yaml      would it start, and can every address be used?
  gyre top                                  what a running gateway is doing (admin listener on: --admin 127.0.0.1:1082)
  gyre prove                                which addresses do three requests leave from?
  gyre cert                                 a certificate for your own machine, for --listen tls://:1443`;

/**
 * @param argv As `process.argv`.
 * @returns The exit code.
 */
export async function main(argv: readonly string[]): Promise<number> {
  forgiveClosedPipes();
  try {
    await buildProgram().parseAsync(argv);
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return report(error);
  }
}

export function buildProgram(): Command {
  const program = new Command('gyre')
    .description(
      'Rotating forward proxy: one port for SOCKS5, SOCKS4 and HTTP, every connection from the next address.',
    )
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .option('--no-color', 'no colours; NO_COLOR does the same')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(withoutValues(text)) })
    .showHelpAfterError('Add --help to see what can be written.')
    .configureHelp({ styleTitle: (title) => paint('bold', title, process.stdout), showGlobalOptions: false })
    .on('option:no-color', withoutColor)
    .addHelpText('after', EXAMPLES);
  registerServe(program);
  registerCheck(program);
  registerPool(program);
  registerProve(program);
  registerLoad(program);
  registerDoctor(program);
  registerHashPassword(program);
  registerCert(program);
  registerInit(program);
  registerCompletion(program);
  registerHealthcheck(program);
  registerStatus(program);
  registerTop(program);
  registerSessions(program);
  registerTunnels(program);
  registerUsers(program);
  registerReload(program);
  registerUpgrade(program);
  registerDrain(program);
  registerLog(program);
  registerDashboard(program);
  return program;
}

/** What was taken for an option or an argument by mistake may be a password: the name is enough to find it by. */
function withoutValues(text: string): string {
  return text.replaceAll(/'([^']*?)([=:])[^']*'/g, "'$1$2…'").replace(/(but got \d+): .*/, '$1.');
}
