/** `gyre init`: a few questions → a commented configuration that can be served. */
import { randomBytes } from 'node:crypto';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { parsePool, PoolError } from '../egress/expression/expression.ts';
import { hashPassword } from '../policy/password.ts';
import { parseListen } from '../runtime/config/listen.ts';
import { Refusal } from '../runtime/config/problem.ts';
import { hostedAddresses, type Hosted } from './doctor/interfaces.ts';
import { Failure } from './exit.ts';
import { configText, type Answers } from './init-file.ts';
import { DEFAULTS, Questions, yesOrNo, type Asker, type Reader } from './init-questions.ts';
import { complain, say } from './terminal.ts';

const HELP = `
Asks where clients connect, which of the addresses of this host connections leave from, and whether there shall be an admin
API with a dashboard. Answers may come through a pipe, one a line; an empty line is the default. Who opens the proxy to
other hosts gets a user with a generated password: it is shown once, and its hash is in the file.

Examples:
  gyre init
  gyre init --yes --output /etc/gyre/gyre.yaml
  printf 'others\\n\\n\\n\\ny\\n' | gyre init --output -`;

const ADMIN = '127.0.0.1:1082';
/** Can be bound on every Linux; a look at the rotation without a second address. */
const TRIAL = '127.0.0.2-127.0.0.9';
/** 144 bits. */
const PASSWORD_BYTES = 18;

interface InitFlags {
  readonly output: string;
  readonly force?: true;
  readonly yes?: true;
}

interface Found {
  readonly answers: Answers;
  /** Shown once. */
  readonly password: string | undefined;
}

export function registerInit(program: Command): void {
  program
    .command('init')
    .description('ask a few questions and write a configuration')
    .option('-o, --output <file>', 'where to write it; - for standard output', 'gyre.yaml')
    .option('--force', 'replace a file that is there')
    .option('-y, --yes', 'ask nothing and take the defaults')
    .addHelpText('after', HELP)
    .action((flags: InitFlags) => init(flags));
}

async function init({ output, force, yes }: InitFlags): Promise<void> {
  // Before the questions: nobody likes to answer in vain.
  if (output !== '-' && force === undefined && existsSync(output)) throw alreadyThere(output);
  const asker = yes === true ? DEFAULTS : new Questions();
  let found: Found;
  try {
    found = await interview(asker, hostedAddresses());
  } finally {
    asker.close();
  }
  const { answers, password } = found;
  const text = configText(answers);
  if (output === '-') process.stdout.write(text);
  else write(output, text, force === true);
  if (password !== undefined) {
    complain(`user:     ${answers.user!.name}`);
    complain(`password: ${password}     (shown this once; the file has its hash)`);
  }
  if (output === '-') return;
  say(`wrote ${output}`);
  say(`next:  gyre check --bind --config ${output}\nthen:  gyre serve --config ${output}`);
}

/** @throws {Failure} The answers ended, or one of a pipe is wrong. */
export async function interview(asker: Asker, hosted: readonly Hosted[]): Promise<Found> {
  const others = await asker.ask('Who connects: programs on "this" host, or "others" too?', 'this', whoever);
  const listen = await asker.ask('Where do they connect?', others ? ':1080' : '127.0.0.1:1080', place);
  // An address of this host that others reach is asked for a password, whatever was answered first.
  const open = others || !/^(127\.|\[::1\]|localhost|\d+$)/.test(listen);
  const name = open ? await asker.ask('Name of the user?', 'gyre', userName) : undefined;
  const choices = choicesOf(hosted);
  complain(
    ['Connections can leave from:', ...choices.map(({ text }, i) => `  ${i + 1}  ${text}`)].join('\n'),
  );
  const pool = await asker.ask('Which? Numbers, or a pool expression', '1', (text) => picked(text, choices));
  const admin = await asker.ask(`Admin API and dashboard on ${ADMIN}, for this host?`, 'y', yesOrNo);
  const password = name === undefined ? undefined : randomBytes(PASSWORD_BYTES).toString('base64url');
  return {
    answers: {
      listen,
      user: password === undefined ? undefined : { name: name!, hash: await hashPassword(password) },
      pool,
      trial: pool.every((term) => term.startsWith('127.')),
      admin: admin ? ADMIN : undefined,
    },
    password,
  };
}

const whoever: Reader<boolean> = (text) => {
  if (/^(this|t|1)$/i.test(text)) return { value: false };
  return /^(others|o|2)$/i.test(text) ? { value: true } : { wrong: 'answer this or others' };
};

const place: Reader<string> = (text) => {
  try {
    parseListen(text);
    return { value: text };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { wrong: `${error.message}: ${error.hint}` };
  }
};

/** As clients write it in a URL, and free of what sessions and pools are asked for with. */
const userName: Reader<string> = (text) =>
  /^[A-Za-z0-9_.]{1,64}$/.test(text)
    ? { value: text }
    : { wrong: 'a name has 1 to 64 letters, digits, dots or underscores' };

interface Choice {
  readonly expression: string;
  readonly text: string;
}

/** Interfaces with several addresses as a whole, then single ones, then loopback for a try. */
export function choicesOf(hosted: readonly Hosted[]): Choice[] {
  const outward = hosted.filter(({ internal, address }) => !internal && !isLinkLocal(address));
  const devices = [...Map.groupBy(outward, ({ device }) => device)].map(([device, all]) => ({
    expression: `interface:${device}`,
    text: `all addresses of ${device}, also those it gets later: ${all.map(({ address }) => address).join(', ')}`,
  }));
  const single =
    outward.length < 2
      ? []
      : outward.map(({ address, device }) => ({
          expression: address,
          text: `${address} (${device})`,
        }));
  const trial = { expression: TRIAL, text: `${TRIAL}, of loopback: only to see the rotation on this host` };
  return [...devices, ...single, trial];
}

function picked(text: string, choices: readonly Choice[]): ReturnType<Reader<readonly string[]>> {
  const numbers = /^\d+([\s,]+\d+)*$/.test(text) ? text.split(/[\s,]+/).map(Number) : undefined;
  const beyond = numbers?.find((number) => choices[number - 1] === undefined);
  if (beyond !== undefined) return { wrong: `there is no ${beyond}: choose from 1 to ${choices.length}` };
  const terms = numbers?.map((number) => choices[number - 1]!.expression) ?? [text];
  try {
    parsePool(terms);
    return { value: terms };
  } catch (error) {
    if (!(error instanceof PoolError)) throw error;
    return { wrong: `${error.message}${error.hint === undefined ? '' : `: ${error.hint}`}` };
  }
}

const isLinkLocal = (address: string): boolean => /^(fe80:|169\.254\.)/i.test(address);

const alreadyThere = (output: string): Failure =>
  new Failure(`there is already ${output}`, 'replace it with --force, or write elsewhere with --output FILE');

/** For its owner alone: there may be a hash in it, and later a password. */
function write(path: string, text: string, force: boolean): void {
  const file = force ? `${path}.new` : path;
  if (force) rmSync(file, { force: true });
  try {
    writeFileSync(file, text, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw alreadyThere(path);
    throw new Failure(`${path} cannot be written: ${code}`, 'write elsewhere with --output FILE');
  }
  if (force) renameSync(file, path);
}
