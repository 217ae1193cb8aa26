/** Completion in the shells it is for, each driven without anybody at the keyboard. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { declareCase } from '../support/program-case.ts';
import { cleanEnvironment, findProgram, runProgram } from '../support/program.ts';
import { GYRE_BIN } from '../support/program-gyre.ts';

const folder = mkdtempSync(join(tmpdir(), 'gyre-completion-'));
const script = (shell: string): string => join(folder, shell === 'zsh' ? '_gyre' : `gyre.${shell}`);

before(async () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, stdout, stderr } = await runProgram(process.execPath, [GYRE_BIN, 'completion', shell]);
    assert.deepEqual([code, stderr], [0, '']);
    writeFileSync(script(shell), stdout);
  }
  writeFileSync(join(folder, 'my pool.yaml'), '');
});
after(() => rmSync(folder, { recursive: true }));

/** What bash would offer for the last of these words. */
async function inBash(...words: string[]): Promise<string[]> {
  const program = `
    source "$1"; shift
    COMP_WORDS=(gyre "$@"); COMP_CWORD=$#
    _gyre && printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { code, stdout, stderr } = await runProgram(
    'bash',
    ['-c', program, 'bash', script('bash'), ...words],
    {
      cwd: folder,
    },
  );
  assert.deepEqual([code, stderr], [0, ''], words.join(' '));
  return stdout.split('\n').filter((line) => line !== '');
}

async function inFish(line: string): Promise<string[]> {
  const { code, stdout, stderr } = await runProgram(
    'fish',
    ['--no-config', '-c', 'source $argv[1]; complete -C $argv[2]', script('fish'), line],
    { cwd: folder },
  );
  assert.deepEqual([code, stderr], [0, ''], line);
  return stdout
    .split('\n')
    .filter((one) => one !== '')
    .map((one) => one.split('\t')[0]!);
}

declareCase('bash completes verbs, and those below them', ['bash'], async () => {
  const verbs = await inBash('');
  for (const verb of ['serve', 'check', 'load', 'doctor', 'init', 'completion'])
    assert.ok(verbs.includes(verb), verb);
  assert.deepEqual(await inBash('doc'), ['doctor']);
  assert.deepEqual(await inBash('pool', 'exp'), ['expand']);
  assert.deepEqual(await inBash('completion', ''), ['bash', 'zsh', 'fish', '--help']);
});

declareCase('bash completes options, and the values that are known', ['bash'], async () => {
  assert.deepEqual(await inBash('serve', '--strat'), ['--strategy']);
  assert.deepEqual(await inBash('serve', '--strategy', 'r'), ['round-robin', 'random']);
  // As bash parts --strategy=w.
  assert.deepEqual(await inBash('serve', '--strategy', '=', 'w'), ['weighted']);
  assert.deepEqual(await inBash('check', '--log-level', ''), ['error', 'warn', 'info', 'debug']);
  assert.deepEqual(await inBash('serve', '--user', ''), []);
  // The value of an option is no verb.
  assert.ok((await inBash('serve', '--pool', 'check', '--pro')).includes('--prove'));
});

declareCase('bash completes files where a file is meant, with blanks in their names', ['bash'], async () => {
  assert.deepEqual(await inBash('serve', '--config', 'my'), ['my pool.yaml']);
  assert.deepEqual(await inBash('serve', '-c', 'my'), ['my pool.yaml']);
});

declareCase('fish completes verbs, options, values and files', ['fish'], async () => {
  assert.deepEqual(await inFish('gyre doc'), ['doctor']);
  assert.deepEqual(await inFish('gyre pool exp'), ['expand']);
  assert.deepEqual(await inFish('gyre serve --strat'), ['--strategy']);
  assert.deepEqual((await inFish('gyre serve --strategy r')).toSorted(), ['random', 'round-robin']);
  assert.deepEqual((await inFish('gyre completion ')).toSorted(), ['bash', 'fish', 'zsh']);
  assert.deepEqual(await inFish('gyre serve --config my'), ['my pool.yaml']);
  assert.deepEqual(await inFish('gyre serve --user x'), []);
});

declareCase('zsh completes verbs, options, values and files', ['zsh', 'script'], async () => {
  const shown = await atZsh([
    ['gyre doc\t', 'gyre doctor '],
    ['gyre pool exp\t', 'gyre pool expand '],
    ['gyre serve --strat\t', 'gyre serve --strategy '],
    ['gyre serve --strategy we\t', 'gyre serve --strategy weighted '],
    ['gyre serve --config my\t', 'gyre serve --config my\\ pool.yaml '],
    ['gyre completion zs\t', 'gyre completion zsh '],
  ]);
  assert.doesNotMatch(shown, /_gyre:|not found|bad/);
});

/**
 * Types into an interactive zsh on a terminal of its own, each text once the one before has been completed.
 * @returns All that was shown, when every completion was.
 */
async function atZsh(turns: readonly (readonly [typed: string, completed: string])[]): Promise<string> {
  const shell = `exec ${findProgram('zsh')} -f -i`;
  const child = spawn(findProgram('script')!, ['-qec', shell, '/dev/null'], {
    // Nothing is painted: what is typed and what completes it come as they are.
    env: { ...cleanEnvironment(), TERM: 'dumb', FOLDER: folder },
    cwd: folder,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  const kill = setTimeout(() => child.kill('SIGKILL'), 20_000);
  let shown = '';
  let wake: () => void = () => {};
  child.stdin.on('error', () => {});
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
    wake();
  });
  child.once('close', () => wake());
  const until = async (text: string, from: number): Promise<void> => {
    while (!shown.slice(from).includes(text)) {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`zsh ended without showing ${JSON.stringify(text)}:\n${JSON.stringify(shown)}`);
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  try {
    // A key that shows what the line has become, and empties it.
    child.stdin.write('tell() { print -r -- "<$BUFFER>"; BUFFER= }; zle -N tell; bindkey "^G" tell\n');
    child.stdin.write(
      'PS1="> "; fpath=($FOLDER $fpath); autoload -U compinit; compinit -u -D; print rea""dy\n',
    );
    await until('ready\r\n', 0);
    for (const [typed, completed] of turns) {
      const from = shown.length;
      child.stdin.write(`${typed}\x07`);
      await until(`<${completed}>`, from);
    }
  } finally {
    child.stdin.end('exit\n');
    await ended;
    clearTimeout(kill);
  }
  return shown;
}
