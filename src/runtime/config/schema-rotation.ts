/** The options that say which egress a connection gets: strategy, family, ports, health. */
import { z } from 'zod';
import type { HealthOptions } from '../../egress/health/health.ts';
import { parseProbeTarget } from '../../egress/health/probe-target.ts';
import { STRATEGIES, type StrategyName } from '../../egress/rotation/strategies.ts';
import type { Config, GyreOptions } from '../config.ts';
import { parseDuration } from './duration.ts';
import { Refusal } from './problem.ts';
import { attempt, duration, group } from './shapes.ts';

type Keys = 'strategy' | 'cursor' | 'hashBy' | 'every' | 'family' | 'ports' | 'sessions' | 'health';

const NAMES = Object.keys(STRATEGIES) as [StrategyName, ...StrategyName[]];

/** For `--help` and the schema, from the one map of strategies. */
export const STRATEGY_HELP: string = NAMES.map((name) => `${name}: ${STRATEGIES[name].summary}`).join('; ');

const EVERY = 'expected a number of requests such as 100, or a duration such as 5m';

const every = z
  .union([z.int().min(1, { error: EVERY }).max(1_000_000_000, { error: EVERY }), z.string()], {
    error: EVERY,
  })
  .prefault(1)
  .transform((given, ctx) => attempt(() => readEvery(given), ctx))
  .describe('When sequential moves on: a number of requests such as 100, or a duration such as 5m.');

function readEvery(given: number | string): Config['every'] {
  if (typeof given === 'number') return { requests: given, ms: 0 };
  const digits = /^\d+$/.test(given);
  if (digits && Number(given) >= 1 && Number(given) <= 1_000_000_000)
    return { requests: Number(given), ms: 0 };
  if (digits) throw new Refusal(EVERY, 'requests go from 1 to 1000000000');
  return { requests: 0, ms: parseDuration(given, 1) };
}

const FAMILY = { error: 'expected 4 or 6' };

const family = group({
  prefer: z
    .literal([4, 6], FAMILY)
    .prefault(6)
    .describe('The family that goes first when target and pool have both: 4 or 6.'),
  only: z.literal([4, 6], FAMILY).optional().describe('The other family is not used at all: 4 or 6.'),
  stagger: duration('250ms', 'Head start of the preferred family (RFC 8305).', 10),
}).describe('Which family to leave by.');

const whole = (byDefault: number, most: number, description: string): z.ZodPrefault<z.ZodInt> => {
  const error = `expected a whole number from 1 to ${most}`;
  return z.int({ error }).min(1, { error }).max(most, { error }).prefault(byDefault).describe(description);
};

const SHARE = 'expected a share from 0 to 1';

const PROBE = 'expected keys here: target, interval, timeout, concurrency, rise, fall';

const probe = z
  .strictObject(
    {
      target: z
        .string({ error: 'expected a target such as tcp://192.0.2.1:443' })
        .transform((text, ctx) => attempt(() => checkTarget(text), ctx))
        .describe('tcp://ADDR:PORT, or http://ADDR:PORT/PATH that answers 2xx or 3xx.'),
      interval: duration('30s', 'From one round to the next.', 100),
      timeout: duration('5s', 'For one probe.', 10),
      concurrency: whole(16, 1000, 'Probes under way at once.'),
      rise: whole(2, 100, 'Successes in a row that bring an address back.'),
      fall: whole(3, 100, 'Failures in a row that take it out.'),
    },
    { error: ({ code }) => (code === 'invalid_type' ? PROBE : undefined) },
  )
  .optional()
  .describe('Asks a target from each address. Left out: only what connections meet counts.');

function checkTarget(text: string): string {
  try {
    parseProbeTarget(text);
    return text;
  } catch (error) {
    throw new Refusal((error as Error).message);
  }
}

const health = group({
  failures: whole(5, 1000, 'Failures in a row, by fault of the address, that take it out.'),
  floor: z
    .number({ error: SHARE })
    .min(0, { error: SHARE })
    .max(1, { error: SHARE })
    .prefault(0.5)
    .describe('Share of the pool that stays in use whatever fails, from 0 to 1.'),
  backoff: group({
    first: duration('5s', 'Before an address is tried again that was taken out.', 10),
    last: duration('5m', 'The longest wait, after it was taken out again and again.', 10),
  }).describe('How long an address stays out.'),
  probe,
})
  .transform(({ failures, floor, backoff, probe: given }): HealthOptions => ({
    failures,
    floor,
    backoffMs: backoff,
    probe: given && {
      target: given.target,
      intervalMs: given.interval,
      timeoutMs: given.timeout,
      concurrency: given.concurrency,
      rise: given.rise,
      fall: given.fall,
    },
  }))
  .describe('When an address is taken out of the rotation, and how it comes back.');

const sessions = group({
  by: z
    .enum(['name', 'client', 'port', 'listen'])
    .prefault('name')
    .describe(
      'What makes a session where the user name names none. name: nothing; client: the client address; port: the port it connected to; listen: the address it connected to.',
    ),
  ttl: duration('10m', 'A session keeps its address so long from its first use; 0s: for ever.', 0),
  idle: duration('0s', 'A session keeps its address so long without a new connection; 0s: for ever.', 0),
  strict: z
    .boolean({ error: 'expected true or false' })
    .prefault(false)
    .describe('A session that has lost its address fails; otherwise it moves to another one.'),
  file: z
    .string({ error: 'expected the path of a file' })
    .min(1, { error: 'expected the path of a file' })
    .optional()
    .transform((path) => path)
    .describe('Where the terms of sessions are kept over a restart. Left out: they begin anew.'),
}).describe('Sticky sessions: connections that keep the same egress.');

export const rotation: { readonly [Key in Keys]: z.ZodType<Config[Key], GyreOptions[Key]> } = {
  strategy: z
    .enum(NAMES)
    .prefault('round-robin')
    .describe(`Which address of the pool comes next. ${STRATEGY_HELP}.`),
  cursor: z
    .enum(['destination', 'global', 'user'])
    .prefault('destination')
    .describe(
      'Whose turns are counted together: each destination host has its own, all share one, or each user has one.',
    ),
  hashBy: z
    .enum(['client', 'user', 'destination'])
    .prefault('client')
    .describe('What the strategy hash goes by.'),
  every,
  family,
  ports: z
    .enum(['own', 'kernel'])
    .prefault('own')
    .describe(
      'own: Gyre chooses source ports, so that an address carries the full port range per destination; kernel: the kernel does.',
    ),
  sessions,
  health,
};
