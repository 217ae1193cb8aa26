/**
 * The options one by one: what may be written, what is meant by leaving them out, and what becomes of them.
 *
 * zod carries one string for each error; ours hold the message and, after a newline, the hint (see `shapes.ts`).
 */
import { availableParallelism } from 'node:os';
import { isIP } from 'node:net';
import { z } from 'zod';
import { parsePool } from '../../egress/expression/expression.ts';
import type { Config, GyreOptions } from '../config.ts';
import { isLoopback, parseListen } from './listen.ts';
import { quote, Refusal } from './problem.ts';
import { access } from './schema-access.ts';
import { admin } from './schema-admin.ts';
import { limits, overload } from './schema-limits.ts';
import { endpoint, listen, tls, type Written } from './schema-listen.ts';
import { rotation } from './schema-rotation.ts';
import { attempt, duration, flag, group, listOf } from './shapes.ts';

/** One schema an option: each is checked by itself, so that one mistake never hides another. */
type Options = { readonly [Key in keyof Written]: z.ZodType<Written[Key], GyreOptions[Key]> };

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
  proxyHeader: duration('3s', 'From accept to the complete PROXY header, where one is expected.'),
  handshake: duration('10s', 'From accept to the complete request, with PROXY header and TLS.'),
  connect: duration('4s', 'One connect from one egress.'),
  dialSocks: duration('5s', 'All attempts to connect together, for a SOCKS client.'),
  dialHttp: duration('10s', 'All attempts to connect together, for an HTTP client.'),
  dns: duration('5s', 'Resolving a name; never longer than the attempts together.'),
  response: duration('5m', 'From the complete request to the head of the response, for plain HTTP.'),
  keepAlive: duration('60s', 'A client connection between two requests, for plain HTTP.'),
  idle: duration('1h', 'A tunnel without a byte either way.'),
  fin: duration('60s', 'A tunnel of which one side has ended, without a byte from the other.'),
  drain: duration('30s', 'Tunnels still open when Gyre is told to stop; 0s cuts them at once.', 0),
  stall: duration('10s', 'A worker thread that does nothing for so long is replaced; 0s: never.', 0),
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
  tls,
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
  ...access,
  limits,
  overload,
  openRelay: flag()
    .prefault(false)
    .describe('Lets a listener that other hosts can reach do without users and allowed clients.'),
  dns,
  timeouts,
  watch: flag()
    .prefault(false)
    .describe('Reads this file again when it changes, as SIGHUP does. What is wrong in it changes nothing.'),
  log,
  echo,
  admin,
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
