import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { STRATEGIES, type StrategyName } from '../../../src/egress/rotation/strategies.ts';
import {
  ConfigError,
  defineConfig,
  loadConfig,
  type GyreOptions,
  type ListenerConfig,
} from '../../../src/runtime/config.ts';
import type { Setting } from '../../../src/runtime/config/layers.ts';

const folder = mkdtempSync(join(tmpdir(), 'gyre-config-'));
after(() => rmSync(folder, { recursive: true }));

function fileOf(text: string, mode = 0o600): string {
  const path = join(folder, 'gyre.yaml');
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

function flag(path: string, value: unknown, where: string): Setting {
  return { path: path.split('.'), value, where };
}

/** A listener of which nothing more is asked. */
function plain(host: string, port: number): ListenerConfig {
  return { at: { host, port }, tls: undefined, proxyProtocol: undefined };
}

suite('defineConfig', () => {
  test('needs nothing but a pool', () => {
    assert.deepEqual(defineConfig({ pool: '127.0.0.2-127.0.0.9' }), {
      listen: [plain('127.0.0.1', 1080)],
      pool: ['127.0.0.2-127.0.0.9'],
      pools: {},
      strategy: 'round-robin',
      cursor: 'destination',
      hashBy: 'client',
      every: { requests: 1, ms: 0 },
      family: { prefer: 6, stagger: 250 },
      ports: 'own',
      sessions: { by: 'name', ttl: 600_000, idle: 0, strict: false },
      health: { failures: 5, floor: 0.5, backoffMs: { first: 5000, last: 300_000 }, probe: undefined },
      workers: availableParallelism(),
      users: [],
      usersFile: undefined,
      userCheck: undefined,
      removedUsers: 'cut',
      clients: { allow: [], deny: [] },
      targets: { allowPrivate: false, rules: [] },
      limits: {
        global: {},
        perListener: [{}],
        perClient: {},
        perUser: {},
        users: {},
        handshakes: 8192,
        logins: { failures: 100, perMs: 60_000, banMs: 60_000 },
        quotaFile: undefined,
      },
      overload: { descriptors: 0.95, memory: 0.9, loopDelay: 0 },
      openRelay: false,
      dns: { servers: [] },
      timeouts: {
        proxyHeader: 3000,
        handshake: 10_000,
        connect: 4000,
        dialSocks: 5000,
        dialHttp: 10_000,
        dns: 5000,
        response: 300_000,
        keepAlive: 60_000,
        idle: 3_600_000,
        fin: 60_000,
        drain: 30_000,
        stall: 10_000,
      },
      watch: false,
      log: { level: 'info', format: 'auto', access: '-' },
      echo: undefined,
      admin: undefined,
    });
  });

  test('takes every option, and undefined for any', () => {
    const all: GyreOptions = {
      listen: ['[::1]:0', 1081, 'localhost:5'],
      pool: ['127.0.0.2', '127.0.0.3,!127.0.0.3'],
      strategy: undefined,
      cursor: 'global',
      workers: 0,
      users: [{ name: 'alice', password: 'a:b' }],
      clients: { allow: '10.0.0.0/8' },
      targets: { allowPrivate: true },
      openRelay: undefined,
      dns: { servers: ['192.0.2.53', '[2001:db8::53]:5353'] },
      timeouts: { idle: '1.5m', drain: '0s', connect: '500ms', dns: undefined },
      log: { level: 'debug', format: 'json', access: '/var/log/gyre.log' },
      echo: '127.0.0.1:0',
    };
    const config = defineConfig(all);
    assert.deepEqual(config.listen, [plain('::1', 0), plain('127.0.0.1', 1081), plain('127.0.0.1', 5)]);
    assert.deepEqual(config.pool, ['127.0.0.2', '127.0.0.3,!127.0.0.3']);
    assert.deepEqual(config.clients.allow, ['10.0.0.0/8']);
    assert.deepEqual(config.dns.servers, ['192.0.2.53', '[2001:db8::53]:5353']);
    assert.deepEqual(
      [config.timeouts.idle, config.timeouts.drain, config.timeouts.connect, config.timeouts.dns],
      [90_000, 0, 500, 5000],
    );
    assert.deepEqual(config.echo, { host: '127.0.0.1', port: 0 });
    assert.equal(config.workers, 0);
    assert.equal(config.strategy, 'round-robin');
  });

  test('takes every option of the rotation', () => {
    const config = defineConfig({
      pool: '127.0.0.2*3;country=de',
      strategy: 'sequential',
      cursor: 'user',
      hashBy: 'destination',
      every: '5m',
      family: { prefer: 4, only: 4, stagger: '10ms' },
      ports: 'kernel',
      pools: { de: '127.0.0.3', us: ['127.0.0.4', '127.0.0.5'] },
      sessions: { by: 'port', ttl: '0s', idle: '1m', strict: true, file: '/nonexistent/sessions' },
      health: {
        failures: 1,
        floor: 0,
        backoff: { first: '10ms', last: '1h' },
        probe: { target: 'http://192.0.2.1/ip', interval: '1s', concurrency: 1, rise: 1, fall: 1 },
      },
    });
    assert.deepEqual(
      [config.strategy, config.cursor, config.hashBy, config.ports],
      ['sequential', 'user', 'destination', 'kernel'],
    );
    assert.deepEqual(config.every, { requests: 0, ms: 300_000 });
    assert.deepEqual(config.pools, { de: ['127.0.0.3'], us: ['127.0.0.4', '127.0.0.5'] });
    const file = '/nonexistent/sessions';
    assert.deepEqual(config.sessions, { by: 'port', ttl: 0, idle: 60_000, strict: true, file });
    assert.deepEqual(config.family, { prefer: 4, only: 4, stagger: 10 });
    const probe = { intervalMs: 1000, timeoutMs: 5000, concurrency: 1, rise: 1, fall: 1 };
    assert.deepEqual(config.health, {
      failures: 1,
      floor: 0,
      backoffMs: { first: 10, last: 3_600_000 },
      probe: { target: 'http://192.0.2.1/ip', ...probe },
    });
  });

  test('sequential moves on after requests or after a time, also given as text', () => {
    const every = (given: number | string) => defineConfig({ pool: '127.0.0.2', every: given }).every;
    assert.deepEqual(every(100), { requests: 100, ms: 0 });
    assert.deepEqual(every('100'), { requests: 100, ms: 0 });
    assert.deepEqual(every('1.5s'), { requests: 0, ms: 1500 });
  });

  test('knows every strategy', () => {
    for (const strategy of Object.keys(STRATEGIES) as StrategyName[])
      assert.equal(defineConfig({ pool: '127.0.0.2', strategy }).strategy, strategy);
  });

  test('freezes the result to its leaves, and leaves the options alone', () => {
    const options = { pool: ['127.0.0.2'], users: [{ name: 'a', password: 'b' }] };
    const config = defineConfig(options);
    assert.ok(
      Object.isFrozen(config) && Object.isFrozen(config.listen[0]) && Object.isFrozen(config.users[0]),
    );
    assert.ok(!Object.isFrozen(options.pool) && !Object.isFrozen(options.users[0]));
  });

  test('survives the way to a worker thread', () => {
    const config = defineConfig({ pool: '127.0.0.2' });
    assert.deepEqual(structuredClone(config), config);
  });

  test('names the place of a mistake as one writes it in code', () => {
    const wrong = { pool: '127.0.0.2', timeouts: { idle: 30 }, users: [{ name: 'a', pasword: 'b' }] };
    assert.throws(
      () => defineConfig(wrong as unknown as GyreOptions),
      (error) => {
        assert.ok(error instanceof ConfigError);
        const places = error.problems.map(({ where }) => where);
        assert.deepEqual(places.toSorted(), ['timeouts.idle', 'users[0]', 'users[0].pasword']);
        assert.match(
          error.message,
          /^timeouts\.idle: expected a duration such as 10s.* \(give a unit: 30s or 30ms\)$/m,
        );
        return true;
      },
    );
    assert.throws(
      () => defineConfig(null as unknown as GyreOptions),
      /^ConfigError: options: expected options such as pool/,
    );
  });
});

suite('loadConfig', () => {
  test('flags over environment over file over default', () => {
    const file = fileOf(
      'pool: 127.0.0.2\ncursor: global\nlog: {level: warn, format: json, access: off}\nworkers: 1\n',
    );
    const environment = { GYRE_LOG_LEVEL: 'error', GYRE_LOG_FORMAT: 'human' };
    const flags = [flag('log.level', 'debug', '--log-level')];
    const { config } = loadConfig({ file, environment, flags });
    assert.deepEqual(config.log, { level: 'debug', format: 'human', access: 'off' });
    assert.deepEqual([config.cursor, config.workers, config.strategy], ['global', 1, 'round-robin']);
  });

  test('a stronger list replaces a weaker one, and no item is left of that', () => {
    const file = fileOf('pool: [127.0.0.2, 127.0.0.3]\nlisten: ["127.0.0.1:1", "127.0.0.1:2"]\n');
    const { config } = loadConfig({
      file,
      environment: { GYRE_POOL: '127.0.0.9' },
      flags: [flag('listen', ['3'], '--listen')],
    });
    assert.deepEqual(config.pool, ['127.0.0.9']);
    assert.deepEqual(config.listen, [plain('127.0.0.1', 3)]);
  });

  test('GYRE_CONFIG names the file, --config another one', () => {
    const file = fileOf('pool: 127.0.0.2\n');
    const loaded = loadConfig({ environment: { GYRE_CONFIG: file } });
    assert.deepEqual([loaded.file, loaded.config.pool], [file, ['127.0.0.2']]);
    assert.equal(loadConfig({ file, environment: { GYRE_CONFIG: '/nonexistent' } }).file, file);
    assert.equal(loadConfig({ environment: { GYRE_POOL: '127.0.0.2' } }).file, undefined);
  });

  test('JSON is YAML', () => {
    const file = fileOf('{\n\t"pool": ["127.0.0.2"],\n\t"workers": 3\n}\n');
    assert.equal(loadConfig({ file }).config.workers, 3);
  });

  test('a key without a value counts as not written', () => {
    const file = fileOf('pool: 127.0.0.2\nusers:\n#  - name: alice\nlog:\ntimeouts: {idle: ~}\n');
    const { config } = loadConfig({ file, environment: { GYRE_LOG_LEVEL: 'warn' } });
    assert.deepEqual([config.users, config.log.level, config.timeouts.idle], [[], 'warn', 3_600_000]);
  });

  test('errors of all sources come together, each with its own place', () => {
    const file = fileOf('pool: 127.0.0.2\nworker: 2\nlog:\n  level: loud\n');
    const environment = { GYRE_WORKERS: 'many', PROXY_USER: 'alice' };
    const flags = [flag('listen', ['1:2:3'], '--listen')];
    assert.throws(
      () => loadConfig({ file, environment, flags }),
      (error) => {
        assert.ok(error instanceof ConfigError);
        assert.deepEqual(
          error.problems.map(({ where }) => where).toSorted(),
          ['--listen', 'GYRE_WORKERS', 'PROXY_USER', `${file}:2:1`, `${file}:4:10`].toSorted(),
        );
        return true;
      },
    );
  });

  test('an option below something that holds no keys is an error of the file', () => {
    const file = fileOf('pool: 127.0.0.2\nlog: loud\n');
    assert.throws(() => loadConfig({ file, environment: { GYRE_LOG_LEVEL: 'warn' } }), {
      message: `${file}:2:6: expected keys here: level, format, access`,
    });
  });

  test('passwords that everyone on the host can read are worth a note', () => {
    const text = 'pool: 127.0.0.2\nusers: [{name: alice, password: s3cret}]\n';
    const { notes } = loadConfig({ file: fileOf(text, 0o644) });
    assert.equal(notes.length, 1);
    assert.match(notes[0]!, /everyone on this host can read the passwords in .*gyre\.yaml: chmod 600 it/);
    assert.deepEqual(loadConfig({ file: fileOf(text, 0o640) }).notes, []);
    const other = { flags: [flag('users', [{ name: 'bob', password: 'x' }], '--user')] };
    assert.deepEqual(loadConfig({ file: fileOf(text, 0o644), ...other }).notes, []);
  });
});
