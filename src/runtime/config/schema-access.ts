/** The options that say who may use the proxy, and where to. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { STRATEGIES, type StrategyName } from '../../egress/rotation/strategies.ts';
import { isPasswordHash } from '../../policy/password.ts';
import { parsePattern } from '../../policy/rules/pattern.ts';
import type { RuleConfig } from '../../policy/rules.ts';
import { foreignHash } from '../../policy/users/foreign-hash.ts';
import type { ExternalCheck } from '../../policy/users/external.ts';
import type { Config, GyreOptions, UserConfig } from '../config.ts';
import { isLoopback } from './listen.ts';
import { MOMENT, parseMoment } from './moment.ts';
import type { UserOption } from './options.ts';
import { quote, Refusal } from './problem.ts';
import { networks } from './schema-listen.ts';
import { ownLimits } from './schema-limits.ts';
import { attempt, duration, flag, given, group, listOf } from './shapes.ts';

const userText = (what: string): z.ZodString =>
  z
    .string({ error: `expected the ${what} as text\nput it in quotes` })
    .min(1, { error: `the ${what} is empty` })
    // RFC 1929 gives the length one byte.
    .refine((text) => Buffer.byteLength(text) <= 255, { error: `the ${what} is longer than 255 bytes` });

const PATTERN = "expected a target such as example.com, '*.example.com:443', 192.0.2.0/24, ':25' or all";

const patterns = (): z.ZodType<string[], string | string[]> =>
  listOf(
    z.string({ error: PATTERN }).transform((text, ctx) => {
      attempt(() => parsePattern(text), ctx);
      return text;
    }),
    { error: `${PATTERN}, or a list of them`, least: 1 },
  );

const POOL = 'expected the name of a pool';
const poolName = (): z.ZodString => z.string({ error: POOL }).min(1, { error: POOL });

function checkHash(text: string): string {
  if (isPasswordHash(text)) return text;
  const only = 'write only the hash, from its $ on';
  const { kind, hint } = text.includes(':') ? { kind: 'more than a hash', hint: only } : foreignHash(text);
  throw new Refusal(`expected a bcrypt or scrypt hash, and this is ${kind}`, hint);
}

const USER = 'expected a user with a name and a password\nfor example {name: alice, passwordHash: …}';
const STRATEGY_NAMES = Object.keys(STRATEGIES) as [StrategyName, ...StrategyName[]];

const user = z
  .strictObject(
    {
      name: userText('user name')
        .refine((text) => !text.includes(':'), { error: 'a user name may not have a colon in it' })
        .refine((text) => !/[\u0000-\u001f\u007f]/.test(text), {
          error: 'a user name may not have control characters in it',
        })
        .describe('1 to 255 bytes, no colon.'),
      password: userText('password')
        .refine((text) => !text.startsWith('$scrypt$') && !isPasswordHash(text), {
          error: 'this is the hash of a password\nwrite it as passwordHash',
        })
        .optional()
        .describe('1 to 255 bytes. Anyone who can read the file can read it: prefer passwordHash.'),
      passwordHash: z
        .string({ error: 'expected the hash of a password as text' })
        .transform((text, ctx) => attempt(() => checkHash(text), ctx))
        .optional()
        .describe('What `gyre hash-password` prints, or a bcrypt hash ($2a$, $2b$, $2y$).'),
      pool: poolName().optional().describe('The pool it leaves by when it asks for none.'),
      pools: listOf(poolName(), { error: `${POOL}, or a list of them`, least: 1 })
        .optional()
        .describe('The pools it may ask for. Left out: all.'),
      strategy: z
        .enum(STRATEGY_NAMES)
        .optional()
        .describe('Which address comes next for it. Left out: as for everybody.'),
      expires: z
        .string({ error: 'expected a date such as 2027-01-31' })
        .meta({ pattern: MOMENT.source })
        .transform((text, ctx) => attempt(() => parseMoment(text), ctx))
        .optional()
        .describe(
          '2027-01-31, or 2027-01-31T18:00+01:00: refused from then on. UTC unless it says otherwise.',
        ),
      targets: patterns()
        .optional()
        .describe('The only targets it may reach, as in targets.rules. Left out: what the rules allow.'),
      limits: ownLimits.describe('What is said here counts instead of limits.user.'),
    },
    {
      error: ({ code, input }) => {
        if (code !== 'invalid_type') return undefined;
        // Flags and variables that have no colon arrive as nothing: what they hold may be a password.
        return input === undefined ? 'expected NAME:PASSWORD' : USER;
      },
    },
  )
  .transform(({ password, passwordHash, expires, ...written }, ctx): UserConfig => {
    const terms = given({ ...written, expiresAt: expires });
    if (password !== undefined && passwordHash === undefined) return { ...terms, password };
    if (password === undefined && passwordHash !== undefined) return { ...terms, passwordHash };
    const who = `the user ${quote(written.name)}`;
    const message =
      password === undefined
        ? `${who} has no password\ngive it a password, or a passwordHash from: gyre hash-password`
        : `${who} has both password and passwordHash\nleave one of the two out`;
    ctx.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

const users = z
  // The object above says less than the type: that of the two passwords there is exactly one.
  .array(user as unknown as z.ZodType<UserConfig, UserOption>, {
    error: 'expected a list of users, each with a name and a password',
  })
  .prefault([])
  .describe('Who may use the proxy. Without users, usersFile and userCheck no credentials are asked for.');

const USERS_FILE = 'expected the path of an htpasswd file';

const usersFile = z
  .string({ error: USERS_FILE })
  .min(1, { error: USERS_FILE })
  .optional()
  .transform((path) => path)
  .describe('More users, in an htpasswd file (bcrypt or scrypt), which is read again when it changes.');

const CHECK_URL = 'expected the URL of an HTTP endpoint\nfor example http://127.0.0.1:9000/check';

const userCheck = z
  .strictObject(
    {
      url: z
        .string({ error: CHECK_URL })
        .transform((text, ctx) => attempt(() => checkUrl(text), ctx))
        .describe('Gets user, password and client as JSON by POST; 2xx is a yes, 401 and 403 are a no.'),
      timeout: duration('2s', 'For one question; without an answer nobody gets in.', 10),
      cache: duration('30s', 'How long a yes is believed; a no 5s at most. 0s: it is asked each time.', 0),
    },
    {
      error: ({ code }) => (code === 'invalid_type' ? 'expected keys here: url, timeout, cache' : undefined),
    },
  )
  .transform(({ url, timeout, cache }): ExternalCheck => ({ url, timeoutMs: timeout, cacheMs: cache }))
  .optional()
  .describe('Who is asked, by HTTP, about users that are not listed.');

/** Nothing of it is shown: it may hold a password. */
function checkUrl(text: string): string {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol)) return text;
  throw new Refusal('this is not an http or https URL', 'write for example http://127.0.0.1:9000/check');
}

