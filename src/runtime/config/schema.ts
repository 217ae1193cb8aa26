/**
 * The options one by one: what may be written, what is meant by leaving them out, and what becomes of them.
 *
 * zod carries one string for each error; ours hold the message and, after a newline, the hint (see `shapes.ts`).
 */
import { availableParallelism } from 'node:os';
import { isIP } from 'node:net';
import { z } from 'zod';
import { parsePool } from '../../egress/expression/expression.ts';
import { parseCidr } from '../../policy/clients.ts';
import { isPasswordHash } from '../../policy/password.ts';
import type { Config, GyreOptions, UserConfig } from '../config.ts';
import { isLoopback, parseListen, parseListens } from './listen.ts';
import { quote, Refusal } from './problem.ts';
import { rotation } from './schema-rotation.ts';
import { attempt, duration, flag, group, listOf } from './shapes.ts';

/** One schema an option: each is checked by itself, so that one mistake never hides another. */
type Options = { readonly [Key in keyof Config]: z.ZodType<Config[Key], GyreOptions[Key]> };

const ENDPOINT = 'expected an address and port such as 127.0.0.1:1080';
const PORTS = 'ports go from 0 to 65535';

const endpoint = (error: string): z.ZodUnion<[z.ZodString, z.ZodInt]> =>
  z.union([z.string(), z.int().min(0, { error: PORTS }).max(65_535, { error: PORTS })], { error });

const listen = listOf(
  endpoint(ENDPOINT).transform((text, ctx) => attempt(() => parseListens(String(text)), ctx)),
  { error: `${ENDPOINT}, or a list of them`, least: 1 },
)
  .transform((lists) => lists.flat())
  .prefault('127.0.0.1:1080')
  .describe(
    'Where clients connect: 127.0.0.1:1080, [::1]:1080, :1080 for every address of this host, 1080 for 127.0.0.1, or a range of ports 127.0.0.1:10001-10100.',
  );

const POOL = 'expected addresses such as 192.0.2.10-192.0.2.19';

const pool = listOf(
  z.string({ error: POOL }).transform((text, ctx) => {
    attempt(() => parsePool([text]), ctx);
    return text;
  }),
  { error: `${POOL}, or a list of them`, least: 1 },
).describe(
  'The addresses connections leave from: 192.0.2.10, 192.0.2.10-192.0.2.19, 192.0.2.0/28, 2001:db8:1::/64, interface:eth0, file:/path, https://host/list, aws:eth0, exec:command; ! before any of them excludes, *3 after it weighs, ;country=de tags. Commas or a list.',
);

const poolName = z
  .string()
  .regex(/^[a-z0-9_]{1,64}$/, { error: 'the name of a pool has 1 to 64 of a-z, 0-9 and _' })
  .refine((name) => name !== 'default', { error: 'default is the name of the pool above' });

const pools = z
  .record(poolName, pool, { error: 'expected names with their addresses, such as de: 192.0.2.0/28' })
  .prefault({})
  .describe('Other pools by name, for clients that ask for one by their user name: alice-pool-de.');

const userText = (what: string): z.ZodString =>
  z
    .string({ error: `expected the ${what} as text\nput it in quotes` })
    .min(1, { error: `the ${what} is empty` })
    // RFC 1929 gives the length one byte.
    .refine((text) => Buffer.byteLength(text) <= 255, { error: `the ${what} is longer than 255 bytes` });

const USER = 'expected a user with a name and a password\nfor example {name: alice, passwordHash: …}';

