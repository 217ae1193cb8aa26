import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { accessAsJson, accessRows, termsInWords } from '../../../src/cli/check-access.ts';
import { examineUsers } from '../../../src/cli/check-users.ts';
import { defineConfig, type Config, type GyreOptions } from '../../../src/runtime/config.ts';

const folder = mkdtempSync(join(tmpdir(), 'gyre-check-'));
after(() => rmSync(folder, { recursive: true }));
const usersFile = join(folder, 'users');

const HASH = '$2b$04$GtjJVKvCo4nJaQOTEgggweEihRBS1kzunAM5z4uWazSnn0KFHaDLO';

const configOf = (options: Omit<GyreOptions, 'pool'>): Config =>
  defineConfig({ pool: '127.0.0.2', ...options });

/** What stands behind a label, and below it. */
function rows(label: string, options: Omit<GyreOptions, 'pool'>, fromFile: string[] = []): string[] {
  const all = accessRows(configOf(options), fromFile);
  const start = all.findIndex(([name]) => name === label);
  const next = all.findIndex(([name], index) => index > start && name !== '');
  return all.slice(start, next === -1 ? undefined : next).map(([, text]) => text);
}

const user = (name: string): { name: string; password: string } => ({ name, password: 'hunter2' });

suite('in words', () => {
  test('users', () => {
    assert.deepEqual(rows('users', {}), ['none: no credentials are asked for']);
    assert.deepEqual(rows('users', { users: ['alice', 'b@c-d.e', 'two words', 'x,y'].map(user) }), [
      'alice, b@c-d.e, "two words" and "x,y"',
    ]);
    const many = Array.from({ length: 1234 }, (_, i) => user(`u${i}`));
    assert.match(rows('users', { users: many })[0]!, /^u0, u1, .*, u9 and 1,224 more$/);
    assert.deepEqual(rows('users', { usersFile: '/etc/gyre/users', removedUsers: 'keep' }), [
      'in /etc/gyre/users: none',
      'tunnels of users who are taken out go on',
    ]);
    assert.deepEqual(rows('users', { usersFile: 'u', users: [user('a')] }, ['b', 'c']), [
      'a',
      'in u: b and c',
    ]);
    assert.deepEqual(rows('users', { userCheck: { url: 'https://a:hunter2@auth.example/hunter2' } }), [
      'whom auth.example knows',
    ]);
  });

  test('clients and targets', () => {
    assert.deepEqual(rows('clients', {}), ['from everywhere']);
    assert.deepEqual(rows('clients', { clients: { allow: ['10.0.0.0/8', '::1'], deny: '10.0.0.1' } }), [
      'from 10.0.0.0/8 and ::1, but not from 10.0.0.1',
    ]);
    assert.deepEqual(rows('targets', {}), ['public ones only']);
    const targets = { allowPrivate: true, rules: [{ deny: ':25' }, { deny: 'all' }] };
    assert.deepEqual(rows('targets', { targets, users: [{ ...user('a'), targets: 'example.com' }] }), [
      'all, private ones too',
      '2 rules, of which the first that matches decides',
      '1 user may reach only some of them',
    ]);
  });

  test('limits', () => {
    const guards = [
      '8,192 unfinished requests of a client address',
      '100 wrong passwords in 60 s lock out for 60 s',
    ];
    assert.deepEqual(rows('limits', {}), guards);
    assert.deepEqual(rows('limits', { limits: { handshakes: 0, logins: { failures: 0 } } }), []);
    assert.deepEqual(
      rows('limits', {
        listen: [1, { address: '10-12', limits: { connections: 5 } }],
        users: [user('a'), { ...user('b'), limits: { connections: 1 } }],
        limits: { all: { connections: 10_000 }, client: { rate: '20/s' }, user: { quota: '100GB/month' } },
      }),
      [
        'all: 10,000 connections',
        '127.0.0.1:10-12: 5 connections',
        'each client: 20/s new',
        'each user: 100GB/month',
        '1 user with limits of their own',
        ...guards,
      ],
    );
  });

  test('terms as they are written', () => {
    const all = { connections: 1, rate: '600/m', up: '8Mbit/s', down: '1.5GiB/s', quota: '10GB/day' };
    const { global } = configOf({ limits: { all } }).limits;
    assert.equal(termsInWords(global), '1 connection, 600/m new, up 1MB/s, down 1536MiB/s, 10GB/day');
    assert.equal(termsInWords({}), '');
  });
});

test('for programs: names and numbers, and no secret', () => {
  const config = configOf({
    users: [user('alice'), { name: 'bob', passwordHash: HASH, limits: { connections: 1 } }],
    usersFile,
    userCheck: { url: 'https://a:hunter2@auth.example/hunter2?hunter2' },
    limits: { handshakes: 0 },
  });
  const text = JSON.stringify(accessAsJson(config, ['carol']));
  assert.doesNotMatch(text, /hunter2|\$2b/);
  const report = JSON.parse(text) as Record<string, unknown> & { limits: Record<string, unknown> };
  assert.deepEqual(report['users'], ['alice', 'bob']);
  assert.deepEqual(report['usersFile'], { file: usersFile, users: ['carol'] });
  assert.equal(report['userCheck'], 'auth.example');
  assert.deepEqual(report.limits['users'], { bob: { connections: 1 } });
  assert.equal(report.limits['handshakes'], null);
});

suite('the users file', () => {
  const examine = (text: string, options: Omit<GyreOptions, 'pool'> = {}) => {
    writeFileSync(usersFile, text);
    return examineUsers(configOf({ usersFile, ...options }));
  };

  test('is read for its names', async () => {
    const { names, unusable, warnings } = await examine(`alice:${HASH}\nbob:${HASH}\n`);
    assert.deepEqual([names, unusable, warnings], [['alice', 'bob'], undefined, []]);
    assert.deepEqual(await examineUsers(configOf({})), { names: [], unusable: undefined, warnings: [] });
  });

  test('is odd when it is empty', async () => {
    const { unusable, warnings } = await examine('# nobody\n');
    assert.equal(unusable, undefined);
    assert.deepEqual(warnings, [`there are no users in ${usersFile}: none can log in`]);
  });

  test('cannot be used with a line that is none, nor when it is not there', async () => {
    const { unusable } = await examine(`alice:${HASH}\nhunter2\n`);
    assert.equal(unusable!.message, `${usersFile}:2: the line has no colon`);
    const missing = await examineUsers(configOf({ usersFile: join(folder, 'none') }));
    assert.match(missing.unusable!.message, /^there is no users file/);
  });

  test('may not list whom the configuration lists', async () => {
    const { unusable } = await examine(`bob:${HASH}\nalice:${HASH}\n`, { users: [user('alice')] });
    assert.equal(unusable!.message, `the user "alice" is in the configuration and in ${usersFile}`);
  });

  test('users of rules that are nowhere are worth a note, once, unless somebody else knows users', async () => {
    const targets = {
      rules: [
        { deny: ':25', users: ['alice', 'bobb', 'nobody'] },
        { deny: 'all', users: 'bobb' },
      ],
    };
    const options = { targets, users: [user('alice')] };
    assert.deepEqual((await examine(`bob:${HASH}\n`, options)).warnings, [
      'a rule is about the user "bobb", and there is none: did you mean bob?',
      'a rule is about the user "nobody", and there is none',
    ]);
    const userCheck = { url: 'https://auth.example/' };
    assert.deepEqual((await examine(`bob:${HASH}\n`, { ...options, userCheck })).warnings, []);
  });
});
