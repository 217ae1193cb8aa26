/** `gyre healthcheck`: does the proxy answer? For Docker's HEALTHCHECK and the like. */
import type { Command } from 'commander';
import type { Endpoint } from '../connection.ts';
import { ConfigError, loadConfig, type ListenerConfig } from '../runtime/config.ts';
import type { Setting } from '../runtime/config/layers.ts';
import { parseListens, type WrittenAddress } from '../runtime/config/listen.ts';
import { Refusal } from '../runtime/config/problem.ts';
import { connectTo } from './connect.ts';
import { EXIT, Failure } from './exit.ts';
import { easiest, endpointsInWords, isOpen, proxyAt } from './own-proxy.ts';
import { greet } from './socks-client.ts';
import { say } from './terminal.ts';

/** Milliseconds in all. */
const DEADLINE_MS = 3000;

const HELP = `
Connects, greets in SOCKS5 and expects an answer; which one does not matter. Exit code 0 or 1, within 3 seconds.
Of several listeners it takes the one that asks for the least: a plain one, one with TLS, a Unix socket. Where every one
wants a PROXY header or a client certificate, a connection that is accepted is enough.

Examples:
  gyre healthcheck
  gyre healthcheck 127.0.0.1:1080
  gyre healthcheck tls://127.0.0.1:1443
  gyre healthcheck unix:/run/gyre.sock
  HEALTHCHECK CMD ["node", "bin/gyre.js", "healthcheck"]`;

export function registerHealthcheck(program: Command): void {
  program
    .command('healthcheck')
    .description('ask a running proxy whether it is there')
    .argument('[address]', 'where it listens (default: a listener of the configuration, or 127.0.0.1:1080)')
    .option('-c, --config <file>', 'configuration to take the listener from (default: GYRE_CONFIG, or none)')
    .addHelpText('after', HELP)
    .action((text: string | undefined, { config }: { readonly config?: string }) =>
      healthcheck(text, config),
    );
}

async function healthcheck(text: string | undefined, file: string | undefined): Promise<void> {
  const listener = text === undefined ? configured(file) : readAddress(text);
  const { address, port, tls } = proxyAt(endpointOf(listener), listener);
  const open = isOpen(listener);
  // TLS that asks for a certificate would end before the first word.
  const destination = { address, port, tls: open ? tls : undefined };
  const socket = await connectTo(destination, 'the proxy', AbortSignal.timeout(DEADLINE_MS));
  try {
    // Both methods: whether users are configured is no question of health.
    if (open) await greet(socket, [0x00, 0x02]);
    const [where] = endpointsInWords([destination], [listener]);
    say(`ok: ${where} ${open ? 'answers' : 'accepts connections'}`);
  } finally {
    socket.destroy();
  }
}

/** The configuration may be incomplete here: the server may have got its pool and its certificate by flags. */
function configured(file: string | undefined): ListenerConfig {
  const assume = (value: unknown, ...path: string[]): Setting => ({ path, value, where: 'healthcheck' });
  const flags = [
    assume('127.0.0.1', 'pool'),
    assume(true, 'openRelay'),
    assume('-', 'tls', 'cert'),
    assume('-', 'tls', 'key'),
  ];
  try {
    const { listen } = loadConfig({ file, environment: process.env, flags }).config;
    return listen[easiest(listen)] ?? listen[0]!;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new Failure(
      'the configuration does not say where the proxy listens',
      'name it: gyre healthcheck ADDR:PORT',
      EXIT.config,
    );
  }
}

function readAddress(text: string): ListenerConfig {
  try {
    const [{ at, tls }] = parseListens(text) as [WrittenAddress];
    const files = { cert: '', key: '', clientCa: undefined, sessionDomain: undefined };
    return { at, tls: tls ? files : undefined, proxyProtocol: undefined };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Failure(error.message, error.hint, EXIT.usage);
  }
}

function endpointOf({ at }: ListenerConfig): Endpoint {
  return 'path' in at ? { address: `unix:${at.path}`, port: 0 } : { address: at.host, port: at.port };
}
