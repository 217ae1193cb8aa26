import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite, test } from 'node:test';
import { parseDocument } from 'yaml';
import { SCHEMA_FILE, schemaText } from '../../../src/cli/write-schema.ts';
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
      if (path.startsWith('users[]')) {
        assert.match(text, new RegExp(`^# .*\\b${path.replace('users[].', '')}\\b`, 'm'), path);
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

test('config/quickstart.yaml shows rotation without root', () => {
  assert.ok(readFileSync(QUICKSTART, 'utf8').startsWith(FIRST_LINE));
  const { config, notes } = loadConfig({ file: QUICKSTART });
  assert.deepEqual(notes, []);
  assert.deepEqual(config, {
    ...defineConfig({ pool: '127.0.0.2-127.0.0.9', echo: '127.0.0.1:1081', targets: { allowPrivate: true } }),
  });
});
