/** The options every command takes that runs or judges a configuration, and the way from them to it. */
import { Option, type Command } from 'commander';
import { loadConfig, type LoadedConfig } from '../runtime/config.ts';
import { asNumber, readUser } from '../runtime/config/environment.ts';
import type { Setting } from '../runtime/config/layers.ts';
import { isPublic } from '../runtime/config/listen.ts';
import { isOpenToAll } from '../runtime/config/rules-access.ts';
import { STRATEGY_HELP } from '../runtime/config/schema-rotation.ts';
import { hideArguments } from './hide.ts';
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
  /** Makes one value of all that were read. */
  readonly combine?: (values: readonly unknown[]) => unknown;
  /** Its values come before those of the file, which stay: what is denied there stays denied. */
  readonly before?: true;
  /** What may be shown of a value. Undefined: all of it. */
  readonly hide?: (text: string) => string | undefined;
}

/** The name alone. Without a colon, all of it may be the password. */
const hideUser = (text: string): string => `${/^[^:]+:/.exec(text)?.[0] ?? ''}*`;
/** A URL may have credentials or a token in it, a command anything. */
const hidePool = (text: string): string | undefined =>
  /:\/\/|exec:/i.test(text) ? text.replace(/(:\/\/|exec:).*/is, '$1*') : undefined;

const FLAGS: readonly Flag[] = [
  {
    flags: '--listen <address>',
    description:
      'where clients connect: ADDR:PORT, tls://ADDR:PORT or unix:/PATH; repeatable (default: 127.0.0.1:1080)',
    path: ['listen'],
    repeats: true,
  },
  {
    flags: '--tls-cert <file>',
    description: 'PEM file with the certificate of tls:// listeners; see gyre cert',
    path: ['tls', 'cert'],
  },
  {
    flags: '--tls-key <file>',
    description: 'PEM file with its key',
    path: ['tls', 'key'],
  },
  {
    flags: '--pool <expr>',
    description: 'addresses connections leave from, for example 192.0.2.10-192.0.2.19; repeatable',
    path: ['pool'],
    repeats: true,
    hide: hidePool,
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
    description: 'a user of the proxy; repeatable. Other users of this host may see it: prefer GYRE_USER',
    path: ['users'],
    repeats: true,
    read: readUser,
    hide: hideUser,
  },
  {
    flags: '--users-file <file>',
    description: 'users in an htpasswd file (htpasswd -B), which may change while the proxy runs',
    path: ['usersFile'],
  },
  {
    flags: '--allow-client <network>',
    description: 'addresses or networks that clients may connect from; repeatable (default: all)',
    path: ['clients', 'allow'],
    repeats: true,
  },
  {
    flags: '--deny-client <network>',
    description: 'addresses or networks that they may not, beside those in the file; repeatable',
    path: ['clients', 'deny'],
    repeats: true,
    before: true,
  },
  {
    flags: '--deny <target>',
    description:
      "what nobody may reach: example.com, '*.example.com:443', 192.0.2.0/24, :25; before all rules; repeatable",
    path: ['targets', 'rules'],
    repeats: true,
    before: true,
    combine: (targets) => [{ deny: targets }],
  },
  {
    flags: '--max-connections <count>',
    description: 'connections at the same time, of all clients together',
    path: ['limits', 'all', 'connections'],
    read: asNumber,
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
  {
    flags: '--admin <addr:port>',
    description: 'admin API, metrics and dashboard: 127.0.0.1:1082 or unix:/PATH (default: off)',
    path: ['admin', 'listen'],
  },
];

export const SOURCES_HELP = `
Options are stronger than environment variables (GYRE_LISTEN, GYRE_POOL, GYRE_USER, GYRE_USERS_FILE, …, IP_POOL,
LISTEN_ADDR, PROXY_USER with PROXY_PASS), and those are stronger than the file.`;

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
  const open = config.listen.some(isPublic);
  const unguarded = config.listen.some((one) => isPublic(one) && one.tls?.clientCa === undefined);
  if (unguarded && config.openRelay && isOpenToAll(config)) {
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

/** Takes secrets out of the command line as `ps` shows it; the earlier, the better. */
export function hideSecrets(flags: SourceFlags): void {
  const secrets = FLAGS.flatMap(({ hide, ...flag }) =>
    valuesOf(flag, flags).flatMap((value): [string, string][] => {
      const instead = hide?.(String(value));
      return instead === undefined ? [] : [[String(value), instead]];
    }),
  );
  hideArguments(new Map(secrets));
}

/** What was on the command line for everyone to see. */
export function exposures({ user, pool }: SourceFlags): string[] {
  const urls = Array.isArray(pool) && pool.some((text) => /:\/\/[^/]*@/.test(String(text)));
  const seen = 'was visible to every user of this host until it was hidden';
  return [
    ...(user === undefined ? [] : [`the password in --user ${seen}: use GYRE_USER, --users-file or a file`]),
    ...(urls ? [`the password in --pool ${seen}: use GYRE_POOL or a file`] : []),
  ];
}

function settingsOf(given: SourceFlags): Setting[] {
  return FLAGS.flatMap((flag) => {
    const { flags, path, repeats, before, read = (text: string): unknown => text } = flag;
    const values = valuesOf(flag, given).map((value) => (typeof value === 'string' ? read(value) : value));
    if (values.length === 0) return [];
    const value = repeats ? (flag.combine?.(values) ?? values) : values[0];
    return [{ path, where: flags.split(' ')[0]!, value, before }];
  });
}

/** As commander has them: each text, or `true`. */
function valuesOf({ flags }: Pick<Flag, 'flags'>, given: SourceFlags): readonly unknown[] {
  const value = given[new Option(flags).attributeName()];
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}
