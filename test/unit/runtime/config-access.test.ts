import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import fc from 'fast-check';
import { buildAuthenticator } from '../../../src/policy/auth.ts';
import { limitMemory } from '../../../src/policy/limits/memory.ts';
import { buildRules } from '../../../src/policy/rules.ts';
import {
  ConfigError,
  defineConfig,
  loadConfig,
  type Config,
  type GyreOptions,
} from '../../../src/runtime/config.ts';

const folder = mkdtempSync(join(tmpdir(), 'gyre-config-'));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'gyre.yaml');

const BCRYPT = '$2b$04$GtjJVKvCo4nJaQOTEgggweEihRBS1kzunAM5z4uWazSnn0KFHaDLO';
const POOLS = { de: '127.0.0.3', us: '127.0.0.4' };

const configOf = (options: Omit<GyreOptions, 'pool'>): Config =>
  defineConfig({ pool: '127.0.0.2', ...options });

function notesOf(text: string, mode = 0o600): readonly string[] {
  writeFileSync(file, `pool: 127.0.0.2\n${text}\n`);
  chmodSync(file, mode);
  return loadConfig({ file }).notes.map((note) => note.replaceAll(`${folder}/`, ''));
}

suite('users', () => {
  test('with all that may be said of one, and nothing of what is not said', () => {
    const { users, limits } = configOf({
      pools: POOLS,
      users: [
        {
          name: 'alice',
          passwordHash: BCRYPT,
          pool: 'de',
          pools: ['de', 'us', 'default'],
          strategy: 'random',
          expires: '2027-01-31T18:00+01:00',
          targets: ['*.example.com:443', '192.0.2.0/24'],
          limits: { connections: 1, rate: '20/s', up: '1MB/s', down: '10MB/s', quota: '1GB/day' },
        },
        { name: 'bob', password: 'x', pools: 'us', targets: 'all', limits: {}, pool: undefined },
      ],
    });
    const terms = {
      connections: 1,
      rate: { count: 20, perMs: 1000 },
      up: 1e6,
      down: 1e7,
      quota: { bytes: 1e9, period: 'day' },
    };
    assert.deepEqual(users, [
      {
        name: 'alice',
        passwordHash: BCRYPT,
        pool: 'de',
        pools: ['de', 'us', 'default'],
        strategy: 'random',
        expiresAt: Date.UTC(2027, 0, 31, 17),
        targets: ['*.example.com:443', '192.0.2.0/24'],
        limits: terms,
      },
      { name: 'bob', password: 'x', pools: ['us'], targets: ['all'], limits: {} },
    ]);
    assert.ok(!('pool' in users[1]!));
    assert.deepEqual(limits.users, { alice: terms, bob: {} });
  });

  test('in YAML a date is text, and a hash needs quotes only between braces', () => {
    writeFileSync(
      file,
      `pool: 127.0.0.2\nusers:\n  - {name: a, passwordHash: ${BCRYPT}, expires: 2027-01-31}\n  - name: b\n    password: a,b\n`,
    );
    const { users } = loadConfig({ file }).config;
    assert.deepEqual(users, [
      { name: 'a', passwordHash: BCRYPT, expiresAt: Date.UTC(2027, 0, 31) },
      { name: 'b', password: 'a,b' },
    ]);
  });

  test('a name may be one that objects have', () => {
    const users = ['__proto__', 'constructor'].map((name) => ({
      name,
      password: 'x',
      limits: { connections: 3 },
    }));
    const { limits } = structuredClone(configOf({ users }));
    assert.deepEqual(Object.entries(limits.users), [
      ['__proto__', { connections: 3 }],
      ['constructor', { connections: 3 }],
    ]);
  });

  test('the authenticator takes them', async () => {
    const { users } = configOf({ users: [{ name: 'alice', passwordHash: BCRYPT, expires: '2099-01-01' }] });
    const auth = buildAuthenticator(users);
    try {
      const identity = await auth.verify({ name: 'alice', password: 'x' }, '192.0.2.1');
      assert.equal(identity?.user, 'alice');
    } finally {
      auth.close();
    }
  });

  test('from elsewhere', () => {
    const config = configOf({
      usersFile: '/etc/gyre/users',
      userCheck: { url: 'http://127.0.0.1:9000/check' },
      removedUsers: 'keep',
    });
    assert.equal(config.usersFile, '/etc/gyre/users');
    assert.deepEqual(config.userCheck, {
      url: 'http://127.0.0.1:9000/check',
      timeoutMs: 2000,
      cacheMs: 30_000,
    });
    assert.equal(config.removedUsers, 'keep');
    const check = { url: 'https://a:b@auth.example/check', timeout: '500ms', cache: '0s' };
    assert.deepEqual(configOf({ userCheck: check }).userCheck, {
      url: check.url,
      timeoutMs: 500,
      cacheMs: 0,
    });
  });
});

