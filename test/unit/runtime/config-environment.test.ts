import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ConfigError, loadConfig, type Config } from '../../../src/runtime/config.ts';
import { readEnvironment, readUser, VARIABLES } from '../../../src/runtime/config/environment.ts';
import { formatListeners } from '../../../src/runtime/config/listen.ts';

const POOL = { GYRE_POOL: '127.0.0.2' };

function configOf(environment: Record<string, string>): Config {
  return loadConfig({ environment: { ...POOL, ...environment } }).config;
}

function places(environment: Record<string, string>): string[] {
  try {
    loadConfig({ environment: { ...POOL, ...environment } });
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems.map(
      ({ where, message, hint }) => `${where}: ${message}${hint === undefined ? '' : ` (${hint})`}`,
    );
  }
  return [];
}

suite('GYRE_ variables', () => {
  test('each sets its option', () => {
    const config = configOf({
      GYRE_LISTEN: '127.0.0.1:1, [::1]:2, tls://127.0.0.1:4',
      GYRE_TLS_CERT: ' /tls/cert.pem ',
      GYRE_TLS_KEY: '/tls/key.pem',
      GYRE_POOL: '127.0.0.2, 127.0.0.3',
      GYRE_STRATEGY: 'sequential',
      GYRE_EVERY: '100',
      GYRE_CURSOR: 'user',
      GYRE_WORKERS: ' 7 ',
      GYRE_USER: 'alice:pass:word ',
      GYRE_USERS_FILE: ' /etc/gyre/users ',
      GYRE_MAX_CONNECTIONS: '1000',
      GYRE_ALLOW_PRIVATE: '1',
      GYRE_OPEN_RELAY: 'Yes',
      GYRE_LOG_LEVEL: 'debug',
      GYRE_LOG_FORMAT: 'json',
      GYRE_ACCESS_LOG: 'off',
      GYRE_ECHO: '127.0.0.1:3',
    });
    assert.deepEqual(formatListeners(config.listen), ['127.0.0.1:1', '[::1]:2', 'tls://127.0.0.1:4']);
    assert.deepEqual(config.listen[2]!.tls, {
      cert: '/tls/cert.pem',
      key: '/tls/key.pem',
      clientCa: undefined,
      sessionDomain: undefined,
    });
    assert.deepEqual(config.pool, ['127.0.0.2, 127.0.0.3']);
    assert.deepEqual([config.strategy, config.every], ['sequential', { requests: 100, ms: 0 }]);
    assert.deepEqual(config.users, [{ name: 'alice', password: 'pass:word ' }]);
    assert.deepEqual([config.cursor, config.workers, config.openRelay], ['user', 7, true]);
    assert.equal(config.targets.allowPrivate, true);
    assert.deepEqual([config.usersFile, config.limits.global.connections], ['/etc/gyre/users', 1000]);
    assert.deepEqual(config.log, { level: 'debug', format: 'json', access: 'off' });
    assert.deepEqual(config.echo, { host: '127.0.0.1', port: 3 });
  });

  test('a wrong value is blamed on its variable', () => {
    assert.deepEqual(places({ GYRE_LISTEN: '127.0.0.1' }), [
      'GYRE_LISTEN: "127.0.0.1" has no port (write 127.0.0.1:1080)',
    ]);
    assert.deepEqual(places({ GYRE_WORKERS: 'x' }), ['GYRE_WORKERS: expected a whole number from 0 to 256']);
    assert.deepEqual(places({ GYRE_ALLOW_PRIVATE: 'maybe' }), ['GYRE_ALLOW_PRIVATE: expected true or false']);
    assert.deepEqual(places({ GYRE_CURSOR: 'globl' }), [
      'GYRE_CURSOR: expected destination, global or user, not "globl" (did you mean global?)',
    ]);
    assert.deepEqual(places({ GYRE_EVERY: '0' }), [
      'GYRE_EVERY: expected a number of requests such as 100, or a duration such as 5m',
    ]);
    assert.deepEqual(places({ GYRE_MAX_CONNECTIONS: 'many' }), [
      'GYRE_MAX_CONNECTIONS: expected a whole number from 1 to 1000000000 (leave it out for no limit)',
    ]);
    assert.match(places({ GYRE_STRATEGY: 'weigted' })[0]!, /^GYRE_STRATEGY: .* \(did you mean weighted\?\)$/);
    assert.match(places({ GYRE_POOL: '127.0.0.x' })[0]!, /^GYRE_POOL: "127\.0\.0\.x" is not an IP address/);
    assert.match(places({ GYRE_LISTEN: ':1080' })[0]!, /^GYRE_LISTEN: anyone who can reach/);
    assert.match(
      places({ GYRE_LISTEN: 'tls://1443' })[0]!,
      /^GYRE_LISTEN: tls:\/\/127\.0\.0\.1:1443 has no certificate \(.*GYRE_TLS_CERT.*gyre cert\)$/,
    );
    assert.match(
      places({ GYRE_LISTEN: 'tls://1443', GYRE_TLS_CERT: 'cert.pem' })[0]!,
      /^GYRE_TLS_CERT: cert is given, but key is not \(.*GYRE_TLS_KEY;/,
    );
  });

  test('a user without a colon is refused without being shown', () => {
    assert.deepEqual(places({ GYRE_USER: 'hunter2' }), ['GYRE_USER: expected NAME:PASSWORD']);
    assert.deepEqual(places({ GYRE_USER: ':hunter2' }), ['GYRE_USER: the user name is empty']);
    assert.deepEqual(places({ GYRE_USER: 'alice:' }), ['GYRE_USER: the password is empty']);
  });

  test('switches read the words of all trades', () => {
    for (const yes of ['1', 'true', 'TRUE', 'yes', 'on'])
      assert.equal(configOf({ GYRE_OPEN_RELAY: yes }).openRelay, true, yes);
    for (const no of ['0', 'false', 'No', 'off'])
      assert.equal(configOf({ GYRE_OPEN_RELAY: no }).openRelay, false, no);
  });

  test('empty is not set', () => {
    const empty = Object.fromEntries(
      [...Object.keys(VARIABLES), 'GYRE_CONFIG', 'LISTEN_ADDR', 'PROXY_USER', 'PROXY_PASS'].map((name) => [
        name,
        '',
      ]),
    );
    assert.deepEqual(
      loadConfig({ environment: { ...empty, IP_POOL: '127.0.0.2' } }),
      loadConfig({ environment: POOL }),
    );
  });

  test('one that does not exist is a note with the nearest that does, and never its value', () => {
    const { notes } = readEnvironment({ GYRE_POOOL: 'x', GYRE_PASSWORD: 'hunter2', OTHER: 'x' });
    assert.deepEqual(notes, [
      'the environment variable GYRE_POOOL is not known and has no effect; did you mean GYRE_POOL?',
      'the environment variable GYRE_PASSWORD is not known and has no effect',
    ]);
  });
});

suite('variables of other programs', () => {
  test('they work', () => {
    const { config, notes } = loadConfig({
      environment: {
        IP_POOL: '127.0.0.2,127.0.0.3',
        LISTEN_ADDR: ':1080',
        PROXY_USER: 'alice',
        PROXY_PASS: 's3:cret',
      },
    });
    assert.deepEqual(config.pool, ['127.0.0.2,127.0.0.3']);
    assert.deepEqual(formatListeners(config.listen), ['[::]:1080']);
    assert.deepEqual(config.users, [{ name: 'alice', password: 's3:cret' }]);
    assert.deepEqual(notes, []);
  });

  test('ours win, and that is told when they differ', () => {
    const { config, notes } = loadConfig({
      environment: {
        IP_POOL: '127.0.0.2',
        GYRE_POOL: '127.0.0.3',
        LISTEN_ADDR: '1080',
        GYRE_LISTEN: '1080',
        PROXY_USER: 'alice',
        PROXY_PASS: 'hunter2',
        GYRE_USER: 'bob:hunter3',
      },
    });
    assert.deepEqual(config.pool, ['127.0.0.3']);
    assert.deepEqual(config.users, [{ name: 'bob', password: 'hunter3' }]);
    assert.deepEqual(notes, [
      'GYRE_POOL and IP_POOL differ: GYRE_POOL is used',
      'GYRE_USER and PROXY_USER differ: GYRE_USER is used',
    ]);
  });

  test('a name without a password, and the other way round', () => {
    const hint = '(set both for one user with a password, or neither)';
    assert.deepEqual(places({ PROXY_USER: 'alice' }), [
      `PROXY_USER: PROXY_USER is set but PROXY_PASS is not ${hint}`,
    ]);
    assert.deepEqual(places({ PROXY_PASS: 'hunter2' }), [
      `PROXY_PASS: PROXY_PASS is set but PROXY_USER is not ${hint}`,
    ]);
    assert.deepEqual(places({ PROXY_USER: 'a:b', PROXY_PASS: 'hunter2' }), [
      'PROXY_USER: a user name may not have a colon in it',
    ]);
  });

  test('their mistakes carry their names', () => {
    assert.throws(
      () => loadConfig({ environment: { IP_POOL: '10.0.0.1/8' } }),
      /IP_POOL: "10\.0\.0\.1\/8" has host bits set/,
    );
    assert.match(places({ LISTEN_ADDR: 'x' })[0]!, /^LISTEN_ADDR: "x" is not a listen address/);
    assert.deepEqual(places({ PROXY_USER: 'a', PROXY_PASS: 'x'.repeat(256) }), [
      'PROXY_USER: the password is longer than 255 bytes',
    ]);
  });
});

test('a user is parted at the first colon', () => {
  assert.deepEqual(readUser('a:b:c'), { name: 'a', password: 'b:c' });
  assert.equal(readUser('abc'), undefined);
});
