import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, beforeEach, suite, test } from 'node:test';
import { tokenFileOf } from '../../../src/admin/token.ts';
import { findAdmin, type AdminFlags } from '../../../src/cli/admin-place.ts';
import { Failure } from '../../../src/cli/exit.ts';

const folder = mkdtempSync(join(tmpdir(), 'gyre-place-'));
const runtime = join(folder, 'run');
const previous = process.env['XDG_RUNTIME_DIR'];
after(() => {
  rmSync(folder, { recursive: true });
  if (previous === undefined) delete process.env['XDG_RUNTIME_DIR'];
  else process.env['XDG_RUNTIME_DIR'] = previous;
});
beforeEach(() => {
  rmSync(runtime, { recursive: true, force: true });
  mkdirSync(runtime, { mode: 0o700 });
  process.env['XDG_RUNTIME_DIR'] = runtime;
});

const TOKEN = 'a-token-of-a-test-0123456789';

function file(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

/** Where, and with which token. */
function find(
  flags: AdminFlags,
  environment: Record<string, string> = {},
): readonly [string, string | undefined] {
  const { name, token } = findAdmin(flags, environment);
  return [name, token];
}

suite('the admin listener', () => {
  test('is the one of --admin, then GYRE_ADMIN, then the configuration, then the usual one', () => {
    const config = file('a.yaml', 'admin: 127.0.0.1:3\n');
    const environment = { GYRE_ADMIN: '127.0.0.1:2', GYRE_CONFIG: config };
    assert.equal(find({ admin: '127.0.0.1:1' }, environment)[0], '127.0.0.1:1');
    assert.equal(find({}, environment)[0], '127.0.0.1:2');
    assert.equal(find({}, { GYRE_CONFIG: config })[0], '127.0.0.1:3');
    assert.equal(find({ config }, { GYRE_ADMIN: ' ' })[0], '127.0.0.1:3');
    assert.equal(find({}, { GYRE_ADMIN: 'off', GYRE_CONFIG: config })[0], '127.0.0.1:3');
    assert.equal(find({})[0], '127.0.0.1:1082');
  });

  test('may be written in every way a configuration has, of which nothing else has to be right', () => {
    const at = (text: string): string => find({ config: file('b.yaml', text) })[0];
    assert.equal(at('admin: 4\n'), '127.0.0.1:4');
    assert.equal(at('admin: unix:/run/gyre/admin.sock\nnonsense: [1\n  ]\n'), 'unix:/run/gyre/admin.sock');
    assert.equal(at("admin: {listen: '[::]:5', token: x}\n"), '127.0.0.1:5');
    assert.equal(at('admin: off\nworkers: many\n'), '127.0.0.1:1082');
    assert.equal(at('pool: 127.0.0.2\n'), '127.0.0.1:1082');
    assert.throws(() => at('admin: [\n'), { name: 'ConfigError' });
  });

  test('is asked over a socket file, or below a path of a URL', () => {
    const unix = findAdmin({ admin: 'unix:/run/gyre/admin.sock' }, {});
    assert.deepEqual([unix.socketPath, unix.url.href], ['/run/gyre/admin.sock', 'http://localhost/']);
    const behind = findAdmin({ admin: 'https://ops.example/gyre?x=1' }, {});
    assert.deepEqual([behind.socketPath, behind.url.href], [undefined, 'https://ops.example/gyre/']);
    assert.equal(findAdmin({ admin: '[::1]:7' }, {}).url.href, 'http://[::1]:7/');
  });

  test('that cannot be right is a mistake on the command line', () => {
    for (const admin of [
      'example.com:1082',
      'tls://127.0.0.1:1',
      '127.0.0.1:0',
      '127.0.0.1',
      'http://',
      'unix:run',
    ]) {
      assert.throws(
        () => findAdmin({ admin }, {}),
        (error) =>
          error instanceof Failure &&
          error.exitCode === 2 &&
          error.message.startsWith('--admin: ') &&
          error.hint !== undefined,
        admin,
      );
    }
  });
});

suite('the token', () => {
  const keep = (at: Parameters<typeof tokenFileOf>[0]): void => {
    const path = tokenFileOf(at);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, `kept-${TOKEN}\n`, { mode: 0o600 });
  };

  test('is the one of GYRE_ADMIN_TOKEN, then --token-file, then the configuration, then the one Gyre made', () => {
    keep({ host: '127.0.0.1', port: 1082 });
    const config = file('c.yaml', `admin: {listen: 127.0.0.1:1082, token: config-${TOKEN}}\n`);
    const tokenFile = file('c.token', `file-${TOKEN}\n`);
    const environment = { GYRE_ADMIN_TOKEN: `environment-${TOKEN}` };
    assert.equal(find({ tokenFile, config }, environment)[1], `environment-${TOKEN}`);
    assert.equal(find({ tokenFile, config })[1], `file-${TOKEN}`);
    assert.equal(find({ config })[1], `config-${TOKEN}`);
    assert.equal(find({})[1], `kept-${TOKEN}`);
    assert.equal(find({ admin: 'http://localhost:1082' })[1], `kept-${TOKEN}`);
    assert.equal(find({ admin: '127.0.0.1:1083' })[1], undefined);
  });

  test('of a configuration may be in a file', () => {
    const named = file('d.token', `named-${TOKEN}`);
    const config = file('d.yaml', `admin: {listen: 9, tokenFile: ${named}}\n`);
    assert.deepEqual(find({ config }), ['127.0.0.1:9', `named-${TOKEN}`]);
  });

  test('of a socket file is kept too', () => {
    keep({ path: '/run/gyre/admin.sock' });
    assert.equal(find({ admin: 'unix:/run/gyre/admin.sock' })[1], `kept-${TOKEN}`);
  });

  test('comes with the link that gyre dashboard prints, and stays out of what is said', () => {
    const place = findAdmin(
      { admin: `http://127.0.0.1:1082/#token=${TOKEN}` },
      { GYRE_ADMIN_TOKEN: 'another' },
    );
    assert.equal(place.token, TOKEN);
    assert.doesNotMatch(place.name + place.url.href, /token/);
  });

  test('in a file that is not there is told, and the file is named', () => {
    assert.throws(
      () => find({ tokenFile: join(folder, 'missing') }),
      /token file .*missing cannot be read: it is not there/,
    );
    assert.throws(() => find({ tokenFile: file('short.token', 'short') }), /short\.token holds no token/);
  });
});