suite('clients and targets', () => {
  test('lists of clients, one or several', () => {
    const { clients } = configOf({ clients: { allow: '10.0.0.0/8', deny: ['10.0.0.1', '2001:db8::/32'] } });
    assert.deepEqual(clients, { allow: ['10.0.0.0/8'], deny: ['10.0.0.1', '2001:db8::/32'] });
  });

  test('rules in their order, as the rules read them', () => {
    const { targets } = configOf({
      users: [{ name: 'alice', password: 'x' }],
      targets: {
        rules: [
          { deny: [':25', '*.internal.example'], allow: undefined },
          { allow: '10.1.2.0/24', users: 'alice' },
          { deny: 'all' },
        ],
      },
    });
    assert.deepEqual(targets, {
      allowPrivate: false,
      rules: [
        { deny: [':25', '*.internal.example'] },
        { allow: ['10.1.2.0/24'], users: ['alice'] },
        { deny: ['all'] },
      ],
    });
    const rules = buildRules(targets.rules);
    assert.equal(rules.byAddress(undefined, '10.1.2.3', 80, 'alice').kind, 'allow');
    assert.equal(rules.byAddress(undefined, '10.1.2.3', 80, undefined).kind, 'deny');
  });

  test('rules are about users nobody knows yet where they come from elsewhere', () => {
    const targets = { rules: [{ deny: 'all', users: ['carol'] }] };
    assert.deepEqual(configOf({ targets, usersFile: 'users' }).targets.rules[0]!.users, ['carol']);
    assert.ok(configOf({ targets, userCheck: { url: 'https://auth.example/' } }));
    assert.throws(() => configOf({ targets }), /there is no user "carol"/);
  });
});

suite('limits', () => {
  test('of all, of clients, of users, of listeners: a range of ports each', () => {
    const { limits, listen } = configOf({
      listen: [1, { address: '10-11', limits: { connections: 5 } }, { address: '2' }],
      limits: {
        all: { connections: 10_000, rate: '500/s' },
        client: { up: '8Mbit/s' },
        user: { down: '1MiB/s', quota: '100GB/month' },
        handshakes: 10,
        logins: { failures: 3, per: '10m', ban: '1h' },
        quotaFile: '/var/lib/gyre/quotas',
      },
    });
    assert.deepEqual(limits, {
      global: { connections: 10_000, rate: { count: 500, perMs: 1000 } },
      perListener: [{}, { connections: 5 }, { connections: 5 }, {}],
      perClient: { up: 1e6 },
      perUser: { down: 2 ** 20, quota: { bytes: 1e11, period: 'month' } },
      users: {},
      handshakes: 10,
      logins: { failures: 3, perMs: 600_000, banMs: 3_600_000 },
      quotaFile: '/var/lib/gyre/quotas',
    });
    assert.equal(limits.perListener.length, listen.length);
    assert.ok(!('limits' in listen[1]!));
  });

  test('0 switches off what guards against guessing and dawdling', () => {
    const { limits } = configOf({ limits: { handshakes: 0, logins: { failures: 0 } } });
    assert.deepEqual([limits.handshakes, limits.logins.failures], [Infinity, Infinity]);
    assert.deepEqual(structuredClone(limits), limits);
    assert.ok(limitMemory(limits, 16));
  });

  test('when it is overloaded', () => {
    const { overload } = configOf({ overload: { descriptors: 0, memory: 1, loopDelay: '200ms' } });
    assert.deepEqual(overload, { descriptors: 0, memory: 1, loopDelay: 200 });
  });
});

