/** `gyre pool expand`: which addresses an expression stands for. */
import { networkInterfaces } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { InvalidArgumentError, type Command } from 'commander';
import { parsePool, PoolError, poolRanges } from '../egress/expression.ts';
import { count, expand, type Range } from '../egress/ranges.ts';
import { EXIT, Failure } from './exit.ts';
import { complain, plural, say } from './terminal.ts';

/** Lines in one write. */
const BATCH = 1024;

const HELP = `
Expressions: 192.0.2.10   192.0.2.10-192.0.2.19   192.0.2.0/28   2001:db8:1::/64   interface:eth0
and '!' before any of them to exclude (in quotes: shells read ! themselves). Several are joined.

Examples:
  gyre pool expand 192.0.2.0/28 '!192.0.2.7'
  gyre pool expand --count 2001:db8:1::/48
  gyre pool expand --limit 5 interface:eth0`;

interface ExpandFlags {
  readonly limit: number;
  readonly count?: true;
  readonly json?: true;
}

export function registerPool(program: Command): void {
  const pool = program.command('pool').description('look at pool expressions');
  pool
    .command('expand')
    .description('print the addresses a pool expression stands for, one a line')
    .argument('<expr...>', 'one or more expressions')
    .option('--limit <count>', 'most addresses to print', readLimit, 65_536)
    .option('--count', 'print only how many there are')
    .option('--json', 'print {"count": "…", "addresses": […]}; the count is text, as it may exceed a number')
    .addHelpText('after', HELP)
    .action((terms: string[], flags: ExpandFlags) => expandPool(terms, flags));
}

async function expandPool(terms: readonly string[], flags: ExpandFlags): Promise<void> {
  const ranges = readRanges(terms);
  const total = count(ranges);
  if (flags.count) return say(flags.json ? JSON.stringify({ count: String(total) }) : String(total));
  const left = total - BigInt(flags.limit);
  if (flags.json) say(JSON.stringify({ count: String(total), addresses: [...expand(ranges, flags.limit)] }));
  else await print(expand(ranges, flags.limit));
  if (left > 0n) complain(`gyre: ${plural(left, 'more address', 'more addresses')} left out; see --limit`);
}

/** Whoever reads may leave early: after each batch the stream gets the chance to notice. */
async function print(addresses: Iterator<string, void>): Promise<void> {
  for (let done: boolean | undefined; !done && process.stdout.writable; await setImmediate()) {
    const lines: string[] = [];
    while (lines.length < BATCH) {
      const next = addresses.next();
      done = next.done;
      if (next.done) break;
      lines.push(next.value);
    }
    if (lines.length > 0) say(lines.join('\n'));
  }
}

function readRanges(terms: readonly string[]): Range[] {
  try {
    return poolRanges(parsePool(terms), networkInterfaces());
  } catch (error) {
    if (!(error instanceof PoolError)) throw error;
    throw new Failure(error.message, error.hint, EXIT.usage);
  }
}

function readLimit(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}
