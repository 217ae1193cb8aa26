import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { firstAddress, parseTarget } from '../../../src/cli/fetch-address.ts';

suite('the first address in an answer', () => {
  const CASES: readonly (readonly [body: string, address: string | undefined])[] = [
    ['192.0.2.7\n', '192.0.2.7'],
    ['2001:db8::7', '2001:db8::7'],
    ['{"origin": "192.0.2.7, 192.0.2.8"}', '192.0.2.7'],
    ['<p>at 12:30:45 you came from <b>192.0.2.7</b>.</p>', '192.0.2.7'],
    ['Your address is 192.0.2.7.', '192.0.2.7'],
    ['ip=2001:db8::7', '2001:db8::7'],
    ['version 1.2.3.4.5, build 999.1.1.1', undefined],
    ['Forbidden', undefined],
    ['', undefined],
  ];
  for (const [body, address] of CASES) {
    test(JSON.stringify(body), () => assert.equal(firstAddress(body), address));
  }
});

test('targets are http and https URLs', () => {
  assert.equal(parseTarget('https://api.ipify.org').hostname, 'api.ipify.org');
  for (const text of [
    '',
    'example.test',
    'ftp://example.test',
    'file:///etc/passwd',
    `http://${'a.'.repeat(127)}test/`,
  ]) {
    assert.throws(() => parseTarget(text), { message: 'the target is not an http or https URL' }, text);
  }
});
