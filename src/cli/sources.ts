/** The options every command takes that runs or judges a configuration, and the way from them to it. */
import { Option, type Command } from 'commander';
import { loadConfig, type LoadedConfig } from '../runtime/config.ts';
import { asNumber, readUser } from '../runtime/config/environment.ts';
import type { Setting } from '../runtime/config/layers.ts';
import { isLoopback } from '../runtime/config/listen.ts';
import { STRATEGY_HELP } from '../runtime/config/schema-rotation.ts';
import { complain, paint } from './terminal.ts';

/** What commander found, by its names: `--log-level` is `logLevel`. */
export type SourceFlags = Readonly<Record<string, unknown>> & { readonly config?: string };

interface Flag {
  /** As commander and `--help` want it. */
  readonly flags: string;
  readonly description: string;
  readonly path: readonly string[];
  /** May be given more than once; the values make a list. */
  readonly repeats?: true;
  readonly read?: (text: string) => unknown;
}

const FLAGS: readonly Flag[] = [
  {
    flags: '--listen <addr:port>',
    description: 'where clients connect; repeatable (default: 127.0.0.1:1080)',
    path: ['listen'],
    repeats: true,
  },
  {
    flags: '--pool <expr>',
    description: 'addresses connections leave from, for example 192.0.2.10-192.0.2.19; repeatable',
    path: ['pool'],
    repeats: true,
  },
  {
    flags: '--strategy <name>',
    description: `which address comes next (default: round-robin). ${STRATEGY_HELP}`,
    path: ['strategy'],
  },
  {
    flags: '--every <count|time>',
    description: 'when sequential moves on: 100 requests, or 5m (default: 1)',
    path: ['every'],
    read: asNumber,
  },
  {
    flags: '--cursor <scope>',
    description: 'whose turns are counted together: destination, global or user (default: destination)',
    path: ['cursor'],
  },
  {
    flags: '--user <name:password>',
    description: 'a user of the proxy; repeatable. Other users of this host can see it: prefer a file',
    path: ['users'],
    repeats: true,
    read: readUser,
  },
  {
    flags: '--allow-private',
    description: 'let clients reach private and loopback addresses',
    path: ['targets', 'allowPrivate'],
  },
  {
    flags: '--open-relay',
    description: 'let everyone use a public listener, without users',
    path: ['openRelay'],
  },
  {
    flags: '--workers <count>',
    description: 'worker threads, 0 to 256 (default: available cores)',
    path: ['workers'],
    read: asNumber,
  },
  {
    flags: '--log-level <level>',
    description: 'error, warn, info or debug (default: info)',
    path: ['log', 'level'],
  },
  {
    flags: '--log-format <format>',
    description: 'auto, human or json (default: auto)',
    path: ['log', 'format'],
  },
  {
    flags: '--access-log <target>',
    description: 'one line for each tunnel: a file, - for stderr, or off (default: -)',
    path: ['log', 'access'],
  },
  {
    flags: '--echo <addr:port>',
    description: 'a loopback HTTP listener that answers with the address of its caller',
    path: ['echo'],
  },
];

export const SOURCES_HELP = `
Options are stronger than environment variables (GYRE_LISTEN, GYRE_POOL, …, IP_POOL, LISTEN_ADDR,
PROXY_USER with PROXY_PASS), and those are stronger than the file.`;

/** Adds `--config` and one option for everything a file could say in one line. */
export function addSources(command: Command): Command {
  command.option('-c, --config <file>', 'YAML or JSON configuration (default: GYRE_CONFIG, or none)');
  for (const { flags, description, repeats } of FLAGS) {
    const option = new Option(flags, description);
    if (repeats)
      option.argParser((text: string, previous: string[] | undefined) => [...(previous ?? []), text]);
    command.addOption(option);
  }
  return command;
}

/** @throws {ConfigError} */
export function loadFrom(flags: SourceFlags): LoadedConfig {
  return loadConfig({ file: flags.config, environment: process.env, flags: settingsOf(flags) });
}

/** What is no error and still should be known, one sentence each. */
export function warnings({ config, notes }: LoadedConfig): string[] {
  const found = [...notes];
  const open = config.listen.some(({ host }) => !isLoopback(host));
  if (open && config.openRelay && config.users.length === 0 && config.clients.allow.length === 0) {
    found.push('this is an open relay: everyone who can reach it can use your addresses');
  }
  if (open && config.targets.allowPrivate) {
    found.push(
      'targets.allowPrivate is on: clients on other hosts can reach this host and its private networks',
    );
  }
  if (config.echo !== undefined && !config.targets.allowPrivate) {
    found.push(
      'the echo listener is on, but clients cannot reach it through the proxy: that takes --allow-private',
    );
  }

  return found;
}

export function warn(sentences: readonly string[]): void {
  for (const sentence of sentences) complain(`${paint('yellow', 'gyre: note:')} ${sentence}`);
}

function settingsOf(given: SourceFlags): Setting[] {
  return FLAGS.flatMap(({ flags, path, read = (text: string): unknown => text }) => {
    const where = flags.split(' ')[0]!;
    const value = given[new Option(flags).attributeName()];
    if (value === undefined) return [];
    if (Array.isArray(value)) return [{ path, where, value: value.map((text) => read(String(text))) }];
    return [{ path, where, value: typeof value === 'string' ? read(value) : value }];
  });
}
