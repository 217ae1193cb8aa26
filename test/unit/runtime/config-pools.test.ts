import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineConfig, type ConfigError, type GyreOptions } from '../../../src/runtime/config.ts';

function problems(options: unknown): { where: string; message: string }[] {
  try {
    defineConfig({ pool: '127.0.0.2', ...(options as Partial<GyreOptions>) });
    return [];
  } catch (error) {
    return (error as ConfigError).problems.map(({ where, message }) => ({ where, message }));
  }
}

test('pools by name, each checked as the first one is', () => {
  assert.deepEqual(defineConfig({ pool: '127.0.0.2', pools: { de: '127.0.0.3, 127.0.0.4' } }).pools, {
    de: ['127.0.0.3, 127.0.0.4'],
  });
  assert.deepEqual(problems({ pools: { DE: '127.0.0.3' } }), [
    { where: 'pools.DE', message: 'the name of a pool has 1 to 64 of a-z, 0-9 and _' },
  ]);
  assert.deepEqual(problems({ pools: { default: '127.0.0.3' } }), [
    { where: 'pools.default', message: 'default is the name of the pool above' },
  ]);
  assert.match(problems({ pools: { de: ['127.0.0.3', '127.0.0.0/29'] } })[0]?.message ?? '', /overlaps/);
  assert.match(problems({ pools: { de: '127.0.0.1/8' } })[0]?.message ?? '', /host bits set/);
});

test('a probe says which keys it has', () => {
  assert.deepEqual(problems({ health: { probe: true } }), [
    {
      where: 'health.probe',
      message: 'expected keys here: target, interval, timeout, concurrency, rise, fall',
    },
  ]);
});

test('the first wait may not be longer than the longest', () => {
  assert.equal(
    problems({ health: { backoff: { first: '10m', last: '1m' } } })[0]?.where,
    'health.backoff.first',
  );
});
