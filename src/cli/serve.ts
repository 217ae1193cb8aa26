/** `gyre serve`: runs the gateway until it is told to stop. */
import type { Command } from 'commander';
import type { Endpoint } from '../connection.ts';
import type { Config } from '../runtime/config.ts';
import { formatListen } from '../runtime/config/listen.ts';
import type { Gateway } from '../runtime/gateway.ts';
import { Failure, report } from './exit.ts';
import { LOOPBACK_DENIED, printOutcomes, readCount, sendAll } from './prove.ts';
import { addSources, loadFrom, SOURCES_HELP, warn, warnings, type SourceFlags } from './sources.ts';
import { stopRequested } from './stop-requests.ts';
import { enumerate, plural, say } from './terminal.ts';

const HELP = `${SOURCES_HELP}

One line on standard output, "gyre ready …", says that every listener is there. The log goes to standard error.
SIGTERM and SIGINT stop accepting and let tunnels end (timeouts.drain); a second one leaves at once.

Examples:
  gyre serve --pool 192.0.2.10-192.0.2.19
  gyre serve --listen :1080 --user alice:s3cret --pool interface:eth0
  gyre serve --pool 127.0.0.2-127.0.0.9 --allow-private --echo 127.0.0.1:1081 --prove
  gyre serve --config gyre.yaml --access-log access.log`;

interface ServeFlags extends SourceFlags {
  readonly prove?: true | number;
}

export function registerServe(program: Command): void {
  addSources(program.command('serve').description('start the proxy'))
    .option(
      '--prove [count]',
      'once ready, send requests through the proxy to the echo listener (default: 3)',
      readCount(10_000),
    )
    .addHelpText('after', HELP)
    .action((flags: ServeFlags) => serve(flags));
}

async function serve(flags: ServeFlags): Promise<void> {
  const loaded = loadFrom(flags);
  warn(warnings(loaded));
  const { config } = loaded;
  let ready = false;
  const leave = (exitCode: number): never => process.exit(exitCode);
  const stop = stopRequested(leave);
  // Nothing to drain before it is ready.
  void stop.then((exitCode) => (ready ? undefined : leave(exitCode)));
  // Loaded here, so that the other commands start without it.
  const { startGateway } = await import('../runtime/gateway.ts');
  const gateway = await startGateway(config);
  ready = true;
  say(readyLine(gateway, config));
  const hint = rotationHint(gateway, config);
  if (hint !== undefined) say(hint);
  if (flags.prove !== undefined) {
    await Promise.race([stop, proveItself(gateway, config, flags.prove === true ? 3 : flags.prove)]);
  }
  await stop;
  await drain(gateway, config);
  process.exit(0);
}

async function drain(gateway: Gateway, config: Config): Promise<void> {
  const { active } = gateway.stats();
  if (active > 0) {
    const seconds = config.timeouts.drain / 1000;
    say(
      `gyre stopping: ${plural(active, 'connection')} may take ${seconds} s to end; press Ctrl-C again to cut`,
    );
  }
  await gateway.close();
}

export function readyLine(
  { endpoints, pool }: Pick<Gateway, 'endpoints' | 'pool'>,
  { workers }: Config,
): string {
  const where = enumerate(endpoints.map(format));
  const threads = workers === 0 ? 'no workers' : plural(workers, 'worker');
  return `gyre ready on ${where} (socks5, http connect), ${plural(pool.addresses, 'egress address', 'egress addresses')}, ${threads}`;
}

/** The command that shows the rotation, when there is something to show. */
export function rotationHint(
  { endpoints, echo }: Pick<Gateway, 'endpoints' | 'echo'>,
  { users, targets }: Config,
): string | undefined {
  if (echo === undefined || !targets.allowPrivate) return undefined;
  const login = users.length === 0 ? '' : 'NAME:PASSWORD@';
  const proxy = `socks5h://${login}${format(reachable(endpoints[0]!))}`;
  return `see the rotation:\n  for i in 1 2 3; do curl -s -x ${proxy} http://${format(echo)}; done`;
}

async function proveItself({ endpoints, echo }: Gateway, config: Config, count: number): Promise<void> {
  try {
    if (echo === undefined) throw new Failure('--prove needs the echo listener', 'add --echo 127.0.0.1:1081');
    const credentials = config.users.find((user) => 'password' in user);
    if (credentials === undefined && config.users.length > 0) {
      throw new Failure('--prove knows no password, only hashes', 'run: gyre prove --user NAME:PASSWORD');
    }
    const proxy = { ...reachable(endpoints[0]!), protocol: 'socks5', credentials } as const;
    const target = new URL(`http://${format(echo)}/`);
    printOutcomes(await sendAll({ proxy, target, count, concurrency: 1, whenDenied: LOOPBACK_DENIED }));
  } catch (error) {
    // The proxy is up: a proof that fails is told and ends nothing.
    report(error);
  }
}

/** A listener on all addresses is reached on loopback. */
export function reachable({ address, port }: Endpoint): Endpoint {
  if (address === '0.0.0.0' || address === '::') return { address: '127.0.0.1', port };
  return { address, port };
}

function format({ address, port }: Endpoint): string {
  return formatListen({ host: address, port });
}
