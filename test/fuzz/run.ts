/**
 * `npm run fuzz`: coverage-guided fuzzing of everything that reads bytes or text from outside.
 *
 * Layout: targets/ (what is fed, and what must hold) · engine/ (the search, one worker thread a target) · job (starts a
 * thread and sees whether it hangs) · table (what people see) · corpus/ and crashes/ (inputs, one folder a target).
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Argument, Command, InvalidArgumentError } from 'commander';
import { runJob, type Result } from './job.ts';
import { counts, table } from './table.ts';
import { TARGET_NAMES, TARGETS, type TargetName } from './targets.ts';

interface Options {
  readonly runs: number;
  readonly seed: number;
  readonly jobs: number;
  readonly keep: boolean;
  readonly replay?: string;
}

const PROGRESS_EVERY_MS = process.stderr.isTTY ? 5000 : 15_000;

const say = (text: string): void => void process.stderr.write(`${text}\n`);

const whole =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text.replaceAll(/[_,]/g, ''));
    if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Write a whole number from ${least} to ${most}.`);
  };

const program = new Command('npm run fuzz --')
  .description('Coverage-guided fuzzing of all parsers. Exits with 1 when an input breaks something.')
  .addArgument(new Argument('[targets...]', 'what to fuzz; everything by default').choices(TARGET_NAMES))
  .option('-r, --runs <number>', 'new inputs for each target', whole(0, 1e12), 200_000)
  .option('-s, --seed <number>', 'repeats a run; by default another one each time', whole(0, 2 ** 31 - 1))
  .option('-j, --jobs <number>', 'targets at the same time', whole(1, 256), availableParallelism())
  .option('-k, --keep', 'adds the inputs that reached most to test/fuzz/corpus, five a target', false)
  .option('--replay <file>', 'feeds one file to one target and shows what comes of it')
  .showHelpAfterError()
  .parse();

/** Several targets share the cores: each takes the next one when it is done with the last. */
async function runAll(names: readonly TargetName[], { runs, keep, jobs, seed }: Options): Promise<Result[]> {
  const results: Result[] = [];
  const waiting = [...names];
  const live = new Map<TargetName, Result>();
  const timer = setInterval(() => {
    for (const result of live.values()) say(counts(result));
  }, PROGRESS_EVERY_MS);
  const work = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const result = await runJob({ name, runs, seed, keep }, (now) => live.set(now.name, now));
      live.delete(name);
      results.push(result);
      say(counts(result));
      if (result.crash !== undefined) sayCrash(name, result.crash);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  clearInterval(timer);
  return results.sort((a, b) => names.indexOf(a.name) - names.indexOf(b.name));
}

function sayCrash(name: TargetName, { file, error }: NonNullable<Result['crash']>): void {
  const shown = JSON.stringify(readFileSync(file).toString('latin1').slice(0, 300));
  say(`\n${name} broke: ${error}\n`);
  say(`  the input, one character a byte: ${shown}`);
  say(`  it lies in ${file} and is now a case of test/unit/fuzz/corpus.test.ts`);
  say(`  to see it again: npm run fuzz -- ${name} --replay ${file}\n`);
}

async function replay(names: readonly TargetName[], file: string): Promise<void> {
  const [name, ...more] = names;
  if (name === undefined || more.length > 0)
    return program.error('--replay wants exactly one target: npm run fuzz -- socks5 --replay FILE');
  const target = await TARGETS[name]();
  say(`${name}: ${target.run(readFileSync(file))}`);
}

const named = program.processedArgs[0] as readonly TargetName[];
const options = program.opts<Options>();
if (options.replay === undefined) {
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 31);
  const names = named.length > 0 ? TARGET_NAMES.filter((name) => named.includes(name)) : TARGET_NAMES;
  say(
    `${names.length} target${names.length === 1 ? '' : 's'}, ${options.runs.toLocaleString('en')} inputs each, --seed ${seed}`,
  );
  const results = await runAll(names, { ...options, seed });
  process.stdout.write(`\n${table(results)}\n`);
  if (results.some(({ crash }) => crash !== undefined)) process.exitCode = 1;
} else {
  await replay(named, options.replay);
}