const user = z
  .strictObject(
    {
      name: userText('user name')
        .refine((text) => !text.includes(':'), { error: 'a user name may not have a colon in it' })
        .describe('1 to 255 bytes, no colon.'),
      password: userText('password')
        .refine((text) => !text.startsWith('$scrypt$'), {
          error: 'this is the hash of a password\nwrite it as passwordHash',
        })
        .optional()
        .describe('1 to 255 bytes. Anyone who can read the file can read it: prefer passwordHash.'),
      passwordHash: z
        .string({ error: 'expected the hash of a password as text' })
        .refine(isPasswordHash, {
          error: 'this is not a supported password hash\nmake one with: gyre hash-password',
        })
        .optional()
        .describe('What `gyre hash-password` prints.'),
    },
    {
      error: ({ code, input }) => {
        if (code !== 'invalid_type') return undefined;
        // Flags and variables that have no colon arrive as nothing: what they hold may be a password.
        return input === undefined ? 'expected NAME:PASSWORD' : USER;
      },
    },
  )
  .transform(({ name, password, passwordHash }, ctx): UserConfig => {
    if (password !== undefined && passwordHash === undefined) return { name, password };
    if (password === undefined && passwordHash !== undefined) return { name, passwordHash };
    const message =
      password === undefined
        ? `the user ${quote(name)} has no password\ngive it a password, or a passwordHash from: gyre hash-password`
        : `the user ${quote(name)} has both password and passwordHash\nleave one of the two out`;
    ctx.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

const users = z
  // The object above says less than the type: that of the two passwords there is exactly one.
  .array(user as unknown as z.ZodType<UserConfig, UserConfig>, {
    error: 'expected a list of users, each with a name and a password',
  })
  .prefault([])
  .describe('Who may use the proxy. Without users no credentials are asked for.');

const NETWORK = 'expected a network such as 192.0.2.0/24';

const networks = listOf(
  z.string({ error: NETWORK }).transform((text, ctx) => {
    attempt(() => parseCidr(text), ctx);
    return text;
  }),
  { error: `${NETWORK}, or a list of them` },
);

const clients = group({
  allow: networks.prefault([]).describe('Client addresses and prefixes that may connect. Empty: everyone.'),
}).describe('Which clients may connect at all.');

const targets = group({
  allowPrivate: flag()
    .prefault(false)
    .describe('Lets clients reach private, loopback, link-local and cloud metadata addresses.'),
}).describe('What clients may reach.');

const NAME_SERVER = 'expected a name server such as 192.0.2.53';

const nameServers = listOf(
  z.string({ error: NAME_SERVER }).transform((text, ctx) => attempt(() => checkNameServer(text), ctx)),
  { error: `${NAME_SERVER}, or a list of them` },
);

const dns = group({
  servers: nameServers
    .prefault([])
    .describe('Name servers as ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT. Empty: those of the system.'),
}).describe('How names of targets are resolved.');

const timeouts = group({
  handshake: duration('10s', 'From accept to the complete request.'),
  connect: duration('4s', 'One connect from one egress.'),
  dialSocks: duration('5s', 'All attempts to connect together, for a SOCKS client.'),
  dialHttp: duration('10s', 'All attempts to connect together, for an HTTP client.'),
  dns: duration('5s', 'Resolving a name; never longer than the attempts together.'),
  idle: duration('1h', 'A tunnel without a byte either way.'),
  fin: duration('60s', 'A tunnel of which one side has ended, without a byte from the other.'),
  drain: duration('30s', 'Tunnels still open when Gyre is told to stop; 0s cuts them at once.', 0),
}).describe('How long things may take: 500ms, 10s, 5m, 1h.');

const log = group({
  level: z
    .enum(['error', 'warn', 'info', 'debug'])
    .prefault('info')
    .describe('The least important lines to write.'),
  format: z
    .enum(['auto', 'human', 'json'])
    .prefault('auto')
    .describe('auto: human on a terminal, JSON otherwise.'),
  access: z
    .string({ error: 'expected off, - or the path of a file' })
    .min(1, { error: 'expected off, - or the path of a file' })
    .prefault('-')
    .describe('One line for each tunnel: off, - for standard error, or the path of a file.'),
}).describe('What is written down.');

const echo = endpoint('expected an address and port such as 127.0.0.1:1081, or off')
  .prefault('off')
  .transform((text, ctx) => (text === 'off' ? undefined : attempt(() => parseEcho(String(text)), ctx)))
  .describe(
    'A small HTTP listener on loopback that answers with the address its caller comes from; off: none.',
  );

export const options: Options = {
  listen,
  pool,
  pools,
  ...rotation,
  workers: z
    .int({ error: 'expected a whole number from 0 to 256' })
    .min(0, { error: 'expected a whole number from 0 to 256' })
    .max(256, { error: 'expected a whole number from 0 to 256' })
    .optional()
    .transform((count) => count ?? Math.min(256, availableParallelism()))
    .describe(
      'Worker threads, from 0 to 256; 0 serves without any. Default: the cores this process may use.',
    ),
  users,
  clients,
  targets,
  openRelay: flag()
    .prefault(false)
    .describe('Lets a listener that other hosts can reach do without users and allowed clients.'),
  dns,
  timeouts,
  log,
  echo,
};

/** What an editor needs to help with the file: JSON Schema, draft 2020-12. */
export function jsonSchema(): object {
  const { $schema, ...rest } = z.toJSONSchema(z.strictObject(options), {
    io: 'input',
    // That a group may be left out says nothing about what is in it.
    override: ({ jsonSchema }) => {
      if (jsonSchema.type === 'object') delete jsonSchema.default;
    },
  });
  return { $schema, title: 'Configuration of Gyre', ...rest };
}

function checkNameServer(text: string): string {
  const [, bracketed, plain, port = '53'] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const valid = isIP(text) !== 0 || isIP(bracketed ?? '') === 6 || isIP(plain ?? '') === 4;
  if (valid && Number(port) >= 1 && Number(port) <= 65_535) return text;
  throw new Refusal(
    `${quote(text)} is not the address of a name server`,
    'write 192.0.2.53 or 192.0.2.53:5353',
  );
}

function parseEcho(text: string): Config['echo'] {
  const address = parseListen(text);
  if (isLoopback(address.host)) return address;
  throw new Refusal(
    `the echo listener may only be on loopback, not on ${quote(text)}`,
    'write 127.0.0.1:1081',
  );
}
