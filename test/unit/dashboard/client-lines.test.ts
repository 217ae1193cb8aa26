import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientLines, wayTo } from '../../../src/dashboard/model/client-lines.ts';

const listener = (address: string, kind: 'tcp' | 'tls' | 'unix' = 'tcp') => ({
  address,
  kind,
  proxyProtocol: false,
});

test('the address that a client has to use', () => {
  assert.deepEqual(wayTo(listener('127.0.0.1:1080'), 'seen', false), {
    host: '127.0.0.1',
    port: 1080,
    tls: false,
    login: '',
  });
  assert.equal(wayTo(listener('0.0.0.0:1080'), 'proxy.example', false)?.host, 'proxy.example');
  assert.equal(wayTo(listener('[::]:1080'), 'proxy.example', false)?.host, 'proxy.example');
  assert.equal(wayTo(listener('[::1]:1080'), 'seen', false)?.host, '[::1]');
  const tls = wayTo(listener('tls://192.0.2.1:1443', 'tls'), 'seen', true);
  assert.deepEqual([tls?.host, tls?.port, tls?.tls, tls?.login], ['192.0.2.1', 1443, true, 'USER:PASSWORD@']);
  assert.equal(wayTo(listener('unix:/run/gyre.sock', 'unix'), 'seen', false), undefined);
});

test('each client has its line, with host, port and place for the login', () => {
  const lines = clientLines(wayTo(listener('127.0.0.1:1080'), 'seen', true)!);
  assert.deepEqual(
    lines.map(({ id }) => id),
    ['curl', 'proxychains', 'python', 'playwright', 'node', 'browser'],
  );
  for (const { id, code } of lines) {
    assert.match(code, /127\.0\.0\.1/, id);
    assert.match(code, /1080/, id);
    if (id !== 'browser') assert.match(code, /USER.*PASSWORD/, id);
  }
  assert.equal(lines[0]!.code, 'curl -x socks5h://USER:PASSWORD@127.0.0.1:1080 https://api.ipify.org');
});

test('over TLS only what speaks TLS to a proxy', () => {
  const lines = clientLines(wayTo(listener('tls://127.0.0.1:1443', 'tls'), 'seen', false)!);
  assert(!lines.some(({ id }) => id === 'proxychains'));
  assert.equal(lines[0]!.code, 'curl -x https://127.0.0.1:1443 https://api.ipify.org');
});
