import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError, defineConfig } from '../../../src/runtime/config.ts';

const listen = (value: string | string[]) => defineConfig({ pool: '127.0.0.2', listen: value }).listen;

test('a range of ports is as many listeners: one port, one session', () => {
  assert.deepEqual(listen('127.0.0.1:10001-10003'), [
    { host: '127.0.0.1', port: 10_001 },
    { host: '127.0.0.1', port: 10_002 },
    { host: '127.0.0.1', port: 10_003 },
  ]);
  assert.deepEqual(listen('[::1]:7-7'), [{ host: '::1', port: 7 }]);
  assert.deepEqual(listen('8000-8001'), [
    { host: '127.0.0.1', port: 8000 },
    { host: '127.0.0.1', port: 8001 },
  ]);
  assert.equal(listen(['127.0.0.1:10001-10100', '127.0.0.1:1080']).length, 101);
});

for (const [text, message] of [
  ['127.0.0.1:20-10', /no valid range of ports/],
  ['127.0.0.1:0-10', /no valid range of ports/],
  ['127.0.0.1:65530-65536', /no valid port/],
  ['127.0.0.1:1000-9999', /too many ports/],
  ['example.com:1-2', /names a host/],
] as const) {
  test(`${text} is refused`, () => {
    assert.throws(
      () => listen(text),
      (error: Error) => error instanceof ConfigError && message.test(error.message),
    );
  });
}

test('ports of a range that are given twice are found', () => {
  assert.throws(() => listen(['127.0.0.1:1080-1090', '127.0.0.1:1085']), /127\.0\.0\.1:1085 is given twice/);
});
