import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { defineConfig, type GyreOptions } from '../../../../src/runtime/config.ts';
import { compareConfigs } from '../../../../src/runtime/reload/compare.ts';

const POOL = '127.0.0.2-127.0.0.9';

function changes(before: Partial<GyreOptions>, after: Partial<GyreOptions>): string[] {
  const define = (options: Partial<GyreOptions>): ReturnType<typeof defineConfig> =>
    defineConfig({ pool: POOL, workers: 1, ...options });
  return compareConfigs(define(before), define(after)).map(
    ({ path, kind, before: was, after: is }) => `${path} ${kind}: ${was} → ${is}`,
  );
}

suite('what has changed', () => {
  test('nothing', () => {
    assert.deepEqual(changes({}, {}), []);
    assert.deepEqual(changes({ timeouts: { idle: '60m' } }, { timeouts: { idle: '1h' } }), []);
  });

  test('a value, by its path, durations as people write them', () => {
    assert.deepEqual(changes({}, { strategy: 'random' }), ['strategy changed: round-robin → random']);
    assert.deepEqual(changes({}, { timeouts: { idle: '90s' } }), ['timeouts.idle changed: 1h → 90s']);
    assert.deepEqual(changes({}, { sessions: { ttl: '0s' } }), ['sessions.ttl changed: 10m → 0ms']);
    assert.deepEqual(changes({}, { pool: '127.0.0.3' }), [
      'pool changed: ["127.0.0.2-127.0.0.9"] → ["127.0.0.3"]',
    ]);
  });

  test('what comes and goes', () => {
    assert.deepEqual(changes({}, { usersFile: '/etc/gyre/users' }), [
      'usersFile added: null → /etc/gyre/users',
    ]);
    assert.deepEqual(
      changes({ pools: { de: '127.0.0.3', fr: '127.0.0.4' } }, { pools: { de: '127.0.0.3' } }),
      ['pools.fr removed: ["127.0.0.4"] → null'],
    );
    assert.deepEqual(changes({ limits: { all: { connections: 5 } } }, {}), [
      'limits.global changed: {"connections":5} → {}',
    ]);
  });

  test('listeners by where they listen, whatever their order', () => {
    const [a, b] = ['127.0.0.1:1080', '127.0.0.1:1081'];
    assert.deepEqual(changes({ listen: [a, b] }, { listen: [b, a] }), []);
    const [added] = changes({ listen: a }, { listen: [b, a] });
    assert.match(added!, /^listen\[0\] added: null → .*1081/);
    const [removed] = changes({ listen: [a, b] }, { listen: b });
    assert.match(removed!, /^listen\[0\] removed: .*1080.* → null$/);
    const limited = { address: a, limits: { connections: 3 } };
    const [changed] = changes({ listen: [b, a] }, { listen: [limited, b] });
    assert.match(changed!, /^listen\[0\] changed: .*1080.* → .*"connections":3/);
  });

  test('users by name, whatever their order', () => {
    const [alice, bob] = [
      { name: 'alice', password: 'one' },
      { name: 'bob', password: 'two' },
    ];
    assert.deepEqual(changes({ users: [alice, bob] }, { users: [bob, alice] }), []);
    assert.deepEqual(changes({ users: [alice, bob] }, { users: [bob] }), [
      'users.alice removed: {"name":"alice","password":"***"} → null',
    ]);
    assert.deepEqual(changes({ users: [alice] }, { users: [{ ...alice, password: 'other' }] }), [
      'users.alice changed: {"name":"alice","password":"***"} → {"name":"alice","password":"***"} (changed)',
    ]);
  });

  test('long values are cut', () => {
    const deny = Array.from({ length: 100 }, (_, i) => `192.0.2.${i}`);
    const [change] = compareConfigs(
      defineConfig({ pool: POOL }),
      defineConfig({ pool: POOL, clients: { deny } }),
    );
    assert.equal(change!.after!.length, 120);
  });
});

test('no change shows a secret', () => {
  const secret = (n: number): string => `s3cr3t${n}`;
  const hash = '$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy';
  const before: GyreOptions = { pool: POOL, listen: '127.0.0.1:1080' };
  const after: GyreOptions = {
    pool: [
      POOL,
      `https://user:${secret(1)}@pool.example/list?token=${secret(2)}`,
      `exec:/usr/bin/list --key ${secret(3)}`,
    ],
    pools: { de: `https://${secret(4)}@pool.example/de?key=${secret(5)}` },
    users: [
      { name: 'alice', password: secret(6) },
      { name: 'bob', passwordHash: hash },
    ],
    userCheck: { url: `http://check:${secret(7)}@127.0.0.1:9000/?token=${secret(8)}` },
    admin: { listen: '127.0.0.1:1082', token: `${secret(9)}-${'x'.repeat(40)}` },
  };
  for (const [one, other] of [
    [before, after],
    [after, before],
    [after, { ...after, users: [{ name: 'alice', password: secret(10) }] }],
  ] as const) {
    const found = compareConfigs(defineConfig(one), defineConfig(other));
    assert.ok(found.length > 0);
    assert.doesNotMatch(JSON.stringify(found), /s3cr3t|N9qo8uLO/);
  }
});
