import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineConfig } from '../../../../src/runtime/config.ts';
import { compareConfigs } from '../../../../src/runtime/reload/compare.ts';
import { untilRestart } from '../../../../src/runtime/reload/restart.ts';

const pool = '127.0.0.2';

test('what takes a restart stays as it was, and everything else is as wanted', () => {
  const running = defineConfig({ pool, workers: 1, log: { format: 'json' } });
  const wanted = defineConfig({
    pool,
    workers: 2,
    log: { format: 'human', level: 'debug' },
    sessions: { file: '/var/lib/gyre/sessions', ttl: '5m' },
    limits: { quotaFile: '/var/lib/gyre/quotas', all: { connections: 7 } },
  });
  const { config, needsRestart } = untilRestart(running, wanted);
  assert.deepEqual(needsRestart, ['workers', 'sessions.file', 'limits.quotaFile', 'log.format']);
  assert.deepEqual(
    compareConfigs(running, config).map(({ path }) => path),
    ['sessions.ttl', 'limits.global', 'log.level'].toSorted(byOrderOf(Object.keys(wanted))),
  );
  assert.deepEqual(untilRestart(config, config).needsRestart, []);
});

test('what does not differ needs nothing', () => {
  const running = defineConfig({ pool, workers: 1 });
  const wanted = defineConfig({ pool, workers: 1, strategy: 'random' });
  assert.deepEqual(untilRestart(running, wanted), { config: wanted, needsRestart: [] });
});

const byOrderOf =
  (keys: readonly string[]) =>
  (a: string, b: string): number =>
    keys.indexOf(a.split('.')[0]!) - keys.indexOf(b.split('.')[0]!);