test('a public listener may do without openRelay when somebody is asked who clients are, or not all of them may come', () => {
  const open = { listen: ':1080' };
  const closed: Omit<GyreOptions, 'pool'>[] = [
    { usersFile: 'users' },
    { userCheck: { url: 'https://auth.example/' } },
    { users: [{ name: 'a', password: 'b' }] },
    { clients: { allow: '192.0.2.0/24' } },
    { openRelay: true },
  ];
  for (const options of closed) assert.ok(configOf({ ...open, ...options }));
  const wide: Omit<GyreOptions, 'pool'>[] = [
    {},
    { clients: { deny: '192.0.2.0/24' } },
    { clients: { allow: ['192.0.2.0/24', '::/0'] } },
  ];
  for (const options of wide)
    assert.throws(() => configOf({ ...open, ...options }), /anyone who can reach .*--users-file/);
  assert.throws(() => configOf({ ...open, clients: { allow: '0.0.0.0/0' } }), /names everyone/);
});

test('a mistake in what may close the relay does not also make an open one of it', () => {
  const mistakes = [
    { usersFile: '' },
    { userCheck: { url: 'auth.example' } },
    { clients: { allow: 'x' } },
  ] as const;
  for (const options of mistakes) {
    assert.throws(
      () => configOf({ listen: ':1080', ...options }),
      (error) => error instanceof ConfigError && error.problems.length === 1,
      JSON.stringify(options),
    );
  }
});

suite('notes', () => {
  test('a quota that begins anew with every restart', () => {
    const hint = 'begins anew with every restart: limits.quotaFile names a file to keep it in';
    assert.deepEqual(notesOf('limits: {user: {quota: 1GB/day}}'), [`the quota at gyre.yaml:2:24 ${hint}`]);
    assert.deepEqual(notesOf('limits: {user: {quota: 1GB/day}, quotaFile: q}'), []);
    const user = '- {name: a, passwordHash: "HASH", limits: {quota: 1GB/day}}'.replace('HASH', BCRYPT);
    assert.match(notesOf(`users:\n  ${user}`)[0]!, /^the quota at gyre\.yaml:3:\d+ begins anew/);
    assert.match(
      notesOf('listen: [{address: 1, limits: {quota: 1GB/day}}]')[0]!,
      /^the quota at gyre\.yaml:2:\d+ begins anew/,
    );
  });

  test('a file of quotas that nobody has', () => {
    assert.deepEqual(notesOf('limits: {quotaFile: q}'), [
      'nobody has a quota, so gyre.yaml:2:10 has no effect',
    ]);
  });

  test('a rule behind one about everything', () => {
    const rules = (...list: string[]): string =>
      `targets:\n  rules:\n${list.map((rule) => `  - ${rule}\n`).join('')}`;
    assert.deepEqual(notesOf(rules('allow: example.com', 'deny: [ALL]', 'allow: example.org')), [
      'the rule at gyre.yaml:6:5 is never reached: the one at gyre.yaml:5:5 decides about everything',
    ]);
    assert.deepEqual(notesOf(rules('deny: ["all:25"]', 'allow: example.org', 'deny: all')), []);
    const users = 'users: [{name: a, password: b}]\n';
    assert.deepEqual(notesOf(users + rules('{allow: all, users: a}', 'deny: all')), []);
  });

  test('users who have expired, and not thousands of them', () => {
    const expired = (count: number): readonly string[] =>
      notesOf(
        `users:\n${Array.from({ length: count }, (_, i) => `  - {name: u${i}, password: x, expires: 2020-01-02}\n`).join('')}`,
      );
    assert.deepEqual(expired(1), ['the user "u0" has expired on 2020-01-02 and is refused']);
    assert.equal(expired(5).length, 5);
    assert.equal(expired(9).at(-1), '4 more of the users have expired and are refused');
    assert.deepEqual(notesOf('users: [{name: a, password: b, expires: 2999-01-01}]'), []);
  });

  test('passwords that go over the network in plain text', () => {
    const check = (url: string): readonly string[] => notesOf(`userCheck: {url: '${url}'}`);
    assert.deepEqual(check('http://u:hunter2@auth.example:9000/check?hunter2'), [
      'userCheck sends every password to auth.example:9000 unencrypted: https:// would hide them on the way',
    ]);
    for (const near of [
      'http://127.0.0.1:9000/',
      'http://[::1]/',
      'http://localhost/',
      'https://auth.example/',
    ])
      assert.deepEqual(check(near), [], near);
  });

  test('a password in the URL of the check, in a file for all to read', () => {
    const [note] = notesOf("userCheck: {url: 'https://u:hunter2@auth.example/'}", 0o644);
    assert.equal(note, 'everyone on this host can read the passwords in gyre.yaml: chmod 600 it');
    assert.deepEqual(notesOf("userCheck: {url: 'https://auth.example/'}", 0o644), []);
  });
});

