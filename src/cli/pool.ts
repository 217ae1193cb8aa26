/** `gyre pool`: `expand` says which addresses an expression stands for at this moment; the others ask a running gateway. */
import { setImmediate } from 'node:timers/promises';
import { InvalidArgumentError, type Command } from 'commander';
import { parsePool, PoolError } from '../egress/expression/expression.ts';
import type { SourceStatus } from '../egress/sources/feed.ts';
import { count, expand } from '../egress/pool/ranges.ts';
import { EXIT, Failure } from './exit.ts';
import { registerPoolActs } from './pool-act.ts';
import { registerPoolList } from './pool-list.ts';
import {
  complaintsOf,
  hasFailed,
  kindOf,
  readPool,
  stateOf,
  statusAsJson,
  type PoolPart,
  type PoolReading,
} from './read-pool.ts';
import { complain, plural, say } from './terminal.ts';

/** Lines in one write. */
const BATCH = 1024;

const HELP = `
Expressions: 192.0.2.10   192.0.2.10-192.0.2.19   192.0.2.0/28   2001:db8:1::/64   interface:eth0
  file:/etc/gyre/pool.txt   https://example.com/pool.txt   aws:eth0   'exec:/usr/local/bin/my-pool --all'
and '!' before any of the first line to exclude (in quotes: shells read ! themselves). Several are joined.
After one: *3 a weight, ;country=de a tag, ;refresh=10s, ;identity=64.

Every source is read once. A line of it that is no address is skipped and told; a source that fails ends with 1.

Examples:
  gyre pool expand 192.0.2.0/28 '!192.0.2.7'
  gyre pool expand --count 2001:db8:1::/48
  gyre pool expand --sources file:/etc/gyre/pool.txt interface:eth0
  gyre pool expand --json '192.0.2.0/30*2;country=de' | jq .addresses`;

interface ExpandFlags {
  readonly limit: number;
  readonly count?: true;
  readonly sources?: true;
  readonly json?: true;
}

/** One address as `--json` shows it. */
export interface ExpandedAddress {
  readonly address: string;
  readonly weight: number;
  readonly tags: readonly string[];
  /** The term that brought it in, free of secrets. */
  readonly source: string;
}

export function registerPool(program: Command): void {
  const pool = program.command('pool').description('pool expressions, and the egresses of a running gateway');
  pool
    .command('expand')
    .description('print the addresses a pool expression stands for, one a line')
    .argument('<expr...>', 'one or more expressions')
    .option('--limit <count>', 'most addresses to print', readLimit, 65_536)
    .option('--count', 'print only how many there are')
    .option('--sources', 'print one line for each term instead: what it is, how many addresses it has')
    .option(
      '--json',
      'print {"count": "…", "addresses": [{"address", "weight", "tags", "source"}]}; the count is text, as it may exceed a number',
    )
    .addHelpText('after', HELP)
    .action((words: string[], flags: ExpandFlags) => expandPool(words, flags));
  registerPoolList(pool);
  registerPoolActs(pool);
}

async function expandPool(words: readonly string[], flags: ExpandFlags): Promise<void> {
  const reading = await read(words);
  for (const complaint of reading.sources.flatMap(complaintsOf)) complain(`gyre: ${complaint}`);
  await show(reading, flags);
  const failed = reading.sources.filter(hasFailed).length;
  if (failed > 0) throw new Failure(`${plural(failed, 'source')} of the pool failed`);
}

async function read(words: readonly string[]): Promise<PoolReading> {
  try {
    return await readPool(parsePool(words));
  } catch (error) {
    if (!(error instanceof PoolError)) throw error;
    throw new Failure(error.message, error.hint, EXIT.usage);
  }
}

async function show({ parts, sources }: PoolReading, flags: ExpandFlags): Promise<void> {
  const total = count(parts.map(({ range }) => range));
  const numbered = { count: String(total) };
  if (flags.sources) {
    say(flags.json ? JSON.stringify({ ...numbered, sources: sources.map(statusAsJson) }) : table(sources));
    return;
  }
  if (flags.count) {
    say(flags.json ? JSON.stringify(numbered) : numbered.count);
    return;
  }
  const addresses = addressesOf(parts, flags.limit);
  if (flags.json) say(JSON.stringify({ ...numbered, addresses: [...addresses] }));
  else await print(addresses);
  const left = total - BigInt(flags.limit);
  if (left > 0n) complain(`gyre: ${plural(left, 'more address', 'more addresses')} left out; see --limit`);
}

/** @param limit Most addresses to yield. */
export function* addressesOf(
  parts: readonly PoolPart[],
  limit: number,
): Generator<ExpandedAddress, void, undefined> {
  let left = limit;
  for (const { range, source } of parts) {
    const { weight, tags } = range;
    for (const address of expand([range], left)) {
      left--;
      yield { address, weight, tags, source };
    }
  }
}

/** Whoever reads may leave early: after each batch the stream gets the chance to notice. */
async function print(addresses: Iterator<ExpandedAddress, void>): Promise<void> {
  for (let done: boolean | undefined; !done && process.stdout.writable; await setImmediate()) {
    const lines: string[] = [];
    while (lines.length < BATCH) {
      const next = addresses.next();
      done = next.done;
      if (next.done) break;
      lines.push(next.value.address);
    }
    if (lines.length > 0) say(lines.join('\n'));
  }
}

function table(sources: readonly SourceStatus[]): string {
  const width = Math.max(...sources.map(({ text }) => text.length));
  return sources
    .map((source) => `${source.text.padEnd(width)}  ${kindOf(source).padEnd(9)}  ${stateOf(source)}`)
    .join('\n');
}

function readLimit(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}
