/** `gyre init`, by a pipe, by `--yes` and on a terminal; what it writes can be checked and served. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, suite, test } from 'node:test';
import { verifyPassword } from '../../src/policy/password.ts';
import { loadConfig } from '../../src/runtime/config.ts';
import { cleanEnvironment, runProgram, type Outcome } from '../support/program.ts';
import { GYRE_BIN, startGyre } from '../support/program-gyre.ts';

const folder = mkdtempSync(join(tmpdir(), 'gyre-init-'));
const file = join(folder, 'gyre.yaml');
after(() => rmSync(folder, { recursive: true }));
beforeEach(() => rmSync(file, { force: true }));

const gyre = (args: readonly string[], input?: string): Promise<Outcome> =>
  runProgram(process.execPath, [GYRE_BIN, ...args], { cwd: folder, ...(input !== undefined && { input }) });

const TRIAL = '127.0.0.2-127.0.0.9';

async function assertChecks(): Promise<void> {
  const { code, stdout, stderr } = await gyre(['check', '--config', file]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^ok$/m);
  assert.equal(stderr, '', 'nothing to note');
}

suite('gyre init', () => {
  test('--yes writes a file of its owner, which passes the check, and says what comes next', async () => {
    const { code, stdout, stderr } = await gyre(['init', '--yes']);
    assert.equal(code, 0, stderr);
    assert.equal(
      stdout,
      'wrote gyre.yaml\nnext:  gyre check --bind --config gyre.yaml\nthen:  gyre serve --config gyre.yaml\n',
    );
    assert.equal(statSync(file).mode & 0o777, 0o600);
    await assertChecks();
    const { config } = loadConfig({ file });
    assert.deepEqual(config.users, []);
    assert.ok(config.listen.every(({ at }) => 'host' in at && at.host === '127.0.0.1'));
  });

  test('never replaces a file, unless it is told to', async () => {
    writeFileSync(file, 'mine');
    const { code, stderr } = await gyre(['init', '--yes']);
    assert.equal(code, 1);
    assert.match(stderr, /there is already gyre\.yaml\n {2}hint: replace it with --force/);
    assert.equal(readFileSync(file, 'utf8'), 'mine');
    assert.equal((await gyre(['init', '--yes', '--force'])).code, 0);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    await assertChecks();
  });

  test('answers come through a pipe; others get in with a password that is shown once', async () => {
    const { code, stdout, stderr } = await gyre(['init'], `others\n127.0.0.1:0\nalice\n${TRIAL}\nn\n`);
    assert.equal(code, 0, stderr);
    const password = /^password: (\S{24}) /m.exec(stderr)?.[1] ?? '';
    const text = readFileSync(file, 'utf8');
    assert.ok(password !== '' && !text.includes(password) && !stdout.includes(password), stderr);
    await assertChecks();
    const [user] = loadConfig({ file }).config.users;
    assert.ok(user !== undefined && 'passwordHash' in user);
    assert.ok(await verifyPassword(password, user.passwordHash));
    // It serves, and that user gets through.
    await using running = await startGyre(['--config', file, '--echo', '127.0.0.1:0', '--workers', '0']);
    const load = [
      'load',
      '--proxy',
      `socks5h://alice:${password}@${running.address}`,
      '--count',
      '8',
      '--json',
    ];
    const { stdout: report } = await gyre(load);
    assert.deepEqual(JSON.parse(report).spread, { least: 1, most: 1 }, report);
  });

  test('--output - prints it, and nothing else, on standard output', async () => {
    const { code, stdout, stderr } = await gyre(['init', '--output', '-'], 'this\n\n203.0.113.7\ny\n');
    assert.equal(code, 0, stderr);
    assert.equal(existsSync(file), false);
    writeFileSync(file, stdout, { mode: 0o600 });
    const { config } = loadConfig({ file });
    assert.deepEqual(config.pool, ['203.0.113.7']);
    assert.deepEqual(config.admin?.at, { host: '127.0.0.1', port: 1082 });
    assert.equal(config.targets.allowPrivate, false);
  });

  const mistakes: readonly (readonly [string, RegExp])[] = [
    ['everyone\n', /answer this or others; nothing was written/],
    ['this\n127.0.0.1\n', /"127\.0\.0\.1" has no port.*nothing was written/],
    ['others\n\nal:ice\n', /a name has 1 to 64 letters.*nothing was written/],
    ['this\n\n127.0.0.x\n', /is not an IP address.*nothing was written/],
    ['this\n\n99\n', /there is no 99: choose from 1 to \d+; nothing was written/],
    ['this\n\n\nperhaps\n', /answer y or n; nothing was written/],
    ['this\n', /the answers ended too early; nothing was written\n {2}hint: gyre init --yes/],
  ];
  for (const [input, message] of mistakes) {
    test(`of ${JSON.stringify(input)} it takes nothing`, async () => {
      const { code, stderr } = await gyre(['init'], input);
      assert.ok(code === 1 || code === 2, stderr);
      assert.match(stderr, message);
      assert.equal(existsSync(file), false);
    });
  }

  test('a folder that is not there is told', async () => {
    const { code, stderr } = await gyre(['init', '--yes', '--output', join(folder, 'none', 'gyre.yaml')]);
    assert.equal(code, 1);
    assert.match(stderr, /cannot be written: ENOENT/);
  });

  test('on a terminal it asks again after a mistake', async () => {
    const { code, shown } = await onTerminal(['wrong', 'this', '127.0.0.1:0', TRIAL, 'n']);
    assert.equal(code, 0, shown);
    assert.match(shown, /answer this or others/);
    assert.match(shown, /Connections can leave from:/);
    await assertChecks();
    assert.deepEqual(loadConfig({ file }).config.pool, [TRIAL]);
  });

  test('Ctrl-C on a terminal writes nothing', async () => {
    const { code, shown } = await onTerminal(['this', '\x03']);
    assert.equal(code, 1, shown);
    assert.match(shown, /nothing was written/);
    assert.equal(existsSync(file), false);
  });
});

/** Types each answer as soon as a question stands, which ends with its default in brackets. */
async function onTerminal(
  answers: readonly string[],
): Promise<{ readonly code: number | null; readonly shown: string }> {
  const command = [process.execPath, GYRE_BIN, 'init'].join(' ');
  const env = { ...cleanEnvironment(), TERM: 'dumb' };
  const child = spawn('script', ['-qec', command, '/dev/null'], { env, cwd: folder, stdio: 'pipe' });
  const kill = setTimeout(() => child.kill('SIGKILL'), 20_000);
  const ended = once(child, 'close');
  let shown = '';
  let turn = 0;
  child.stdin.on('error', () => {});
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
    const questions = shown.match(/\? \[[^\]]*\] |expression \[[^\]]*\] /g)?.length ?? 0;
    while (turn < Math.min(questions, answers.length)) {
      const answer = answers[turn++]!;
      child.stdin.write(answer === '\x03' ? answer : `${answer}\r`);
    }
  });
  const [code] = (await ended) as [number | null];
  clearTimeout(kill);
  return { code, shown };
}
