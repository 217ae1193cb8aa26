import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite, test } from 'node:test';
import { parseDocument } from 'yaml';
import { SCHEMA_FILE, schemaText } from '../../../src/cli/write-schema.ts';
import { parsePool } from '../../../src/egress/expression/expression.ts';
import { STRATEGIES } from '../../../src/egress/rotation/strategies.ts';
import { parsePattern } from '../../../src/policy/rules/pattern.ts';
import { defineConfig, loadConfig, type GyreOptions, type TlsFiles } from '../../../src/runtime/config.ts';
import { formatListeners, parseListens } from '../../../src/runtime/config/listen.ts';
import { jsonSchema } from '../../../src/runtime/config/schema.ts';

interface Schema {
  readonly description?: string;
  readonly default?: unknown;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
}

const FIRST_LINE = '# yaml-language-server: $schema=./gyre.schema.json\n';
const EXAMPLE = fileURLToPath(new URL('../../../config/example.yaml', import.meta.url));
const QUICKSTART = fileURLToPath(new URL('../../../config/quickstart.yaml', import.meta.url));

/** They have no default that could stand in the example: it shows them as comments. */
const COMMENTED =
  /^(listen\.[\w.]+|admin\.\w+|tls\.\w+|family\.only|sessions\.file|health\.probe\b.*|users\[\]\..*|usersFile|userCheck\b.*|targets\.rules\[\]\..*|limits\.(all|client|user)\..*|limits\.quotaFile)$/;

/** Every key, with what the schema says about it: `timeouts.idle`, `users[].name`. Of a choice, the way without a list. */
function keysOf(schema: Schema, prefix = ''): [string, Schema][] {
  const keys = schema.items === undefined ? [] : keysOf(schema.items, `${prefix}[]`);
  for (const choice of schema.anyOf ?? [])
    if (choice.items === undefined) keys.push(...keysOf(choice, prefix));
  for (const [key, value] of Object.entries(schema.properties ?? {})) {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    keys.push([path, value]);
    keys.push(...keysOf(value, path));
  }
  return keys;
}

/** What a limit may be of. */
const TERMS = ['connections', 'rate', 'up', 'down', 'quota'];

suite('config/gyre.schema.json', () => {
  test('is what the code says; write it anew with: npm run schema', () => {
    assert.equal(readFileSync(SCHEMA_FILE, 'utf8'), schemaText());
  });

  test('describes every key', () => {
    const keys = keysOf(jsonSchema());
    assert.ok(keys.length >= 30);
    for (const [path, schema] of keys) assert.ok(schema.description, path);
  });

  test('names the default of every key that has one of its own', () => {
    const without = keysOf(jsonSchema())
      .filter(([, { default: value }]) => value === undefined)
      .map(([path]) => path);
    assert.deepEqual(without, [
      'listen.address',
      'listen.cert',
      'listen.key',
      'listen.clientCa',
      'listen.sessionDomain',
      'listen.proxyProtocol',
      'listen.mode',
      'listen.limits',
      ...TERMS.map((term) => `listen.limits.${term}`),
      'tls',
      'tls.cert',
      'tls.key',
      'tls.clientCa',
      'tls.sessionDomain',
      'pool',
      'pools',
      'family',
      'family.only',
      'sessions',
      'sessions.file',
      'health',
      'health.backoff',
      'health.probe',
      'health.probe.target',
      'workers',
      'users[].name',
      'users[].password',
      'users[].passwordHash',
      'users[].pool',
      'users[].pools',
      'users[].strategy',
      'users[].expires',
      'users[].targets',
      'users[].limits',
      ...TERMS.map((term) => `users[].limits.${term}`),
      'usersFile',
      'userCheck',
      'userCheck.url',
      'clients',
      'targets',
      'targets.rules[].allow',
      'targets.rules[].deny',
      'targets.rules[].users',
      'limits',
      ...['all', 'client', 'user'].flatMap((whose) =>
        ['', ...TERMS].map((term) => `limits.${whose}.${term}`.replace(/\.$/, '')),
      ),
      'limits.logins',
      'limits.quotaFile',
      'overload',
      'dns',
      'timeouts',
      'log',
      'admin.token',
      'admin.tokenFile',
    ]);
  });

  test('asks for the pool alone', () => {
    assert.deepEqual((jsonSchema() as { readonly required: unknown }).required, ['pool']);
  });
});

