import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { defineConfig, type GyreOptions } from '../../../src/runtime/config.ts';
import { hideSecrets } from '../../../src/runtime/config/hidden.ts';
import { hashPassword } from '../../../src/policy/password.ts';

const BASE: GyreOptions = { pool: '127.0.0.2' };
const shown = (options: Partial<GyreOptions>): string =>
  JSON.stringify(hideSecrets(defineConfig({ ...BASE, ...options })));

test('no password, hash or token is to be seen, wherever it stands', async () => {
  const passwordHash = await hashPassword('one');
  const text = shown({
    users: [
      { name: 'alice', password: 'secret-1' },
      { name: 'bob', passwordHash },
    ],
    userCheck: { url: 'https://name:secret-2@check.example/path?key=secret-3' },
    pool: ['127.0.0.2', 'https://me:secret-4@lists.example/a?t=secret-5', 'exec:list --token secret-6'],
    pools: { more: ['https://me:secret-7@lists.example/b'] },
    admin: { listen: '127.0.0.1:0', token: 'secret-8-secret-8' },
  });
  assert.doesNotMatch(text, /secret/);
  assert.ok(!text.includes(passwordHash));
  assert.match(text, /"name":"bob","passwordHash":"\*\*\*"/);
  assert.match(text, /"token":"\*\*\*"/);
  assert.match(text, /https:\/\/\*\*\*:\*\*\*@check\.example\/path/);
});

test('any password is hidden', () => {
  const password = fc.string({
    minLength: 12,
    maxLength: 40,
    unit: fc.constantFrom(...'abcXYZ019 _-:@/'.split('')),
  });
  fc.assert(
    fc.property(password, (word) => {
      assert.ok(
        !shown({ users: [{ name: 'u', password: word }] }).includes(JSON.stringify(word).slice(1, -1)),
      );
    }),
    { numRuns: 30 },
  );
});

test('everything else is there; what is not limited is null, and the configuration stays as it is', () => {
  const config = defineConfig({ ...BASE, timeouts: { idle: '5m' } });
  const before = structuredClone(config);
  const view = hideSecrets(config) as {
    timeouts: { idle: number };
    pool: string[];
    limits: { logins: object };
  };
  assert.deepEqual(Object.keys(view).sort(), Object.keys(config).sort());
  assert.deepEqual([view.timeouts.idle, view.pool], [300_000, ['127.0.0.2']]);
  assert.deepEqual(config, before);
  assert.deepEqual(JSON.parse(JSON.stringify(view)), view);
});
