import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Command } from 'commander';
import { addSources, loadFrom, warnings, type SourceFlags } from '../../../src/cli/sources.ts';
import { ConfigError, type LoadedConfig } from '../../../src/runtime/config.ts';

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
    assert.deepEqual(
      config.listen.map(({ host, port }) => `${host} ${port}`),
      ['127.0.0.1 1', '::1 2'],
    );
    assert.deepEqual(config.pool, ['127.0.0.2', '127.0.0.3,127.0.0.4']);
    assert.deepEqual(config.users, [
      { name: 'alice', password: 's3:cret' },
      { name: 'bob', password: 'x' },
    ]);
    assert.deepEqual(
      [config.cursor, config.workers, config.openRelay, config.targets.allowPrivate],
      ['global', 0, true, true],
    );
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
    assert.match(
      problems('--pool', '127.0.0.2', '--pool', 'nowhere')[0]!,
      /^--pool: "nowhere" is not an IP address/,
    );
    assert.match(problems('--pool', '127.0.0.2', '--listen', ':1080')[0]!, /^--listen: anyone who can reach/);
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
