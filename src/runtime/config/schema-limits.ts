/** The options that say how much is too much: limits, quotas, and when new clients are turned away. */
import { z } from 'zod';
import type { LimitTerms } from '../../policy/limits/terms.ts';
import type { Config, GyreOptions } from '../config.ts';
import {
  MOST_CONNECTIONS,
  parseQuota,
  parseRate,
  parseSpeed,
  QUOTA,
  RATE,
  SPEED,
  unitless,
} from './amounts.ts';
import type { LimitSettings } from './options.ts';
import { attempt, duration, given, group, said } from './shapes.ts';

/** Without what is said of them elsewhere: with listeners and users. */
export type WrittenLimits = Omit<Config['limits'], 'perListener' | 'users'>;

const count = (least: 0 | 1, hint = ''): z.ZodInt => {
  const error = `expected a whole number from ${least} to ${MOST_CONNECTIONS}${hint}`;
  return z.int({ error }).min(least, { error }).max(MOST_CONNECTIONS, { error });
};

/** A text with a unit in it. */
function amount<T>(
  what: 'speed' | 'rate' | 'quota',
  example: string,
  form: RegExp,
  parse: (text: string) => T,
): z.ZodType<T, string> {
  return z
    .string({
      error: ({ input }) =>
        typeof input === 'number' && what !== 'rate'
          ? said(unitless(what, input))
          : `expected a ${what} such as ${example}`,
    })
    .meta({ pattern: form.source })
    .transform((text, ctx) => attempt(() => parse(text), ctx));
}

const speed = (): z.ZodType<number, string> => amount('speed', '1MB/s', SPEED, parseSpeed);

const KEYS = 'expected keys here: connections, rate, up, down, quota';

const keys = {
  connections: count(1, '\nleave it out for no limit').optional().describe('Connections at the same time.'),
  rate: amount('rate', '20/s', RATE, parseRate)
    .optional()
    .describe('New connections: 20/s, 600/m or 1000/h; so many may also come at once.'),
  up: speed().optional().describe('Bytes from clients to targets: 1MB/s, 512KiB/s or 8Mbit/s.'),
  down: speed().optional().describe('Bytes from targets to clients: 1MB/s, 512KiB/s or 8Mbit/s.'),
  quota: amount('quota', '100GB/month', QUOTA, parseQuota)
    .optional()
    .describe('Bytes both ways together, by the calendar in UTC: 100GB/month, 10GB/day or 1GB/hour.'),
};

const terms = z
  .strictObject(keys, { error: ({ code }) => (code === 'invalid_type' ? KEYS : undefined) })
  .transform((written): LimitTerms => given(written));

/** The limits of one listener, or one user. */
export const ownLimits: z.ZodType<LimitTerms | undefined, LimitSettings | undefined> = terms.optional();

const limitsOf = (whom: string): z.ZodType<LimitTerms, LimitSettings | undefined> =>
  terms.prefault({}).describe(whom);

/** 0 as an operator writes it. */
const orNone = (number: number): number => (number === 0 ? Infinity : number);

export const limits: z.ZodType<WrittenLimits, GyreOptions['limits']> = group({
  all: limitsOf('All connections together.'),
  client: limitsOf('Each client address; in IPv6 each /64.'),
  user: limitsOf('Each user, as far as its own limits say nothing else.'),
  handshakes: count(0)
    .prefault(8192)
    .describe('Connections of one client address whose request is not complete yet; 0: any number.'),
  logins: group({
    failures: count(0).prefault(100).describe('So many wrong passwords are too many; 0: never.'),
    per: duration('1m', 'Within this time, from the first one on.'),
    ban: duration('1m', 'For this long nobody gets in then.'),
  }).describe('Wrong passwords, counted for each client address and for each user name.'),
  quotaFile: z
    .string({ error: 'expected the path of a file' })
    .min(1, { error: 'expected the path of a file' })
    .optional()
    .describe('Where it is kept over a restart how much of quotas is used. Left out: they begin anew.'),
})
  .transform(({ all, client, user, handshakes, logins, quotaFile }): WrittenLimits => ({
    global: all,
    perClient: client,
    perUser: user,
    handshakes: orNone(handshakes),
    logins: { failures: orNone(logins.failures), perMs: logins.per, banMs: logins.ban },
    quotaFile,
  }))
  .describe('How much each may use. What is left out is not limited.');

const SHARE = 'expected a share from 0 to 1';

const share = (byDefault: number, description: string): z.ZodType<number, number | undefined> =>
  z
    .number({ error: SHARE })
    .min(0, { error: SHARE })
    .max(1, { error: SHARE })
    .prefault(byDefault)
    .describe(description);

export const overload: z.ZodType<Config['overload'], GyreOptions['overload']> = group({
  descriptors: share(
    0.95,
    'Share of the file descriptors this process may open, from 0 to 1; 0: all but a reserve of 64.',
  ),
  memory: share(0.9, 'Share of the memory its control group may use, from 0 to 1; 0: never.'),
  loopDelay: duration('0s', 'How late the timers of a thread may be; 0s: as late as they like.', 0),
}).describe('When new clients are turned away, so that those inside are served.');