suite('config/example.yaml', () => {
  const text = readFileSync(EXAMPLE, 'utf8');

  test('starts with its schema', () => assert.ok(text.startsWith(FIRST_LINE)));

  test('loads, and holds nothing but defaults', () => {
    const { config, notes } = loadConfig({ file: EXAMPLE });
    assert.deepEqual(notes, []);
    const { pool } = config;
    assert.deepEqual(config, defineConfig({ pool, workers: 2 }));
  });

  test('mentions every key of the schema', () => {
    const document = parseDocument(text);
    for (const [path, schema] of keysOf(jsonSchema())) {
      if (COMMENTED.test(path)) {
        assert.match(text, new RegExp(`^ *# .*\\b${path.split('.').at(-1)}\\b`, 'm'), path);
        continue;
      }
      assert.ok(document.hasIn(path.split('.')), path);
      if (schema.default !== undefined && !Array.isArray(schema.default)) {
        assert.equal(document.getIn(path.split('.')), schema.default, path);
      }
    }
  });
});

suite('what config/example.yaml shows as a comment', () => {
  const text = readFileSync(EXAMPLE, 'utf8');
  const written = (lines: string): Omit<GyreOptions, 'pool'> =>
    parseDocument(lines).toJS() as Omit<GyreOptions, 'pool'>;
  const keysBelow = (prefix: string): string[] =>
    keysOf(jsonSchema())
      .map(([path]) => path)
      .filter((path) => path.startsWith(prefix))
      .map((path) => path.slice(prefix.length));

  test('users, with every key they can have', () => {
    const hash = '$scrypt$ln=15,r=8,p=1$bKnCoZFybC8gYE4a/yENgA$vglbCBaPNleNs99XKq9Trgky3XIUP29SXj+anvC7UAk';
    const [, commented = ''] = /^users: \[\]\n((?:#.*\n)+)/m.exec(text) ?? [];
    const users = commented.replaceAll(/^#/gm, '').replace(/\$scrypt\S+/, hash);
    const options = written(`users:\n${users}`);
    const keys = options.users!.flatMap((user) => Object.keys(user));
    const limits = Object.keys(options.users![0]!.limits!).map((key) => `limits.${key}`);
    assert.deepEqual(new Set([...keys, ...limits]), new Set(keysBelow('users[].')));
    const config = defineConfig({
      ...options,
      pool: '127.0.0.2',
      pools: { de: '127.0.0.3', us: '127.0.0.4' },
    });
    const [alice, bob] = config.users;
    assert.deepEqual(bob, { name: 'bob', password: 'change me' });
    assert.deepEqual(alice, {
      name: 'alice',
      passwordHash: hash,
      pool: 'de',
      pools: ['de', 'us'],
      strategy: 'random',
      expiresAt: Date.UTC(2099, 0, 31),
      targets: ['*.example.com:443', '192.0.2.0/24'],
      limits: {
        connections: 100,
        rate: { count: 20, perMs: 1000 },
        up: 1e6,
        down: 1e7,
        quota: { bytes: 1e11, period: 'month' },
      },
    });
  });

  test('the users file, and the external check with nothing but defaults', () => {
    const [, file] = /^# (usersFile: .*)$/m.exec(text) ?? [];
    const [, check = ''] = /^# userCheck:\n((?:# {3}.*\n)+)/m.exec(text) ?? [];
    const options = written(`${file}\nuserCheck:\n${check.replaceAll('#  ', '')}`);
    assert.deepEqual(Object.keys(options.userCheck!), keysBelow('userCheck.'));
    const config = defineConfig({ pool: '127.0.0.2', ...options });
    assert.equal(config.usersFile, '/etc/gyre/users');
    const { url } = options.userCheck!;
    assert.deepEqual(config.userCheck, defineConfig({ pool: '127.0.0.2', userCheck: { url } }).userCheck);
  });

  test('rules, and every form of a target', () => {
    const [, commented = ''] = /^ {2}rules: \[\]\n((?: {2}#.*\n)+)/m.exec(text) ?? [];
    const options = written(`targets:\n  rules:\n${commented.replaceAll(/^ {2}#/gm, '  ')}`);
    const { rules } = options.targets!;
    assert.deepEqual(
      new Set(rules!.flatMap((rule) => Object.keys(rule))),
      new Set(['deny', 'allow', 'users']),
    );
    const users = [{ name: 'alice', password: 'x' }];
    const config = defineConfig({ pool: '127.0.0.2', users, ...options });
    assert.deepEqual(config.targets.rules, [
      { deny: [':25', '*.internal.example'] },
      { allow: ['10.1.2.0/24'], users: ['alice'] },
      { deny: ['all'] },
    ]);
    const [, list = ''] =
      /allow or deny with a target or a list:\n((?: {2}#.*\n)+) {2}# With/.exec(text) ?? [];
    const forms = [...list.matchAll(/^ {2}# {3}(\S+)/gm)].map(([, form]) => form!.replaceAll("'", ''));
    assert.equal(forms.length, 7);
    for (const form of forms) assert.ok(parsePattern(form), form);
  });

  test('limits, and the file of quotas', () => {
    const [, list = ''] = /^# For each of all, client and user.*\n((?:#.*\n)+)limits:/m.exec(text) ?? [];
    const shown = [...list.matchAll(/^# {3}(\w+: \S+)/gm)].map(([, term]) => term).join('\n');
    const terms = parseDocument(shown).toJS() as Readonly<Record<string, never>>;
    assert.deepEqual(Object.keys(terms), TERMS);
    const [, file = ''] = /^ {2}# (quotaFile: .*)$/m.exec(text) ?? [];
    const { limits } = defineConfig({
      pool: '127.0.0.2',
      limits: { all: terms, client: terms, user: terms, ...written(file) },
    });
    assert.equal(limits.quotaFile, '/var/lib/gyre/quotas');
    assert.deepEqual(limits.global, {
      connections: 100,
      rate: { count: 20, perMs: 1000 },
      up: 1e6,
      down: 1e6,
      quota: { bytes: 1e11, period: 'month' },
    });
    assert.deepEqual([limits.perClient, limits.perUser], [limits.global, limits.global]);
  });

  test('the probe works, and says nothing but defaults, when the comment is taken away', () => {
    const lines = [...text.matchAll(/^ {2}# ( {2}[a-z]+: .*|probe:)$/gm)].map(([, line]) => line);
    assert.equal(lines[0], 'probe:');
    const { probe } = parseDocument(lines.join('\n')).toJS() as { probe: { target: string } };
    const keys = keysOf(jsonSchema()).flatMap(([path]) => /^health\.probe\.(.+)$/.exec(path)?.[1] ?? []);
    assert.deepEqual(Object.keys(probe), keys);
    const config = (written: typeof probe) => defineConfig({ pool: '127.0.0.2', health: { probe: written } });
    assert.deepEqual(config(probe), config({ target: probe.target }));
  });

  test('a listener as an object, in all its kinds', () => {
    const lines = [...text.matchAll(/^# (listen:| {2}- .*| {4}[a-zA-Z]+: .*)$/gm)].map(([, line]) => line);
    const { listen } = parseDocument(lines.join('\n')).toJS() as { listen: object[] };
    const keys = keysOf(jsonSchema()).flatMap(([path]) => /^listen\.(\w+)$/.exec(path)?.[1] ?? []);
    assert.deepEqual(
      new Set(listen.flatMap((one) => (typeof one === 'object' ? Object.keys(one) : []))),
      new Set(keys),
    );
    const config = defineConfig({
      pool: '127.0.0.2',
      listen: listen as never,
      clients: { allow: '10.0.0.0/8' },
    });
    assert.deepEqual(formatListeners(config.listen), [
      '127.0.0.1:1080',
      'tls://[::]:1443',
      '[::]:1081',
      'unix:/run/gyre.sock',
      '[::1]:1082',
    ]);
    assert.deepEqual(config.limits.perListener.at(-1), { connections: 100 });
  });

  test('every form of a listen address is one', () => {
    const [, list = ''] = /^# One address, or a list\..*\n((?:#.*\n)+)listen:/m.exec(text) ?? [];
    const forms = [...list.matchAll(/^# {3}(\S+)/gm)].map(([, form]) => form!.replaceAll("'", ''));
    assert.equal(forms.length, 7);
    for (const form of forms) assert.ok(parseListens(form).length > 0, form);
  });

  test('the files of TLS', () => {
    const [, group = ''] = /^tls: \{\}\n((?:#.*\n)+)/m.exec(text) ?? [];
    const lines = [...group.matchAll(/^#( {2}[a-zA-Z]+: .*)$/gm)].map(([, line]) => line);
    const { tls } = parseDocument(['tls:', ...lines].join('\n')).toJS() as { tls: TlsFiles };
    assert.deepEqual(Object.keys(tls), ['cert', 'key', 'clientCa', 'sessionDomain']);
    assert.deepEqual(defineConfig({ pool: '127.0.0.2', listen: 'tls://1443', tls }).listen[0]!.tls, tls);
  });

  test('the other family can be left out', () => {
    const [, only] = /^ {2}# only: (.*)$/m.exec(text) ?? [];
    const { family } = defineConfig({ pool: '127.0.0.2', family: { only: Number(only) as 4 } });
    assert.deepEqual(family, { prefer: 6, only: 4, stagger: 250 });
  });

  test('named pools and the file of sessions', () => {
    const pools = [...text.matchAll(/^#( {2}(?:de|us): .*)$/gm)].map(([, line]) => line).join('\n');
    const [, file] = /^ {2}# (file: .*)$/m.exec(text) ?? [];
    const written = parseDocument(`pools:\n${pools}\nsessions:\n  ${file}\n`).toJS() as object;
    const config = defineConfig({ pool: '127.0.0.2', ...written });
    assert.deepEqual(Object.keys(config.pools), ['de', 'us']);
    assert.equal(config.sessions.file, '/var/lib/gyre/sessions');
  });

  test('every form of a pool term is one', () => {
    const [, list = ''] = /A list, or one line with commas:\n((?:#.*\n)+)pool:/.exec(text) ?? [];
    const terms = [...list.matchAll(/^# {3}(\S.*?) {2,}/gm)].map(([, term]) => term!.replaceAll("'", ''));
    assert.ok(terms.length >= 14);
    for (const term of terms) assert.equal(parsePool([term]).length, 1, term);
  });

  test('the strategies, as they describe themselves', () => {
    const shown = [...text.matchAll(/^# {3}([a-z-]+) {2,}(.*)$/gm)].map(([, name, summary]) => [
      name,
      summary,
    ]);
    for (const [name, { summary }] of Object.entries(STRATEGIES)) {
      const found = shown.find(([other]) => other === name)?.[1];
      assert.equal(found?.replace(' (192.0.2.10*3)', ''), summary, name);
    }
  });
});

test('config/quickstart.yaml shows rotation without root', () => {
  assert.ok(readFileSync(QUICKSTART, 'utf8').startsWith(FIRST_LINE));
  const { config, notes } = loadConfig({ file: QUICKSTART });
  assert.deepEqual(notes, []);
  assert.deepEqual(config, {
    ...defineConfig({
      pool: '127.0.0.2-127.0.0.9',
      echo: '127.0.0.1:1081',
      admin: '127.0.0.1:1082',
      targets: { allowPrivate: true },
    }),
  });
});
