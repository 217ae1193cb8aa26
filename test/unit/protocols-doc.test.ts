/** The table of failures in docs/protocols.md says what the code does. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { failureTable, replaced, standing } from '../../bench/verdicts/page.ts';
import { FAILURES, ProxyError } from '../../src/errors.ts';
import { reply } from '../../src/protocol/socks4.ts';
import { refused } from '../../src/protocol/http.ts';
import { reply as reply5 } from '../../src/protocol/socks5.ts';

const page = readFileSync(new URL('../../docs/protocols.md', import.meta.url), 'utf8');

test('the failures of the page are those of the code: `npm run verdicts -- --failures` writes them', () => {
  assert.equal(standing(page, 'failures'), failureTable());
});

test('each row says what the protocols send', () => {
  const rows = standing(page, 'failures').split('\n').slice(2);
  assert.equal(rows.length, Object.keys(FAILURES).length);
  for (const row of rows) {
    const [, code = '', , socks5, socks4, http, type] = row.split('|').map((cell) => cell.trim());
    const error = new ProxyError(code.replaceAll('`', '') as keyof typeof FAILURES);
    assert.equal(Number.parseInt(socks5 ?? '', 16), reply5(error.failure.socks5)[1]);
    assert.equal(Number.parseInt(socks4 ?? '', 16), reply(false)[1]);
    const answer = refused(error).toString('latin1');
    assert.ok(answer.startsWith(`HTTP/1.1 ${http} `), row);
    assert.ok(answer.includes(`error=${type?.replaceAll('`', '')};`), row);
  }
});

test('what stands between the marks is replaced, and nothing else', () => {
  const before = 'a\n<!-- failures -->\nold\n<!-- /failures -->\nb\n';
  assert.equal(replaced(before, 'failures', 'new'), 'a\n<!-- failures -->\n\nnew\n\n<!-- /failures -->\nb\n');
  assert.throws(() => replaced(before, 'verdicts', 'new'), /no marks for verdicts/);
});
