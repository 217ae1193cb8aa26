/** `gyre serve`: runs the gateway until it is told to stop. */
import type { Command } from 'commander';
import type { Config, LoadedConfig } from '../runtime/config.ts';
import { formatListen } from '../runtime/config/listen.ts';
import { asksWho } from '../runtime/config/rules-access.ts';
import type { Gateway } from '../runtime/gateway.ts';
import { takeBirth, type Inherited } from '../runtime/inherited.ts';
import { Failure, report } from './exit.ts';
import { Hangups } from './hangups.ts';
import { endpointsInWords, ownProxy, protocols } from './own-proxy.ts';
import { LOOPBACK_DENIED, printOutcomes, readCount, sendAll } from './prove.ts';
import { formatProxy } from './proxy-url.ts';
import {
  addSources,
  exposures,
  hideSecrets,
  loadFrom,
  SOURCES_HELP,
  warn,
  warnings,
  type SourceFlags,
} from './sources.ts';
import { stopRequested } from './stop-requests.ts';
import { Systemd } from './systemd.ts';
import { enumerate, plural, say } from './terminal.ts';
import { Predecessor } from './successor.ts';
import { Upgrades } from './upgrades.ts';

const HELP = `${SOURCES_HELP}

One line on standard output, "gyre ready …", says that every listener is there. The log goes to standard error.
SIGTERM and SIGINT stop accepting and let tunnels end (timeouts.drain); a second one leaves at once.
SIGHUP reads the file again; options and variables stay. What is wrong in it changes nothing.
SIGUSR2 starts the program again as it is on disk now; the new process takes over the sockets, and this one drains.

Examples:
  gyre serve --pool 192.0.2.10-192.0.2.19
  GYRE_USER=alice:s3cret gyre serve --listen :1080 --pool interface:eth0
  gyre serve --listen :1080 --users-file /etc/gyre/users --deny :25 --pool interface:eth0
  gyre serve --listen tls://:1443 --tls-cert cert.pem --tls-key key.pem --allow-client 192.0.2.0/24 --pool interface:eth0
  gyre serve --listen 127.0.0.1:1080 --listen unix:/run/gyre.sock --pool interface:eth0
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
  // Before anything else reads the environment, or opens a descriptor.
  const { inherited, readyFd } = takeBirth(process.env);
  const predecessor = new Predecessor(readyFd);
  try {
    await serveFrom(flags, inherited, predecessor);
  } catch (error) {
    predecessor.failed((error as Error).message);
    throw error;
  }
}

async function serveFrom(flags: ServeFlags, inherited: Inherited, predecessor: Predecessor): Promise<void> {
  hideSecrets(flags);
  const loaded = loadFrom(flags);
  const hangups = new Hangups();
  const upgrades = new Upgrades();
  const systemd = new Systemd(process.env, (message) => warn([message]));
  const notes = warnings(loaded);
  warn([...exposures(flags), ...notes]);
  const { config } = loaded;
  let ready = false;
  const leave = (exitCode: number): never => process.exit(exitCode);
  const stop = stopRequested(leave);
  // Nothing to drain before it is ready.
  void stop.then((exitCode) => (ready ? undefined : leave(exitCode)));
  // Loaded here, so that the other commands start without it.
  const { startGateway } = await import('../runtime/gateway.ts');
  const { file, fingerprint } = loaded;
  const reloadFrom = (): LoadedConfig => loadAgain(flags);
  const gateway = await startGateway(config, { file, fingerprint, notes, reloadFrom, inherited });
  ready = true;
  const line = readyLine(gateway, config);
  // Before the old process hears of it and ends: systemd must know its main process.
  await systemd.ready(line);
  systemd.watch(() => gateway.beating);
  predecessor.ready();
  upgrades.serve(gateway, inherited.activated);
  hangups.serve(() => void reload(gateway, systemd));
  say(line);
  const link = dashboardLine(gateway, process.stdout.isTTY);
  if (link !== undefined) say(link);
  const hint = rotationHint(gateway, config);
  if (hint !== undefined) say(hint);
  if (flags.prove !== undefined) {
    await Promise.race([stop, proveItself(gateway, config, flags.prove === true ? 3 : flags.prove)]);
  }
  const handedOver = await Promise.race([
    upgrades.done.then(() => true),
    stop.then(() => false),
    gateway.closed.then(() => false),
  ]);
  upgrades.giveUp();
  await drain(gateway, systemd, handedOver);
  process.exit(0);
}

async function reload(gateway: Gateway, systemd: Systemd): Promise<void> {
  await systemd.reloading();
  await gateway.reloads.again('signal');
  await systemd.ready(readyLine(gateway, gateway.config));
}

/** From the same flags and variables, and what is in the file now. @throws {ConfigError} */
function loadAgain(flags: ServeFlags): LoadedConfig {
  const loaded = loadFrom(flags);
  return { ...loaded, notes: warnings(loaded) };
}

async function drain(gateway: Gateway, systemd: Systemd, handedOver: boolean): Promise<void> {
  const { active } = gateway.stats();
  if (active > 0) {
    const seconds = gateway.config.timeouts.drain / 1000;
    say(
      `gyre stopping: ${plural(active, 'connection')} may take ${seconds} s to end; press Ctrl-C again to cut`,
    );
  }
  const closed = gateway.close(undefined, handedOver);
  if (handedOver) systemd.stop();
  else void systemd.stopping('stopping');
  await closed;
}

export function readyLine(
  { endpoints, pool }: Pick<Gateway, 'endpoints' | 'pool'>,
  config: Pick<Config, 'listen' | 'users' | 'usersFile' | 'userCheck' | 'workers'>,
): string {
  const { listen, workers } = config;
  const where = enumerate(endpointsInWords(endpoints, listen));
  const threads = workers === 0 ? 'no workers' : plural(workers, 'worker');
  return `gyre ready on ${where} (${protocols(config)}), ${plural(pool.addresses, 'egress address', 'egress addresses')}, ${threads}`;
}

/**
 * Where the dashboard is, or what there is of the admin listener instead.
 * @param terminal A person reads it: elsewhere it may be kept, and a token is not to be.
 */
export function dashboardLine(
  gateway: Pick<Gateway, 'admin' | 'dashboard'>,
  terminal: boolean,
): string | undefined {
  const link = gateway.dashboard(terminal);
  if (link === undefined) return gateway.admin && `admin API: ${gateway.admin.address}`;
  return `dashboard: ${link}${terminal ? '' : ' (for the link with its token run `gyre dashboard`)'}`;
}

/** The command that shows the rotation, when there is something to show. */
export function rotationHint(
  { endpoints, echo }: Pick<Gateway, 'endpoints' | 'echo'>,
  config: Pick<Config, 'listen' | 'users' | 'usersFile' | 'userCheck' | 'targets'>,
): string | undefined {
  const { listen, targets } = config;
  const proxy = ownProxy(endpoints, listen);
  // What curl takes for a socket file is another story.
  if (echo === undefined || !targets.allowPrivate || proxy === undefined || proxy.port === 0)
    return undefined;
  const login = asksWho(config) ? 'NAME:PASSWORD@' : '';
  const url = formatProxy(proxy).replace('://', `://${login}`);
  const curl = `curl -s${proxy.tls === undefined ? '' : ' --proxy-insecure'} -x ${url} http://${formatEcho(echo)}`;
  return `see the rotation:\n  for i in 1 2 3; do ${curl}; done`;
}

async function proveItself({ endpoints, echo }: Gateway, config: Config, count: number): Promise<void> {
  try {
    if (echo === undefined) throw new Failure('--prove needs the echo listener', 'add --echo 127.0.0.1:1081');
    const credentials = config.users.find((user) => 'password' in user);
    if (credentials === undefined && asksWho(config)) {
      throw new Failure('--prove knows no password', 'run: gyre prove --user NAME:PASSWORD');
    }
    const own = ownProxy(endpoints, config.listen);
    if (own === undefined) {
      throw new Failure(
        '--prove finds no listener it could use: each asks for a PROXY header or a client certificate',
        'add a plain one: --listen 127.0.0.1:1080',
      );
    }
    const proxy = { ...own, credentials };
    const target = new URL(`http://${formatEcho(echo)}/`);
    printOutcomes(await sendAll({ proxy, target, count, concurrency: 1, whenDenied: LOOPBACK_DENIED }));
  } catch (error) {
    // The proxy is up: a proof that fails is told and ends nothing.
    report(error);
  }
}

function formatEcho({ address, port }: NonNullable<Gateway['echo']>): string {
  return formatListen({ host: address, port });
}