/** Where passwords would go to for everyone on the way to read; undefined: nowhere. */
export function plainTextHost(check: ExternalCheck | undefined): string | undefined {
  const { protocol, hostname, host } = new URL(check?.url ?? 'https://localhost');
  const address = hostname.replaceAll(/[[\]]/g, '');
  const near = isLoopback(address) || (isIP(address) === 0 && address.endsWith('.localhost'));
  return protocol === 'http:' && !near ? host : undefined;
}

const clients = group({
  allow: networks().prefault([]).describe('Client addresses and prefixes that may connect. Empty: everyone.'),
  deny: networks().prefault([]).describe('Client addresses and prefixes that may not; wins over allow.'),
}).describe('Which clients may connect at all.');

const RULE = "expected a rule, such as {deny: [':25']} or {allow: [192.0.2.0/24], users: [alice]}";

const rule = z
  .strictObject(
    {
      allow: patterns().optional().describe('Targets that may be reached.'),
      deny: patterns()
        .optional()
        .describe(
          'Targets that may not: example.com, *.example.com (below it), .example.com (both), 192.0.2.0/24, each with ports behind it (:443, :80,443, :8000-8999); :25 for any host, and all.',
        ),
      users: listOf(userText('user name'), {
        error: 'expected the name of a user, or a list of them',
        least: 1,
      })
        .optional()
        .describe('Whom the rule is about. Left out: everybody.'),
    },
    { error: ({ code }) => (code === 'invalid_type' ? RULE : undefined) },
  )
  .transform((written, ctx): RuleConfig => {
    if ((written.allow === undefined) !== (written.deny === undefined)) return given(written);
    const both = written.allow !== undefined;
    const message = both
      ? 'the rule has both allow and deny\nmake two rules of it, in the order they count in'
      : `the rule neither allows nor denies\nwrite for example {deny: [':25']}`;
    ctx.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

const targets = group({
  allowPrivate: flag()
    .prefault(false)
    .describe('Lets clients reach private, loopback, link-local and cloud metadata addresses.'),
  rules: z
    .array(rule, { error: 'expected a list of rules, each with allow or deny' })
    .prefault([])
    .describe('The first rule that matches decides; what none matches is allowed.'),
}).describe('What clients may reach.');

type Keys = 'users' | 'usersFile' | 'userCheck' | 'removedUsers' | 'clients' | 'targets';

export const access: { readonly [Key in Keys]: z.ZodType<Config[Key], GyreOptions[Key]> } = {
  users,
  usersFile,
  userCheck,
  removedUsers: z
    .enum(['cut', 'keep'])
    .prefault('cut')
    .describe('What becomes of the tunnels of a user who is taken out: cut, or keep until they end.'),
  clients,
  targets,
};
