/** The table of failures in docs/troubleshooting.md says what the clients are really told. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { FAILURES, type FailureCode } from '../../src/errors.ts';

const page = readFileSync(new URL('../../docs/troubleshooting.md', import.meta.url), 'utf8');

test('every failure in the table has its SOCKS reply and its HTTP status', () => {
  const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| ([0-9A-F]{2}), (\d{3}) \|/gm)];
  assert.ok(rows.length >= 12, 'the table is there');
  for (const [, code, reply, status] of rows) {
    const { socks5, http } = FAILURES[code as FailureCode];
    assert.deepEqual([code, Number.parseInt(reply!, 16), Number(status)], [code, socks5, http]);
  }
});
