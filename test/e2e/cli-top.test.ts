import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, afterEach, before, suite, test } from 'node:test';
import type { Status, TunnelPage } from '../../src/admin/api.ts';
import { adminGyre, type AdminGyre } from '../support/admin-gyre.ts';
import { GYRE_BIN } from '../support/program-gyre.ts';
import { Terminal } from '../support/terminal.ts';

const CONFIG = `
pool: 127.0.0.2-127.0.0.5
workers: 1
targets: {allowPrivate: true}
log: {access: off}
timeouts: {drain: 0s}
users:
  - {name: alice, password: pw}
  - {name: bob, password: pw}
`;

suite('gyre top on a terminal', () => {
  let stage: AdminGyre;
  before(async () => (stage = await adminGyre(CONFIG)));
  after(() => stage[Symbol.asyncDispose]());
  afterEach(() => stage.calm());

  function top(args = '', size = { columns: 100, rows: 30 }, env: Record<string, string> = {}): Terminal {
    const command = `${process.execPath} ${GYRE_BIN} top --interval 200ms ${args}; echo ended with $?`;
    return new Terminal(command, { ...size, env: { ...stage.env, GYRE_ADMIN: stage.admin, ...env } });
  }

  /** The program has ended by itself, and the terminal is as it was. */
  async function assertRestored(terminal: Terminal, code: number): Promise<void> {
    await terminal.shows(new RegExp(`^ended with ${code}$`, 'm'));
    assert.deepEqual([terminal.onAlternateScreen, terminal.cursorVisible], [false, true]);
    assert.equal(await terminal.ended, 0);
  }

  test('shows tunnels, filters and cuts them, and gives the terminal back', async () => {
    const alice = await stage.tunnel('alice');
    const bob = await stage.tunnel('bob');
    bob.client.text('x'.repeat(2500));
    await bob.remote.read(2500);
    await using terminal = top();
    await terminal.shows(/\[1 Tunnels 2\]/);
    assert.deepEqual([terminal.onAlternateScreen, terminal.cursorVisible], [true, false]);
    assert.match(await terminal.modes(), / -icanon .* -echo /s);
    await terminal.shows(/alice .*127\.0\.0\.1:\d+/);
    await terminal.shows(/bob .* 2\.5 kB/);
    await terminal.shows(/^pool .*default {2}.*4 addresses {2}2 tunnels/m);

    terminal.type('/bob\r');
    await terminal.shows(/\[1 Tunnels 1\].*filter bob/);
    await terminal.until('no alice', (lines) => !lines.some((line) => line.includes('alice')));
    terminal.type('k');
    await terminal.shows(/cut the tunnel \S+ of bob to 127\.0\.0\.1:\d+\? \(y\/n\)/);
    terminal.type('n');
    await terminal.until('no question', (lines) => !lines.some((line) => line.includes('(y/n)')));
    assert.equal(bob.client.closed, false);
    terminal.type('ky');
    await terminal.shows(/1 tunnel cut/);
    await bob.client.rest();
    await terminal.shows(/no tunnels with "bob"/);
    terminal.type('\x1b');
    await terminal.shows(/\[1 Tunnels 1\]/);
    await terminal.shows(/> \S+ .*alice/);
    assert.equal(alice.client.closed, false);

    terminal.type('q');
    await assertRestored(terminal, 0);
  });

  test('drains an egress and takes it back, and shows failures', async () => {
    await using terminal = top();
    await terminal.shows(/2 Egresses 4/);
    terminal.type('\t');
    await terminal.shows(/> 127\.0\.0\.\d/);
    terminal.type('sss\x1b[H');
    await terminal.shows(/by address/);
    terminal.type('\x1b[B');
    await terminal.shows(/> 127\.0\.0\.3/);
    terminal.type('dy');
    await terminal.shows(/> 127\.0\.0\.3 +draining .*drained by hand/);
    terminal.type('d');
    await terminal.shows(/undrain the egress 127\.0\.0\.3\?/);
    terminal.type('y');
    await terminal.until('back', (lines) => !lines.some((line) => line.includes('draining')));
    await assert.rejects(stage.tunnel('mallory'));
    terminal.type('3');
    await terminal.shows(/BAD_CREDENTIALS +1 +client/);
    terminal.type('?');
    await terminal.shows(/cut the selected tunnel/);
    terminal.type('x\x03');
    await assertRestored(terminal, 0);
  });

  test('fits the terminal, however narrow, and whatever it becomes', async () => {
    await using terminal = top('', { columns: 40, rows: 12 });
    await terminal.shows(/^q quit/m);
    assert.ok(terminal.lines.every((line) => line.length <= 40));
    assert.equal(terminal.lines.length, 12);
    await terminal.resize(90, 40);
    await terminal.shows(/^gyre .* 1 thread .*127\.0\.0\.1:\d+$/m);
    await terminal.resize(30, 5);
    await terminal.until(
      'five lines',
      (lines) => lines.length === 5 && lines.every((line) => line.length <= 30),
    );
    terminal.type('q');
    await assertRestored(terminal, 0);
  });

  test('NO_COLOR and a locale without UTF-8 are respected', async () => {
    await using terminal = top('', undefined, { NO_COLOR: '1', LC_ALL: 'C' });
    await terminal.shows(/^pool +\[#*=+#*\]|^pool +\[[#=.-]+\]/m);
    assert.match(terminal.lines.join('\n'), /^[ -~\n]*$/);
    terminal.type('q');
    await assertRestored(terminal, 0);
  });

  test('signals end it, and the terminal is given back', async () => {
    for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) {
      await using terminal = top();
      await terminal.shows(/^q quit/m);
      process.kill(topOf(stage.admin), signal);
      await assertRestored(terminal, 0);
    }
  });

  test('Ctrl-Z gives the terminal to the shell, and fg takes it again', async () => {
    const command = `${process.execPath} ${GYRE_BIN} top --interval 200ms`;
    const shell = `bash -mc '${command}; echo stopped with $?; read line; fg; echo ended with $?'`;
    const env = { ...stage.env, GYRE_ADMIN: stage.admin };
    await using terminal = new Terminal(shell, { columns: 100, rows: 30, env });
    await terminal.shows(/^q quit/m);
    terminal.type('\x1a');
    await terminal.shows(/^stopped with 148$/m);
    assert.deepEqual([terminal.onAlternateScreen, terminal.cursorVisible], [false, true]);
    assert.match(await terminal.modes(), / icanon /);
    terminal.type('\n');
    await terminal.until(
      'the picture',
      (lines) => terminal.onAlternateScreen && lines.at(-1)?.startsWith('q quit') === true,
    );
    terminal.type('?');
    await terminal.shows(/cut the selected tunnel/);
    terminal.type('xq');
    await assertRestored(terminal, 0);
  });

  test('without a shell to give it to, Ctrl-Z does nothing', async () => {
    await using terminal = new Terminal(`exec ${process.execPath} ${GYRE_BIN} top --interval 200ms`, {
      columns: 100,
      rows: 30,
      env: { ...stage.env, GYRE_ADMIN: stage.admin },
    });
    await terminal.shows(/^q quit/m);
    terminal.type('\x1a?');
    await terminal.shows(/cut the selected tunnel/);
    terminal.type('xq');
    assert.equal(await terminal.ended, 0);
    assert.deepEqual([terminal.onAlternateScreen, terminal.cursorVisible], [false, true]);
  });

  test('a gateway that goes away is told, and what ends it still does', async () => {
    const other = await adminGyre(CONFIG);
    const env = { ...other.env, GYRE_ADMIN: other.admin };
    await using terminal = top('', undefined, env);
    await terminal.shows(/^q quit/m);
    await other[Symbol.asyncDispose]();
    await terminal.shows(/nothing listens there; trying again$/m);
    terminal.type('q');
    await assertRestored(terminal, 0);
  });

  test('names of users reach the terminal as letters only', async () => {
    // Control characters no user name may have, but this turns the text around.
    const name = '\u202eevil\u200b';
    const other = await adminGyre(`${CONFIG}  - {name: ${JSON.stringify(name)}, password: pw}\n`);
    try {
      await other.tunnel(name);
      const env = { ...other.env, GYRE_ADMIN: other.admin };
      await using terminal = top('', { columns: 160, rows: 30 }, env);
      await terminal.shows(/\\u202eevil\\u200b/);
      terminal.type('k');
      await terminal.shows(/cut the tunnel \S+ of \\u202eevil\\u200b to/);
      terminal.type('nq');
      await assertRestored(terminal, 0);
    } finally {
      await other[Symbol.asyncDispose]();
    }
  });

  test('what is no terminal gets one picture, or JSON', async () => {
    await stage.tunnel('alice');
    const plain = await stage.run(['top', '--interval', '200ms']);
    assert.deepEqual([plain.code, plain.stderr], [0, '']);
    assert.match(plain.stdout, /^gyre .*\nconns {2}[^]*alice[^]*\n$/);
    assert.doesNotMatch(plain.stdout, /\x1b|q quit/);
    const json = await stage.json<{ status: Status; tunnels: TunnelPage }>(['top', '--once']);
    assert.deepEqual([json.status.state, json.tunnels.items[0]?.user], ['ready', 'alice']);
  });
});

/** The program itself, below `script` and its shell. */
function topOf(admin: string): number {
  const found = readdirSync('/proc').find((entry) => {
    if (!/^\d+$/.test(entry)) return false;
    try {
      const words = readFileSync(`/proc/${entry}/cmdline`, 'latin1').split('\0');
      const environment = readFileSync(`/proc/${entry}/environ`, 'latin1').split('\0');
      return (
        words[0] === process.execPath && words[2] === 'top' && environment.includes(`GYRE_ADMIN=${admin}`)
      );
    } catch {
      // It has ended, or is somebody else's.
      return false;
    }
  });
  if (found === undefined) throw new Error('gyre top does not run');
  return Number(found);
}
