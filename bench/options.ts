/** The command line of the bench. */
import { Command, InvalidArgumentError } from 'commander';
import { AXIS_NAMES, type AxisName, type Sizes } from './axes.ts';
import { OPPONENTS } from './opponents/all.ts';

export interface Options {
  readonly only: readonly string[];
  readonly axes: readonly AxisName[];
  readonly rounds: number;
  readonly sizes: Sizes;
  readonly json: string | undefined;
  readonly write: boolean;
  readonly out: string;
}

const FULL: Sizes = { tunnels: 5000, bytes: 2 ** 30, roundTrips: 100_000, idle: 1000 };
const QUICK: Sizes = { tunnels: 1000, bytes: 2 ** 28, roundTrips: 20_000, idle: 300 };
const FULL_ROUNDS = 5;
const QUICK_ROUNDS = 2;

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
  readonly only?: string[];
  readonly axes?: AxisName[];
  readonly rounds?: number;
  readonly tunnels?: number;
  readonly mib?: number;
  readonly roundTrips?: number;
  readonly idle?: number;
  readonly json?: string;
  readonly write?: true;
  readonly out: string;
}

function sizesOf(flags: Flags): Sizes {
  const base = flags.quick ? QUICK : FULL;
  return {
    tunnels: flags.tunnels ?? base.tunnels,
    bytes: flags.mib === undefined ? base.bytes : flags.mib * 2 ** 20,
    roundTrips: flags.roundTrips ?? base.roundTrips,
    idle: flags.idle ?? base.idle,
  };
}

/** Reads the arguments; prints and exits by itself on `--help` (0) and on a usage error (2). */
export function readOptions(argv: readonly string[]): Options {
  const names = OPPONENTS.map(({ name }) => name);
  const command = new Command('npm run bench --')
    .description('Measures the CPU and memory of Gyre beside every other proxy installed here, in one run.')
    .option('--quick', 'few rounds of small size: a smoke test in about two minutes, not figures to quote')
    .option('--only <names>', `proxies, separated by commas: ${names.join(', ')}`, listOf(names))
    .option('--axes <axes>', `axes, separated by commas: ${AXIS_NAMES.join(', ')}`, listOf(AXIS_NAMES))
    .option('--rounds <n>', `interleaved rounds (default ${FULL_ROUNDS}, quick ${QUICK_ROUNDS})`, whole)
    .option(
      '--tunnels <n>',
      `tunnels a round and protocol (default ${FULL.tunnels}, quick ${QUICK.tunnels})`,
      whole,
    )
    .option(
      '--mib <n>',
      `MiB a round and direction (default ${FULL.bytes / 2 ** 20}, quick ${QUICK.bytes / 2 ** 20})`,
      whole,
    )
    .option(
      '--round-trips <n>',
      `round trips a round (default ${FULL.roundTrips}, quick ${QUICK.roundTrips})`,
      whole,
    )
    .option(
      '--idle <n>',
      `idle tunnels (default ${FULL.idle}, quick ${QUICK.idle}; two descriptors each)`,
      whole,
    )
    .option('--json <file>', 'write every single figure to this file')
    .option('--write', 'put the tables into the file of --out, and the figures into bench/results/')
    .option('--out <file>', 'the document for --write, with its two markers', 'docs/benchmarks.md')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  const flags: Flags = command.parse(argv, { from: 'user' }).opts();
  return {
    only: flags.only ?? names,
    axes: flags.axes ?? AXIS_NAMES,
    rounds: flags.rounds ?? (flags.quick ? QUICK_ROUNDS : FULL_ROUNDS),
    sizes: sizesOf(flags),
    json: flags.json,
    write: flags.write ?? false,
    out: flags.out,
  };
}
