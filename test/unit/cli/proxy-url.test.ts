import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { EXIT, Failure } from '../../../src/cli/exit.ts';
import { formatProxy, parseProxyUrl, readCredentials } from '../../../src/cli/proxy-url.ts';

suite('the URL of a proxy', () => {
  const CASES: readonly (readonly [text: string, shown: string])[] = [
    ['socks5h://127.0.0.1:1080', 'socks5h://127.0.0.1:1080'],
    ['socks5://127.0.0.1:9', 'socks5h://127.0.0.1:9'],
    ['SOCKS5H://proxy.example', 'socks5h://proxy.example:1080'],
    ['http://proxy.example', 'http://proxy.example:1080'],
    ['http://[::1]:8080/', 'http://[::1]:8080'],
    ['127.0.0.1:1080', 'socks5h://127.0.0.1:1080'],
    ['localhost', 'socks5h://localhost:1080'],
    ['https://proxy.example', 'https://proxy.example:443'],
    ['HTTPS://[::1]:1443/', 'https://[::1]:1443'],
    ['unix:/run/gyre.sock', 'unix:/run/gyre.sock'],
  ];
  for (const [text, shown] of CASES) {
    test(text, () => assert.equal(formatProxy(parseProxyUrl(text)), shown));
  }

  test('https is HTTP in TLS, with a certificate of an authority of this system', () => {
    const { protocol, tls } = parseProxyUrl('https://h:1');
    assert.deepEqual([protocol, tls], ['http', { ca: undefined, verify: true }]);
    assert.equal(parseProxyUrl('http://h:1').tls, undefined);
  });

  test('credentials are decoded, and never shown again', () => {
    const proxy = parseProxyUrl('http://al%40ice:s3%3Acret@127.0.0.1:1080');
    assert.deepEqual(proxy.credentials, { name: 'al@ice', password: 's3:cret' });
    assert.equal(formatProxy(proxy), 'http://127.0.0.1:1080');
    assert.deepEqual(parseProxyUrl('http://a:100%@h').credentials, { name: 'a', password: '100%' });
  });

  test('what is none is refused as a usage error, without the text', () => {
    for (const text of [
      '',
      'ftp://hunter2',
      'http://',
      'https://',
      'unix:gyre.sock',
      'unix:',
      'https://h:0',
      'h:0',
      'h:65536',
      'h:x',
      '::1',
      'a b@c d@e',
      'http://h:1/path',
    ]) {
      assert.throws(
        () => parseProxyUrl(text),
        (error) => {
          assert.ok(error instanceof Failure, text);
          assert.equal(error.exitCode, EXIT.usage);
          assert.doesNotMatch(error.message, /hunter2/);
          return true;
        },
      );
    }
  });

  test('users need a name and a password', () => {
    assert.deepEqual(readCredentials('a:b:c'), { name: 'a', password: 'b:c' });
    for (const text of ['hunter2', ':hunter2', 'a:', '', `a:${'x'.repeat(256)}`]) {
      assert.throws(() => readCredentials(text), {
        message: 'the user is not NAME:PASSWORD with 1 to 255 bytes each',
      });
    }
  });
});
