import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { cleanEnvironment, runProgram } from '../support/program.ts';
import { GYRE_BIN } from '../support/program-gyre.ts';

const folder = mkdtempSync(join(tmpdir(), 'gyre-shim-'));
after(() => rmSync(folder, { recursive: true }));

/** Makes this Node say that it is another one. What it starts in turn tells the truth again. */
function pretending(version: string): string[] {
  const code = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`;
  return ['--import', `data:text/javascript,${encodeURIComponent(code)}`];
}

suite('on a Node that is too old', () => {
  for (const version of ['18.20.4', '20.20.2', '24.11.1']) {
    test(`${version} hands over to the Node of this project`, async () => {
      const { code, stdout, stderr } = await runProgram(process.execPath, [
        ...pretending(version),
        GYRE_BIN,
        'pool',
        'expand',
        '192.0.2.0/31',
      ]);
      assert.deepEqual([code, stdout, stderr], [0, '192.0.2.0\n192.0.2.1\n', '']);
    });
  }

  test('the exit code comes back', async () => {
    const { code, stderr } = await runProgram(process.execPath, [...pretending('20.20.2'), GYRE_BIN, 'serv']);
    assert.equal(code, 2);
    assert.match(stderr, /Did you mean serve/);
  });

  test('standard input goes through', async () => {
    const { stdout } = await runProgram(
      process.execPath,
      [...pretending('20.20.2'), GYRE_BIN, 'hash-password'],
      { input: 's3cret' },
    );
    assert.match(stdout, /^\$scrypt\$/);
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`${signal} goes through, and the server drains`, async () => {
      const args = ['serve', '--pool', '127.0.0.2', '--listen', '127.0.0.1:0', '--workers', '0'];
      const child = spawn(process.execPath, [...pretending('20.20.2'), GYRE_BIN, ...args], {
        env: cleanEnvironment(),
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = once(child, 'exit', { signal: AbortSignal.timeout(20_000) });
      const [line] = (await once(child.stdout, 'data', { signal: AbortSignal.timeout(20_000) })) as [Buffer];
      assert.match(String(line), /^gyre ready/);
      child.kill(signal);
      assert.deepEqual(await ended, [0, null]);
    });
  }

  test('without a pinned Node it says what to do, in one sentence', async () => {
    mkdirSync(join(folder, 'bin'));
    const bin = join(folder, 'bin', 'gyre.mjs');
    cpSync(GYRE_BIN, bin);
    const { code, stdout, stderr } = await runProgram(process.execPath, [
      ...pretending('20.20.2'),
      bin,
      '--version',
    ]);
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /^gyre: Node 20\.20\.2 is too old; install Node 24\.12 or newer .*npm ci.*\n$/);
  });
});

test('24.12 is new enough', async () => {
  const url = pathToFileURL(GYRE_BIN).href;
  const { stdout } = await runProgram(process.execPath, [
    ...pretending('24.12.0'),
    '--input-type=module',
    '-e',
    `process.argv.splice(1, 0, 'gyre'); process.argv.push('--version'); await import('${url}')`,
  ]);
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
});
