import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { adminGyre, type AdminGyre } from '../support/admin-gyre.ts';
import { closedPort } from '../support/peer.ts';
import type { Outcome } from '../support/program.ts';

const CONFIG = `
pool: 127.0.0.2-127.0.0.5
workers: 1
log: {access: off}
timeouts: {drain: 0s}
`;

/** Ends with this code, says this on standard error, and shows nobody a stack trace. */
function assertFails({ code, stderr, stdout }: Outcome, exitCode: number, message: RegExp): void {
  assert.equal(code, exitCode, stderr);
  assert.match(stderr, message);
  assert.doesNotMatch(stderr, /^ +at /m);
  assert.equal(stdout, '');
}

suite('the way to a running gateway', () => {
  let stage: AdminGyre;
  before(async () => (stage = await adminGyre(CONFIG)));
  after(() => stage[Symbol.asyncDispose]());

  test('what keeps it from the gateway is one sentence, with what to do', async () => {
    const nowhere = `127.0.0.1:${await closedPort()}`;
    for (const verb of ['status', 'top', 'log']) {
      assertFails(
        await stage.run([verb, '--admin', nowhere]),
        1,
        /nothing listens there\n {2}hint: .*gyre serve --admin/,
      );
    }
    const wrong = { env: { GYRE_ADMIN_TOKEN: 'wrong-token-0123456789' } };
    assertFails(await stage.run(['status'], wrong), 1, /token is not that of .*GYRE_ADMIN_TOKEN\n {2}hint: /);
    const stranger = { env: { XDG_RUNTIME_DIR: '' } };
    assertFails(await stage.run(['status'], stranger), 1, /wants its token, and there is none/);
    const proxy = stage.process.address;
    assertFails(
      await stage.run(['status', '--admin', proxy]),
      1,
      /is not the admin listener of a Gyre\n {2}hint: /,
    );
    assertFails(await stage.run(['status', '--admin', 'tls://127.0.0.1:1']), 2, /^gyre: --admin: /);
    const server = createServer((socket) => socket.on('error', () => {}).end('220 mail\r\n')).listen(
      0,
      '127.0.0.1',
    );
    await once(server, 'listening');
    const mail = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    assertFails(await stage.run(['status', '--admin', mail]), 1, /is not the admin listener of a Gyre/);
    server.close();
  });

  test('the configuration alone leads there', async () => {
    const outcome = await stage.run(['status', '--json', '--config', stage.file], {
      env: { GYRE_ADMIN: '' },
    });
    assert.equal(outcome.code, 0, outcome.stderr);
  });
});

test('over a socket file, with a token of its own; and no browser opens that', async () => {
  const unix = `unix:/tmp/gyre-admin-${process.pid}.sock`;
  const args = ['--admin', unix];
  const env = { GYRE_ADMIN_TOKEN: 'token-of-a-socket-0123456789' };
  await using stage = await adminGyre(CONFIG, args);
  assert.equal((await stage.run(['status', '--json', ...args])).code, 0);
  assertFails(await stage.run(['status', ...args], { env }), 1, /token is not that of the Gyre at unix:/);
  assertFails(await stage.run(['dashboard', ...args]), 1, /no browser opens unix:.*\n {2}hint: .*ssh -L/);
});
