/** The configuration that `gyre init` writes: what was answered, and a comment to each line. */

/** What was answered. */
export interface Answers {
  readonly listen: string;
  /** Undefined: nobody is asked who they are. */
  readonly user: { readonly name: string; readonly hash: string } | undefined;
  readonly pool: readonly string[];
  /** The pool is of loopback, for a first look: targets on this host may be reached, and one is there. */
  readonly trial: boolean;
  readonly admin: string | undefined;
}

export function configText({ listen, user, pool, trial, admin }: Answers): string {
  return [
    '# Gyre, as gyre init wrote it. Every option with its default is in config/example.yaml of the package.',
    '# Check it:  gyre check --bind --config FILE     Examine this host:  gyre doctor --config FILE',
    '',
    '# Where clients connect: SOCKS5, SOCKS4 and HTTP on one port.',
    `listen: ${quoted(listen)}`,
    '',
    ...(user === undefined
      ? ['# Nobody is asked for a password, so only this host may connect.', 'users: []']
      : [
          '# Who may use it. Another hash:  gyre hash-password',
          'users:',
          `  - name: ${quoted(user.name)}`,
          `    passwordHash: ${quoted(user.hash)}`,
        ]),
    '',
    '# Connections leave from these addresses, one after the other. What an expression stands for:  gyre pool expand EXPR',
    'pool:',
    ...pool.map((term) => `  - ${quoted(term)}`),
    '',
    ...(trial
      ? [
          '# For a first look on one machine: the echo answers with the address it was reached from. Take both out later.',
          'targets:',
          '  allowPrivate: true',
          'echo: 127.0.0.1:1081',
        ]
      : [
          '# Private networks, loopback and the addresses of this host are no targets.',
          'targets:',
          '  allowPrivate: false',
        ]),
    '',
    '# The admin API and the dashboard; `gyre dashboard` prints the link. off: neither.',
    `admin: ${admin === undefined ? 'off' : quoted(admin)}`,
    '',
    '# One line for each connection: - with the log on standard error, the path of a file, or off.',
    'log:',
    '  level: info',
    "  access: '-'",
    '',
  ].join('\n');
}

/** As YAML takes it for text, whatever is in it. */
function quoted(text: string): string {
  return /^[A-Za-z0-9][\w./]*$/.test(text) ? text : `'${text.replaceAll("'", "''")}'`;
}
