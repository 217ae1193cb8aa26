/** `gyre healthcheck`: does the proxy answer? For Docker's HEALTHCHECK and the like. */
import type { Command } from 'commander';
import type { Endpoint } from '../connection.ts';
import { ConfigError, loadConfig, type ListenAddress } from '../runtime/config.ts';
import { formatListen, parseListen } from '../runtime/config/listen.ts';
import { Refusal } from '../runtime/config/problem.ts';
import { EXIT, Failure } from './exit.ts';
import { connectTo, greet } from './socks-client.ts';
import { reachable } from './serve.ts';
import { say } from './terminal.ts';

/** Milliseconds in all. */
const DEADLINE_MS = 3000;

const HELP = `
Connects, greets in SOCKS5 and expects an answer; which one does not matter. Exit code 0 or 1, within 3 seconds.

Examples:
  gyre healthcheck
  gyre healthcheck 127.0.0.1:1080
  HEALTHCHECK CMD ["node", "bin/gyre.js", "healthcheck"]`;

export function registerHealthcheck(program: Command): void {
  program
    .command('healthcheck')
    .description('ask a running proxy whether it is there')
    .argument(
      '[addr:port]',
      'where it listens (default: the first listener of the configuration, or 127.0.0.1:1080)',
    )
    .option('-c, --config <file>', 'configuration to take the listener from (default: GYRE_CONFIG, or none)')
    .addHelpText('after', HELP)
    .action((text: string | undefined, { config }: { readonly config?: string }) =>
      healthcheck(text, config),
    );
}

async function healthcheck(text: string | undefined, file: string | undefined): Promise<void> {
  const address = text === undefined ? configured(file) : readAddress(text);
  const endpoint: Endpoint = reachable({ address: address.host, port: address.port });
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const socket = await connectTo(endpoint, 'the proxy', signal);
  try {
    // Both methods: whether users are configured is no question of health.
    await greet(socket, [0x00, 0x02]);
    say(`ok: ${formatListen({ host: endpoint.address, port: endpoint.port })} answers`);
  } finally {
    socket.destroy();
  }
}

/** The configuration may be incomplete here: the server may have got its pool by a flag. */
function configured(file: string | undefined): ListenAddress {
  const pool = { path: ['pool'], value: '127.0.0.1', where: 'healthcheck' };
  const open = { path: ['openRelay'], value: true, where: 'healthcheck' };
  try {
    return loadConfig({ file, environment: process.env, flags: [pool, open] }).config.listen[0]!;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new Failure(
      'the configuration does not say where the proxy listens',
      'name it: gyre healthcheck ADDR:PORT',
      EXIT.config,
    );
  }
}

function readAddress(text: string): ListenAddress {
  try {
    return parseListen(text);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Failure(error.message, error.hint, EXIT.usage);
  }
}
