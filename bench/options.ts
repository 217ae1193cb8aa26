/** The command line of the bench. */
import { Command, InvalidArgumentError } from 'commander';
import { AXIS_NAMES, type AxisName, type Sizes } from './axes.ts';
import { GROWTH_NAMES, type GrowthName } from './growth.ts';
import { OPPONENTS } from './opponents/all.ts';

export interface Options {
  readonly only: readonly string[];
  readonly axes: readonly AxisName[];
  readonly growths: readonly GrowthName[];
  readonly rounds: number;
  readonly sizes: Sizes;
  /** The rate of the axis `latency` was asked for, and is not found out. */
  readonly rateGiven: boolean;
  readonly guard: boolean;
  /** Of what grows only the least and the most. */
  readonly endsOnly: boolean;
  readonly json: string | undefined;
  readonly write: boolean;
  readonly out: string;
}

const FULL: Sizes = {
  tunnels: 4000,
  bytes: 640 * 2 ** 20,
  roundTrips: 60_000,
  requests: 4000,
  idle: 1000,
  crowd: 9000,
  seconds: 4,
  rate: 500,
};
const QUICK: Sizes = {
  tunnels: 1000,
  bytes: 2 ** 28,
  roundTrips: 20_000,
  requests: 1000,
  idle: 300,
  crowd: 1000,
  seconds: 2,
  rate: 500,
};
/** Long enough for the steps of CPU time, 10 ms, to be small against what is compared. */
const GUARD: Sizes = { ...QUICK, tunnels: 3000, bytes: 2 ** 29, roundTrips: 30_000, idle: 1000 };
const GUARDED: readonly AxisName[] = ['socks5', 'connect', 'down', 'up', 'rtt', 'idle'];

const ROUNDS = { full: 3, quick: 1, guard: 3 } as const;

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('It must be a whole number from 1.');
  return value;
}

function listOf<T extends string>(known: readonly T[]): (text: string) => T[] {
  return (text) =>
    text.split(',').map((name) => {
      const found = known.find((one) => one === name.trim());
      if (found === undefined) throw new InvalidArgumentError(`Known: ${known.join(', ')}.`);
      return found;
    });
}

interface Flags {
  readonly quick?: true;
  readonly guard?: true;
  readonly only?: string[];
  readonly axes?: (AxisName | GrowthName)[];
  readonly rounds?: number;
  readonly tunnels?: number;
  readonly mib?: number;
  readonly roundTrips?: number;
  readonly requests?: number;
  readonly idle?: number;
  readonly crowd?: number;
  readonly seconds?: number;
  readonly rate?: number;
  readonly json?: string;
  readonly write?: true;
  readonly out: string;
}

const levelOf = (flags: Flags): keyof typeof ROUNDS =>
  flags.guard ? 'guard' : flags.quick ? 'quick' : 'full';

function sizesOf(flags: Flags): Sizes {
  const base = { full: FULL, quick: QUICK, guard: GUARD }[levelOf(flags)];
  return {
    tunnels: flags.tunnels ?? base.tunnels,
    bytes: flags.mib === undefined ? base.bytes : flags.mib * 2 ** 20,
    roundTrips: flags.roundTrips ?? base.roundTrips,
    requests: flags.requests ?? base.requests,
    idle: flags.idle ?? base.idle,
    crowd: flags.crowd ?? base.crowd,
    seconds: flags.seconds ?? base.seconds,
    rate: flags.rate ?? base.rate,
  };
}

const AXES_HELP = `
What is measured (docs/benchmarks.md says how):
  socks5, connect, fixed  CPU of a tunnel: connect, 16-byte echo, close
  down, up                CPU of a GB over 4 tunnels; down64, up64 over 64
  rtt                     CPU of a 64-byte round trip over 32 tunnels
  http, kept              CPU of a plain HTTP request: a connection each, or kept
  idle, crowd             memory of an idle tunnel, among 1,000 and among 9,000
  latency                 p50 and p99 of tunnels begun at a fixed rate, measured from when they should have begun;
                          the rate is half of what the slowest proxy of this run did, unless --rate says it
  open, addresses, users, rules, threads, features
                          tunnels and round trips while there is more and more of that

Examples:
  npm run bench -- --quick                                 does everything work here?
  npm run bench -- --only gyre,floor --axes down,up,rtt    after a change of the relay
  npm run bench -- --axes addresses,users,rules            what grows with the configuration
  npm run bench -- --write                                 the whole page; about 40 minutes
  npm run bench -- --guard                                 for CI: ratios to the floor against bench/guard-limits.json
`;

