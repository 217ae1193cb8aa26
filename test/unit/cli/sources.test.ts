import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Command } from 'commander';
import { addSources, exposures, loadFrom, warnings, type SourceFlags } from '../../../src/cli/sources.ts';
import { ConfigError, type LoadedConfig } from '../../../src/runtime/config.ts';
import { formatListeners } from '../../../src/runtime/config/listen.ts';

function load(...args: string[]): LoadedConfig {
  const command = addSources(new Command()).exitOverride();
  return loadFrom(command.parse(args, { from: 'user' }).opts<SourceFlags>());
}

function problems(...args: string[]): string[] {
  try {
    load(...args);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems.map(({ where, message }) => `${where}: ${message}`);
  }
  return [];
}

suite('options of the command line', () => {
  test('each sets its option', () => {
    const { config } = load(
      '--listen',
      '127.0.0.1:1',
      '--listen',
      '[::1]:2',
      '--listen',
      'tls://4',
      '--listen',
      'unix:/run/gyre.sock',
      '--tls-cert',
      'a.pem',
      '--tls-key',
      'b.pem',
      '--pool',
      '127.0.0.2',
      '--pool',
      '127.0.0.3,127.0.0.4',

      '--strategy',
      'round-robin',
      '--cursor',
      'global',
      '--user',
      'alice:s3:cret',
      '--user',
      'bob:x',
      '--users-file',
      'users',
      '--allow-client',
      '10.0.0.0/8',
      '--allow-client',
      '192.0.2.0/24',
      '--deny-client',
      '10.0.0.1',
      '--deny',
      ':25',
      '--deny',
      '*.example.com',
      '--max-connections',
      '1000',
      '--allow-private',

      '--open-relay',
      '--workers',
      '0',
      '--log-level',
      'warn',
      '--log-format',
      'json',
      '--access-log',
      '-',
      '--echo',
      '3',
    );
    assert.deepEqual(formatListeners(config.listen), [
      '127.0.0.1:1',
      '[::1]:2',
      'tls://127.0.0.1:4',
      'unix:/run/gyre.sock',
    ]);
    const { cert, key } = config.listen[2]!.tls!;
    assert.deepEqual([cert, key], ['a.pem', 'b.pem']);
    assert.deepEqual(config.pool, ['127.0.0.2', '127.0.0.3,127.0.0.4']);
    assert.deepEqual(config.users, [
      { name: 'alice', password: 's3:cret' },
      { name: 'bob', password: 'x' },
    ]);
    assert.deepEqual(
      [config.cursor, config.workers, config.openRelay, config.targets.allowPrivate],
      ['global', 0, true, true],
    );
    assert.equal(config.usersFile, 'users');
    assert.deepEqual(config.clients, { allow: ['10.0.0.0/8', '192.0.2.0/24'], deny: ['10.0.0.1'] });
    assert.deepEqual(config.targets.rules, [{ deny: [':25', '*.example.com'] }]);
    assert.equal(config.limits.global.connections, 1000);
    assert.deepEqual(config.log, { level: 'warn', format: 'json', access: '-' });
    assert.deepEqual(config.echo, { host: '127.0.0.1', port: 3 });
  });

  test('a mistake is blamed on its option', () => {
    assert.deepEqual(
      problems('--pool', '127.0.0.2', '--listen', '127.0.0.1', '--workers', 'x', '--user', 'hunter2'),
      [
        '--listen: "127.0.0.1" has no port',
        '--workers: expected a whole number from 0 to 256',
        '--user: expected NAME:PASSWORD',
      ],
    );
    const access = [
      '--deny',
      'a b',
      '--deny-client',
      '1.2',
      '--allow-client',
      '1.3',
      '--max-connections',
      'x',
    ];
    assert.deepEqual(
      problems('--pool', '127.0.0.2', '--users-file', '', ...access).map(
        (problem) => problem.split(': ', 2)[0],
      ),
      ['--users-file', '--allow-client', '--deny-client', '--deny', '--max-connections'],
    );
    assert.match(
      problems('--pool', '127.0.0.2', '--pool', 'nowhere')[0]!,
      /^--pool: "nowhere" is not an IP address/,
    );
    assert.match(problems('--pool', '127.0.0.2', '--listen', ':1080')[0]!, /^--listen: anyone who can reach/);
    assert.match(
      problems('--pool', '127.0.0.2', '--listen', 'tls://1443')[0]!,
      /^--listen: tls:\/\/127\.0\.0\.1:1443 has no certificate/,
    );
    assert.deepEqual(problems('--pool', '127.0.0.2', '--listen', 'tls://1443', '--tls-key', 'a.pem'), [
      '--tls-key: key is given, but cert is not',
    ]);
    assert.match(
      problems('--config', '/nonexistent/gyre.yaml')[0]!,
      /^\/nonexistent\/gyre\.yaml: there is no such/,
    );
  });
});

suite('warnings', () => {
  test('none for what is safe', () => {
    assert.deepEqual(warnings(load('--pool', '127.0.0.2')), []);
    assert.deepEqual(warnings(load('--pool', '127.0.0.2', '--allow-private', '--echo', '1081')), []);
    assert.deepEqual(
      warnings(load('--pool', '127.0.0.2', '--listen', ':1080', '--user', 'a:b', '--open-relay')),
      [],
    );
  });

  test('a certificate nobody will see', () => {
    assert.deepEqual(warnings(load('--pool', '127.0.0.2', '--tls-cert', 'a.pem', '--tls-key', 'b.pem')), [
      'no listener has TLS, so --tls-cert has no effect: write for example tls://:1443',
    ]);
    const files = ['--tls-cert', 'a.pem', '--tls-key', 'b.pem'];
    assert.deepEqual(warnings(load('--pool', '127.0.0.2', '--listen', 'tls://1443', ...files)), []);
  });

  test('what was on the command line for everyone to see', () => {
    assert.deepEqual(exposures({}), []);
    assert.deepEqual(exposures({ pool: ['127.0.0.2', 'https://lists.example/a@b', 'exec:pool'] }), []);
    const [user, pool] = exposures({ user: ['alice:hunter2'], pool: ['https://u:hunter2@lists.example/'] });
    assert.match(user!, /^the password in --user was visible to .*: use GYRE_USER, --users-file or a file$/);
    assert.match(pool!, /^the password in --pool was visible to .*: use GYRE_POOL or a file$/);
  });

  test('no open relay where somebody is asked who clients are', () => {
    const args = ['--pool', '127.0.0.2', '--listen', ':1080', '--open-relay'];
    assert.deepEqual(warnings(load(...args, '--users-file', 'users')), []);
    assert.deepEqual(warnings(load(...args, '--allow-client', '10.0.0.0/8')), []);
    assert.match(warnings(load(...args, '--allow-client', '::/0'))[0]!, /^this is an open relay/);
  });

  test('open relays, private networks for strangers, an echo nobody reaches', () => {
    const found = warnings(
      load('--pool', '127.0.0.2', '--listen', ':1080', '--open-relay', '--allow-private'),
    );
    assert.match(found[0]!, /^this is an open relay/);
    assert.match(found[1]!, /^targets\.allowPrivate is on/);
    assert.match(
      warnings(load('--pool', '127.0.0.2', '--echo', '1081'))[0]!,
      /^the echo listener is on, but .*--allow-private$/,
    );
  });
});
