import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import {
  ConfigError,
  defineConfig,
  loadConfig,
  type Config,
  type GyreOptions,
} from '../../../src/runtime/config.ts';

const folder = mkdtempSync(join(tmpdir(), 'gyre-config-admin-'));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'gyre.yaml');
const TOKEN = 'a-token-that-is-long';

const read = (admin: GyreOptions['admin']): Config['admin'] =>
  defineConfig({ pool: '127.0.0.2', admin }).admin;

function load(
  text: string,
  environment: Record<string, string> = {},
): { admin: Config['admin']; notes: readonly string[] } {
  writeFileSync(file, `pool: 127.0.0.2\n${text}`);
  chmodSync(file, 0o600);
  const { config, notes } = loadConfig({ file, environment });
  return { admin: config.admin, notes };
}

function refusals(act: () => unknown): string[] {
  try {
    act();
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems.map(
      ({ where, message, hint }) => `${where.replace(`${folder}/`, '')}: ${message} (${hint})`,
    );
  }
}

suite('admin', () => {
  test('is off, an address, a socket file, or an object', () => {
    for (const off of [undefined, 'off', {}, { listen: 'off' }, { token: TOKEN }])
      assert.equal(read(off), undefined);
    const rest = { token: undefined, tokenFile: undefined, cors: [], hosts: [], metrics: 'open' };
    assert.deepEqual(read('127.0.0.1:1082'), { at: { host: '127.0.0.1', port: 1082 }, ...rest });
    assert.deepEqual(read(1082), { at: { host: '127.0.0.1', port: 1082 }, ...rest });
    assert.deepEqual(read('unix:/run/gyre/admin.sock'), {
      at: { path: '/run/gyre/admin.sock', mode: 0o660 },
      ...rest,
    });
    assert.deepEqual(
      read({
        listen: '[::1]:1',
        token: TOKEN,
        tokenFile: 'f',
        cors: 'https://ops.example/',
        hosts: ['Gyre.Example'],
        metrics: 'token',
      }),
      {
        at: { host: '::1', port: 1 },
        token: TOKEN,
        tokenFile: 'f',
        cors: ['https://ops.example'],
        hosts: ['gyre.example'],
        metrics: 'token',
      },
    );
  });

  test('where other hosts reach it takes a token', () => {
    for (const listen of [':1082', '0.0.0.0:1082', '192.0.2.1:1082', '[2001:db8::1]:1082']) {
      const [refusal, ...others] = refusals(() => read({ listen }));
      assert.match(
        refusal!,
        /^admin\.listen: other hosts can reach the admin listener on \S+, and it has no token \(give it one .*GYRE_ADMIN_TOKEN.*or listen on 127\.0\.0\.1/,
      );
      assert.deepEqual(others, []);
      assert.ok(read({ listen, token: TOKEN }));
      assert.ok(read({ listen, tokenFile: '/etc/gyre/token' }));
    }
    const [note] = load(`admin: {listen: ':1082', token: ${TOKEN}}\n`).notes;
    assert.match(note!, /^the admin token travels unencrypted to \[::\]:1082: /);
  });

  test('takes no weak token, and repeats none', () => {
    for (const token of [
      'short',
      'fifteen-letters',
      'with a space in it',
      'ünicode-is-not-sent',
      'x'.repeat(513),
      `${TOKEN}\n`,
    ]) {
      const [refusal] = refusals(() => read({ listen: 1082, token }));
      assert.match(
        refusal!,
        /^admin\.token: expected a token: 16 to 512 characters without spaces \(make one: openssl/,
      );
      assert.ok(!refusal!.includes(token));
    }
  });

  test('says what is wrong with it, and where', () => {
    for (const [text, expected] of [
      [
        'admin: tls://127.0.0.1:1082',
        /^gyre\.yaml:2:8: the admin listener has no TLS of its own \(write 127\.0\.0\.1:1082,/,
      ],
      ['admin: 127.0.0.1:1082-1085', /^gyre\.yaml:2:8: .* is a range of ports/],
      ['admin: 127.0.0.1', /^gyre\.yaml:2:8: .*has no port/],
      ['admin: [1082]', /^gyre\.yaml:2:8: expected an address and port/],
      ['admin: {listn: 1082}', /^gyre\.yaml:2:9: unknown key "listn" \(did you mean listen\?\)/],
      ['admin: {listen: 1082, cors: ops.example}', /^gyre\.yaml:2:29: "ops.example" is not an origin/],
      ['admin: {listen: 1082, cors: ["*"]}', /is not an origin/],
      ['admin: {listen: 1082, cors: ["https://ops.example/page"]}', /is not an origin/],
      ['admin: {listen: 1082, hosts: ["https://x"]}', /expected the name of a host/],
      ['admin: {listen: 1082, metrics: closed}', /expected open or token/],
      [
        'admin: 127.0.0.1:1080',
        /^gyre\.yaml:2:8: 127\.0\.0\.1:1080 is given twice \(give the admin listener a port of its own\)/,
      ],
      ["admin: ':1082'", /^gyre\.yaml:2:8: other hosts can reach/],
    ] as const) {
      const [refusal] = refusals(() => load(`${text}\n`));
      assert.match(refusal ?? 'taken', expected, text);
    }
  });

  test('takes address and token from the environment, beside what the file says', () => {
    const env = { GYRE_ADMIN_TOKEN: TOKEN };
    assert.equal(load('', env).admin, undefined);
    assert.equal(load('admin: off\n', env).admin, undefined);
    for (const text of [
      'admin: 127.0.0.1:1082\n',
      'admin: {listen: 1082, token: another-token-in-the-file}\n',
    ]) {
      const { admin } = load(text, env);
      assert.deepEqual([admin!.at, admin!.token], [{ host: '127.0.0.1', port: 1082 }, TOKEN]);
    }
    const { admin } = load('admin: {hosts: x.example}\n', { ...env, GYRE_ADMIN: ':1082' });
    assert.deepEqual(
      [admin!.at, admin!.token, admin!.hosts],
      [{ host: '::', port: 1082 }, TOKEN, ['x.example']],
    );
    assert.match(refusals(() => load('', { GYRE_ADMIN: ':1082' }))[0]!, /^GYRE_ADMIN: other hosts/);
    assert.match(
      refusals(() => load('admin: 1082\n', { GYRE_ADMIN_TOKEN: 'short' }))[0]!,
      /^GYRE_ADMIN_TOKEN: expected a token/,
    );
  });

  test('is told when everyone can read its token', () => {
    load(`admin: {listen: 1082, token: ${TOKEN}}\n`);
    chmodSync(file, 0o644);
    assert.deepEqual(loadConfig({ file, environment: {} }).notes, [
      `everyone on this host can read the token in ${file}: chmod 600 it, or write tokenFile`,
    ]);
    assert.deepEqual(loadConfig({ file, environment: { GYRE_ADMIN_TOKEN: TOKEN } }).notes, []);
  });
});
