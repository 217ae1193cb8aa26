import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, suite, test } from 'node:test';
import { cleanEnvironment, runProgram, type Outcome } from '../support/program.ts';
import { GYRE_BIN } from '../support/program-gyre.ts';

const folder = mkdtempSync(join(tmpdir(), 'gyre-secrets-'));
after(() => rmSync(folder, { recursive: true }));

/** In every secret that is planted here. */
const SECRET = 'hunter2';
const HASH = '$2b$04$GtjJVKvCo4nJaQOTEgggweEihRBS1kzunAM5z4uWazSnn0KFHaDLO';

const LONGEST_MS = 30_000;

interface Shown {
  /** What ps shows, of every thread. */
  readonly commandLines: readonly string[];
  readonly output: string;
}

/** What can be seen from outside of a `gyre serve` that is ready, and of what it has said when it has ended. */
async function watch(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Shown> {
  const command = [GYRE_BIN, 'serve', '--listen', '127.0.0.1:0', '--workers', '1', ...args];
  const child = spawn(process.execPath, command, {
    env: { ...cleanEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = setTimeout(() => child.kill('SIGKILL'), LONGEST_MS);
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ended = once(child, 'close');
  let commandLines: readonly string[] = [];
  for await (const line of createInterface(child.stdout)) {
    output += `${line}\n`;
    if (!line.startsWith('gyre ready')) continue;
    const tasks = `/proc/${child.pid}/task`;
    commandLines = readdirSync(tasks).map((task) => readFileSync(join(tasks, task, 'cmdline'), 'latin1'));
    child.kill('SIGTERM');
  }
  await ended;
  clearTimeout(kill);
  assert.ok(commandLines.length > 1, output);
  return { commandLines, output };
}

function check(...args: string[]): Promise<Outcome> {
  return runProgram(process.execPath, [GYRE_BIN, 'check', ...args]);
}

suite('what ps shows of gyre serve', () => {
  test('are no passwords, and all the rest of the command line', async () => {
    const users = ['--user', `alice:${SECRET}`, `--user=bob:${SECRET}:2`];
    const { commandLines, output } = await watch(['--pool', '127.0.0.2', ...users, '--deny', ':25']);
    for (const line of commandLines) {
      assert.ok(!line.includes(SECRET), line);
      assert.match(
        line,
        /gyre\.js serve --listen 127\.0\.0\.1:0 .*--user alice:\* --user=bob:\* --deny :25\0/,
      );
    }
    assert.ok(!output.includes(SECRET), output);
    assert.match(
      output,
      /^gyre: note: the password in --user was visible .*: use GYRE_USER, --users-file or a file$/m,
    );
  });

  test('are no credentials of sources', async () => {
    const pool = ['--pool', '127.0.0.2', '--pool', `https://u:${SECRET}@127.0.0.1:9/?token=${SECRET}`];
    const { commandLines, output } = await watch([...pool, `--pool=exec:true ${SECRET}`]);
    for (const line of commandLines) {
      assert.ok(!line.includes(SECRET), line);
      assert.match(line, /--pool https:\/\/\* --pool=exec:\*\0/);
    }
    assert.ok(!output.includes(SECRET), output);
    assert.match(output, /^gyre: note: the password in --pool was visible .*: use GYRE_POOL or a file$/m);
  });

  test('is the command line as it was where nothing of it is secret', async () => {
    const { commandLines, output } = await watch(['--pool', '127.0.0.2'], { GYRE_USER: `alice:${SECRET}` });
    const words = ['serve', '--listen', '127.0.0.1:0', '--workers', '1', '--pool', '127.0.0.2', ''];
    for (const line of commandLines) assert.deepEqual(line.split('\0').slice(-words.length), words);
    assert.ok(!output.includes(SECRET), output);
    assert.doesNotMatch(output, /was visible/);
  });
});

suite('gyre check', () => {
  const users = join(folder, 'users');
  const config = join(folder, 'gyre.yaml');

  test('names users, and shows no password, no hash and no URL with one', async () => {
    writeFileSync(users, `carol:${HASH}\n`);
    writeFileSync(
      config,
      `pool: 127.0.0.2
users:
  - {name: alice, password: ${SECRET}}
  - {name: bob, passwordHash: ${HASH}, limits: {connections: 3}, targets: example.com}
usersFile: ${users}
userCheck: {url: 'https://u:${SECRET}@auth.example:9000/${SECRET}?${SECRET}'}
clients: {deny: 192.0.2.0/24}
targets: {rules: [{deny: all, users: carol}]}
limits: {client: {rate: 20/s}}
`,
      { mode: 0o600 },
    );
    const human = await check('--config', config);
    assert.equal(human.code, 0, human.stderr);
    assert.match(
      human.stdout,
      /^users +alice and bob\n +in .*users: carol\n +whom auth\.example:9000 knows$/m,
    );
    assert.match(human.stdout, /^clients +from everywhere, but not from 192\.0\.2\.0\/24$/m);
    assert.match(
      human.stdout,
      /^targets +public ones only\n +1 rule, .*\n +1 user may reach only some of them$/m,
    );
    assert.match(human.stdout, /^limits +each client: 20\/s new\n +1 user with limits of their own$/m);
    const json = await check('--json', '--config', config);
    const report = JSON.parse(json.stdout) as Record<string, unknown>;
    assert.deepEqual(
      [report['users'], report['usersFile'], report['userCheck']],
      [['alice', 'bob'], { file: users, users: ['carol'] }, 'auth.example:9000'],
    );
    for (const { stdout, stderr } of [human, json])
      assert.doesNotMatch(stdout + stderr, new RegExp(`${SECRET}|\\$2b`));
  });

  test('says with file and line why a users file cannot be used', async () => {
    writeFileSync(users, `carol:${HASH}\n# a comment\ndave:${SECRET}\n`);
    const broken = await check('--pool', '127.0.0.2', '--users-file', users);
    assert.equal(broken.code, 1);
    assert.match(
      broken.stderr,
      /users:3: user "dave" has a plain password or an unknown hash\n +hint: .*htpasswd -B/,
    );
    assert.match(broken.stderr, /^gyre: the users cannot be used: the proxy would not start$/m);
    assert.ok(!broken.stderr.includes(SECRET) && !broken.stdout.includes('\nok\n'));

    const missing = await check('--json', '--pool', '127.0.0.2', '--users-file', join(folder, 'none'));
    assert.equal(missing.code, 1);
    const { ok, unusable } = JSON.parse(missing.stdout) as { ok: boolean; unusable: { message: string }[] };
    assert.equal(ok, false);
    assert.match(unusable[0]!.message, /^there is no users file .*none$/);
  });
});