/** An option with its two defaults in its description. */
const amount = (what: string, of: (sizes: Sizes) => number): string =>
  `${what} (default ${of(FULL)}, quick ${of(QUICK)})`;

function commandLine(names: readonly string[]): Command {
  const measures = [...AXIS_NAMES, ...GROWTH_NAMES];
  return new Command('npm run bench --')
    .description('Measures the CPU and memory of Gyre beside every other proxy installed here, in one run.')
    .option('--quick', 'one round of small size: a smoke test in a few minutes, not figures to quote')
    .option('--guard', 'Gyre and the floor only; ends with 1 when a ratio is above its committed limit')
    .option('--only <names>', `proxies, separated by commas: ${names.join(', ')}`, listOf(names))
    .option(
      '--axes <axes>',
      `what is measured, separated by commas: ${measures.join(', ')}`,
      listOf(measures),
    )
    .option('--rounds <n>', `interleaved rounds (default ${ROUNDS.full}, quick ${ROUNDS.quick})`, whole)
    .option(
      '--tunnels <n>',
      amount('tunnels a round and protocol', (sizes) => sizes.tunnels),
      whole,
    )
    .option(
      '--mib <n>',
      amount('MiB a round and direction', (sizes) => sizes.bytes / 2 ** 20),
      whole,
    )
    .option(
      '--round-trips <n>',
      amount('round trips a round', (sizes) => sizes.roundTrips),
      whole,
    )
    .option(
      '--requests <n>',
      amount('plain HTTP requests a round', (sizes) => sizes.requests),
      whole,
    )
    .option(
      '--idle <n>',
      amount('idle tunnels, two descriptors each', (sizes) => sizes.idle),
      whole,
    )
    .option(
      '--crowd <n>',
      amount('idle tunnels of the axis crowd', (sizes) => sizes.crowd),
      whole,
    )
    .option(
      '--seconds <n>',
      amount('seconds of the axis latency', (sizes) => sizes.seconds),
      whole,
    )
    .option('--rate <n>', 'tunnels a second of the axis latency (default: found out)', whole)
    .option('--json <file>', 'write every single figure to this file')
    .option('--write', 'put tables and charts into the file of --out, and the figures into bench/results/')
    .option('--out <file>', 'the document for --write, with its two markers', 'docs/benchmarks.md')
    .addHelpText('after', AXES_HELP)
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
}

const isIn = <T extends string>(known: readonly T[], name: string): name is T =>
  (known as readonly string[]).includes(name);

/** Reads the arguments; prints and exits by itself on `--help` (0) and on a usage error (2). */
export function readOptions(argv: readonly string[]): Options {
  const names = OPPONENTS.map(({ name }) => name);
  const flags: Flags = commandLine(names).parse(argv, { from: 'user' }).opts();
  const guard = flags.guard ?? false;
  const asked: readonly string[] = flags.axes ?? (guard ? GUARDED : [...AXIS_NAMES, ...GROWTH_NAMES]);
  return {
    only: flags.only ?? (guard ? ['gyre', 'gyre-open', 'floor'] : names),
    axes: AXIS_NAMES.filter((name) => asked.includes(name)),
    growths: GROWTH_NAMES.filter((name) => isIn(asked, name)),
    rounds: flags.rounds ?? ROUNDS[levelOf(flags)],
    sizes: sizesOf(flags),
    rateGiven: flags.rate !== undefined,
    guard,
    endsOnly: flags.quick ?? false,
    json: flags.json,
    write: flags.write ?? false,
    out: flags.out,
  };
}