test('what is denied outside the file comes before what the file says, and takes nothing of it away', () => {
  const before = (path: string[], value: unknown, where: string) =>
    ({ path, value, where, before: true }) as const;
  const flags = [
    before(['targets', 'rules'], [{ deny: [':25', 'b.example'] }], '--deny'),
    before(['clients', 'deny'], ['192.0.2.1', '192.0.2.2'], '--deny-client'),
  ];
  writeFileSync(
    file,
    'pool: 127.0.0.2\nclients: {deny: 10.0.0.0/8}\ntargets:\n  rules:\n    - deny: a.example\n    - allow: all\n',
  );
  const { targets, clients } = loadConfig({ file, flags }).config;
  assert.deepEqual(targets.rules, [
    { deny: [':25', 'b.example'] },
    { deny: ['a.example'] },
    { allow: ['all'] },
  ]);
  assert.deepEqual(clients.deny, ['192.0.2.1', '192.0.2.2', '10.0.0.0/8']);
  assert.deepEqual(loadConfig({ flags, environment: { GYRE_POOL: '127.0.0.2' } }).config.targets.rules, [
    { deny: [':25', 'b.example'] },
  ]);

  const wrong = [
    before(['targets', 'rules'], [{ deny: ['a b'] }], '--deny'),
    before(['clients', 'deny'], ['1.2'], '--deny-client'),
  ];
  writeFileSync(
    file,
    'pool: 127.0.0.2\nclients: {deny: 1.3}\ntargets:\n  rules:\n    - deny: a.example\n    - alow: all\n',
  );
  assert.throws(
    () => loadConfig({ file, flags: wrong }),
    (error) => {
      assert.ok(error instanceof ConfigError);
      const places = error.problems.map(({ where }) => where.replace(`${folder}/`, ''));
      assert.deepEqual(places, [
        '--deny-client',
        '--deny',
        'gyre.yaml:2:17',
        'gyre.yaml:6:7',
        'gyre.yaml:6:7',
      ]);
      return true;
    },
  );
});

test('whatever is written, it is taken or refused in sentences', () => {
  const word = fc.constantFrom(
    'all',
    ':25',
    '1MB/s',
    '20/s',
    '1GB/day',
    '2027-01-31',
    'de',
    'alice',
    '10.0.0.0/8',
    '',
  );
  const keys = (
    'name password passwordHash pool pools strategy expires targets limits connections rate up down quota url timeout ' +
    'cache allow deny users rules all client user handshakes logins failures quotaFile memory address __proto__'
  ).split(' ');
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      word,
      fc.string(),
      fc.double(),
      fc.integer(),
      fc.constantFrom(null, true, undefined),
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...keys), tie('tree'), { maxKeys: 4 }),
    ),
  }));
  const options = [
    'users',
    'usersFile',
    'userCheck',
    'removedUsers',
    'clients',
    'targets',
    'limits',
    'overload',
    'listen',
  ];
  fc.assert(
    fc.property(fc.constantFrom(...options), tree, (option, value) => {
      try {
        defineConfig({ pool: '127.0.0.2', [option]: value });
      } catch (error) {
        assert.ok(error instanceof ConfigError, String(error));
        assert.ok(error.problems.every(({ where, message }) => where !== '' && message !== ''));
      }
    }),
    { numRuns: 1000 },
  );
});
