import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { easiest, endpointsInWords, isOpen, ownProxy, proxyAt } from '../../../src/cli/own-proxy.ts';
import { defineConfig, type GyreOptions, type ListenerConfig } from '../../../src/runtime/config.ts';

function listeners(listen: GyreOptions['listen']): readonly ListenerConfig[] {
  const tls = { cert: 'a', key: 'b' };
  return defineConfig({ pool: '127.0.0.2', listen, tls, openRelay: true }).listen;
}

const LOCKED = [
  { address: '1', proxyProtocol: '10.0.0.0/8' },
  { address: 'tls://2', clientCa: 'ca' },
];

suite('the listener the program itself can use', () => {
  test('is the first plain one, then one with TLS, then a socket file', () => {
    assert.equal(easiest(listeners([...LOCKED, 'unix:/run/g', 'tls://3', 'tls://4', '5', '6'])), 5);
    assert.equal(easiest(listeners([...LOCKED, 'unix:/run/g', 'tls://3', 'tls://4'])), 3);
    assert.equal(easiest(listeners([...LOCKED, 'unix:/run/g'])), 2);
  });

  test('is none that asks for a PROXY header or a client certificate', () => {
    const locked = listeners(LOCKED);
    assert.equal(easiest(locked), -1);
    assert.deepEqual(locked.map(isOpen), [false, false]);
    assert.equal(ownProxy([], locked), undefined);
  });

  test('is reached on loopback, speaks HTTP in TLS, and shows what it likes', () => {
    const at = (address: string, listen: string) =>
      ownProxy([{ address, port: 7 }], listeners([listen])) as object;
    assert.deepEqual(at('0.0.0.0', ':7'), { protocol: 'socks5', address: '127.0.0.1', port: 7 });
    assert.deepEqual(at('::', 'tls://:7'), {
      protocol: 'http',
      address: '127.0.0.1',
      port: 7,
      tls: { ca: undefined, verify: false },
    });
    const [unix] = listeners('unix:/run/g');
    const endpoint = { address: 'unix:/run/g', port: 0 };
    assert.deepEqual(proxyAt(endpoint, unix!), { protocol: 'socks5', ...endpoint });
    assert.deepEqual(at('::1', '[::1]:7'), { protocol: 'socks5', address: '::1', port: 7 });
  });
});

test('endpoints in words: the ports the kernel chose, with what stands before them', () => {
  const endpoints = [
    { address: 'unix:/run/g', port: 0 },
    { address: '127.0.0.1', port: 40_000 },
    { address: '::1', port: 40_001 },
  ];
  assert.deepEqual(endpointsInWords(endpoints, listeners(['unix:/run/g', '0', 'tls://[::1]:0'])), [
    '127.0.0.1:40000',
    'tls://[::1]:40001',
    'unix:/run/g',
  ]);
});
