import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite, test } from 'node:test';
import { parseDocument } from 'yaml';
import { SCHEMA_FILE, schemaText } from '../../../src/cli/write-schema.ts';
import { parsePool } from '../../../src/egress/expression/expression.ts';
import { STRATEGIES } from '../../../src/egress/rotation/strategies.ts';
import { defineConfig, loadConfig } from '../../../src/runtime/config.ts';
import { jsonSchema } from '../../../src/runtime/config/schema.ts';

interface Schema {
  readonly description?: string;
  readonly default?: unknown;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

const FIRST_LINE = '# yaml-language-server: $schema=./gyre.schema.json\n';
const EXAMPLE = fileURLToPath(new URL('../../../config/example.yaml', import.meta.url));
const QUICKSTART = fileURLToPath(new URL('../../../config/quickstart.yaml', import.meta.url));

/** They have no default that could stand in the example: it shows them as comments. */
const COMMENTED = /^(family\.only|sessions\.file|health\.probe\b.*|users\[\]\..*)$/;

/** Every key, with what the schema says about it: `timeouts.idle`, `users[].name`. */
function keysOf(schema: Schema, prefix = ''): [string, Schema][] {
  const keys = schema.items === undefined ? [] : keysOf(schema.items, `${prefix}[]`);
  for (const [key, value] of Object.entries(schema.properties ?? {})) {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    keys.push([path, value]);
    keys.push(...keysOf(value, path));
  }
  return keys;
}

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
      'clients',
      'targets',
      'dns',
      'timeouts',
      'log',
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

  test('its commented users work when the comment is taken away', () => {
    const hash = '$scrypt$ln=15,r=8,p=1$bKnCoZFybC8gYE4a/yENgA$vglbCBaPNleNs99XKq9Trgky3XIUP29SXj+anvC7UAk';
    const users = [...text.matchAll(/^#( {2}- name| {4}password)(.*)$/gm)]
      .map(([line]) => line.slice(1))
      .join('\n');
    const written = parseDocument(`users:\n${users.replace(/\$scrypt\S+/, hash)}`).toJS() as object;
    assert.deepEqual(defineConfig({ pool: '127.0.0.2', ...written }).users, [
      { name: 'alice', passwordHash: hash },
      { name: 'bob', password: 'change me' },
    ]);
  });
});

suite('what config/example.yaml shows as a comment', () => {
  const text = readFileSync(EXAMPLE, 'utf8');

  test('the probe works, and says nothing but defaults, when the comment is taken away', () => {
    const lines = [...text.matchAll(/^ {2}# ( {2}[a-z]+: .*|probe:)$/gm)].map(([, line]) => line);
    assert.equal(lines[0], 'probe:');
    const { probe } = parseDocument(lines.join('\n')).toJS() as { probe: { target: string } };
    const keys = keysOf(jsonSchema()).flatMap(([path]) => /^health\.probe\.(.+)$/.exec(path)?.[1] ?? []);
    assert.deepEqual(Object.keys(probe), keys);
    const config = (written: typeof probe) => defineConfig({ pool: '127.0.0.2', health: { probe: written } });
    assert.deepEqual(config(probe), config({ target: probe.target }));
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
    ...defineConfig({ pool: '127.0.0.2-127.0.0.9', echo: '127.0.0.1:1081', targets: { allowPrivate: true } }),
  });
});
