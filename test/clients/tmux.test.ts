/** `gyre top` in tmux: a terminal that people use, with an opinion of its own on every control sequence. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { adminGyre } from '../support/admin-gyre.ts';
import { eventually } from '../support/gateway.ts';
import { declareCase } from '../support/program-case.ts';
import { GYRE_BIN } from '../support/program-gyre.ts';
import { runProgram } from '../support/program.ts';

const CONFIG = `
pool: 127.0.0.2-127.0.0.5
workers: 1
targets: {allowPrivate: true}
log: {access: off}
timeouts: {drain: 0s}
users: [{name: alice, password: pw}, {name: bob, password: pw}]
`;

declareCase(
  'gyre top in tmux: shows, filters, cuts, follows the size, gives the screen back',
  ['tmux'],
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'gyre-tmux-'));
    await using stage = await adminGyre(CONFIG);
    const env = { ...stage.env, GYRE_ADMIN: stage.admin, LC_ALL: 'C.UTF-8', TERM: 'xterm-256color' };
    const tmux = async (...words: string[]): Promise<string> => {
      const { code, stdout, stderr } = await runProgram('tmux', ['-S', join(folder, 'socket'), ...words], {
        env,
      });
      assert.equal(code, 0, stderr);
      return stdout;
    };
    t.after(async () => {
      await tmux('kill-server');
      rmSync(folder, { recursive: true });
    });
    let screen = '';
    const shows = (pattern: RegExp): Promise<void> =>
      eventually(`${pattern}\n${screen}`, async () =>
        pattern.test((screen = await tmux('capture-pane', '-p'))),
      );

    await stage.tunnel('alice');
    const { client } = await stage.tunnel('bob');
    const command = `${process.execPath} ${GYRE_BIN} top --interval 200ms; echo ended with $?; read line`;
    await tmux('-f', '/dev/null', 'new-session', '-d', '-x', '100', '-y', '24', `sh -c '${command}'`);
    await shows(/\[1 Tunnels 2\][^]*alice[^]*bob|\[1 Tunnels 2\][^]*bob[^]*alice/);
    assert.equal(await tmux('display-message', '-p', '#{alternate_on} #{cursor_flag}'), '1 0\n');
    await tmux('send-keys', '/', 'bob', 'Enter');
    await shows(/\[1 Tunnels 1\].*filter bob/);
    await tmux('resize-window', '-x', '60', '-y', '20');
    await shows(/^> \S+ .*127\.0\.0\.1/m);
    await tmux('send-keys', 'k');
    await shows(/cut the tunnel \S+ of bob/);
    await tmux('send-keys', 'y');
    await shows(/no tunnels with "bob"/);
    await client.rest();
    await tmux('send-keys', 'Tab');
    await tmux('send-keys', 'Escape');
    await shows(/\[2 Egresses 4\][^]*127\.0\.0\.5/);
    await tmux('send-keys', 'q');
    await shows(/^ended with 0$/m);
    assert.equal(await tmux('display-message', '-p', '#{alternate_on} #{cursor_flag}'), '0 1\n');
  },
);
