import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { probeUnix } from '../../../src/cli/probe-unix.ts';

const folder = mkdtempSync(join(tmpdir(), 'gyre-probe-'));
after(() => rmSync(folder, { recursive: true }));

suite('whether a socket file could be made', () => {
  test('where nothing is; and nothing is made', async () => {
    const path = join(folder, 'free.sock');
    await probeUnix(path);
    assert.equal(existsSync(path), false);
  });

  test('not where somebody listens, but where somebody did', async () => {
    const path = join(folder, 'taken.sock');
    const server = createServer().listen({ path });
    await once(server, 'listening');
    await assert.rejects(probeUnix(path), {
      message: `cannot listen on unix:${path}: another program already does`,
    });
    server.close();
    await once(server, 'close');

    const code = `require('node:net').createServer().listen({path: ${JSON.stringify(path)}}, () => process.kill(process.pid, 'SIGKILL'))`;
    await once(spawn(process.execPath, ['-e', code], { stdio: 'ignore' }), 'exit');
    assert.equal(existsSync(path), true);
    await probeUnix(path);
  });

  test('not over another file, nor a link, nor in a folder that is not there', async () => {
    const file = join(folder, 'letter.txt');
    writeFileSync(file, 'dear');
    await assert.rejects(probeUnix(file), { message: /there is something else of that name$/ });
    symlinkSync(file, join(folder, 'link'));
    await assert.rejects(probeUnix(join(folder, 'link')), {
      message: /there is something else of that name$/,
    });
    await assert.rejects(probeUnix(join(folder, 'none', 'g.sock')), {
      message: `cannot listen on unix:${join(folder, 'none', 'g.sock')}: there is no folder ${join(folder, 'none')}`,
      hint: 'make it first',
    });
  });
});
