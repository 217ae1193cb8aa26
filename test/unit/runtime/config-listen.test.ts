import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import {
  ConfigError,
  defineConfig,
  loadConfig,
  type GyreOptions,
  type ListenerConfig,
} from '../../../src/runtime/config.ts';
import { formatListeners, parseListens } from '../../../src/runtime/config/listen.ts';

const listen = (value: GyreOptions['listen'], tls?: GyreOptions['tls']): readonly ListenerConfig[] =>
  defineConfig({ pool: '127.0.0.2', listen: value, tls, openRelay: true }).listen;

const FILES = { cert: 'cert.pem', key: 'key.pem' };

const plain = (host: string, port: number): ListenerConfig => ({
  at: { host, port },
  tls: undefined,
  proxyProtocol: undefined,
});

test('a range of ports is as many listeners: one port, one session', () => {
  assert.deepEqual(listen('127.0.0.1:10001-10003'), [
    plain('127.0.0.1', 10_001),
    plain('127.0.0.1', 10_002),
    plain('127.0.0.1', 10_003),
  ]);
  assert.deepEqual(listen('[::1]:7-7'), [plain('::1', 7)]);
  assert.deepEqual(listen('8000-8001'), [plain('127.0.0.1', 8000), plain('127.0.0.1', 8001)]);
  assert.equal(listen(['127.0.0.1:10001-10100', '127.0.0.1:1080']).length, 101);
});

for (const [text, message] of [
  ['127.0.0.1:20-10', /no valid range of ports/],
  ['127.0.0.1:0-10', /no valid range of ports/],
  ['127.0.0.1:65530-65536', /no valid port/],
  ['127.0.0.1:1000-9999', /too many ports/],
  ['tls://127.0.0.1:20-10', /"tls:\/\/127\.0\.0\.1:20-10" has no valid range of ports/],
  ['example.com:1-2', /names a host/],
  ['unix:/run/a\0b', /not the path of a file/],
] as const) {
  test(`${JSON.stringify(text)} is refused`, () => {
    assert.throws(
      () => listen(text),
      (error: Error) => error instanceof ConfigError && message.test(error.message),
    );
  });
}

test('ports of a range that are given twice are found', () => {
  assert.throws(() => listen(['127.0.0.1:1080-1090', '127.0.0.1:1085']), /127\.0\.0\.1:1085 is given twice/);
});

suite('TLS', () => {
  const shared = { ...FILES, clientCa: undefined, sessionDomain: undefined };

  test('stands before every form of an address and a port', () => {
    const texts = ['tls://127.0.0.1:1', 'tls://:2', 'tls://3', 'TLS://[::1]:4-5', 'tls://localhost:6'];
    const listeners = listen([...texts, '7'], FILES);
    assert.deepEqual(
      listeners.map(({ at }) => at),
      ['127.0.0.1', '::', '127.0.0.1', '::1', '::1', '127.0.0.1', '127.0.0.1'].map((host, index) => ({
        host,
        port: index + 1,
      })),
    );
    assert.deepEqual(
      listeners.map(({ tls }) => tls),
      [...Array.from({ length: 6 }, () => shared), undefined],
    );
  });

  test('a listener may have files of its own, and takes the rest from the group', () => {
    const group = { ...FILES, clientCa: 'ca.pem', sessionDomain: 'a.example' };
    const own = { cert: 'own.pem', key: 'own.key' };
    const [first, second, third] = listen(
      [
        { address: 'tls://1', ...own, sessionDomain: 'B.Example' },
        { address: 'tls://2', clientCa: 'other.pem' },
        { address: 'tls://3-4', ...own },
      ],
      group,
    );
    assert.deepEqual(first!.tls, { ...own, clientCa: 'ca.pem', sessionDomain: 'b.example' });
    assert.deepEqual(second!.tls, { ...group, clientCa: 'other.pem' });
    assert.deepEqual(third!.tls, { ...group, ...own });
    assert.deepEqual(listen({ address: 'tls://1', ...own })[0]!.tls, { ...shared, ...own });
  });
});

test('a Unix socket is a path and a mode', () => {
  const at = (value: GyreOptions['listen']) => listen(value)[0]!.at;
  assert.deepEqual(at('unix:/run/gyre.sock'), { path: '/run/gyre.sock', mode: 0o660 });
  assert.deepEqual(at('unix:///run//gyre.sock'), { path: '/run/gyre.sock', mode: 0o660 });
  for (const mode of ['600', '0600', '0o600'])
    assert.deepEqual(at({ address: 'unix:/run/g', mode }), { path: '/run/g', mode: 0o600 });
  const longest = `/${'x'.repeat(106)}`;
  assert.deepEqual(at(`unix:${longest}`), { path: longest, mode: 0o660 });
});

test('PROXY headers are believed of one network, or of several', () => {
  const senders = (proxyProtocol: string | string[]) =>
    listen([{ address: '1-2', proxyProtocol }, 3]).map((listener) => listener.proxyProtocol);
  assert.deepEqual(senders('10.0.0.0/8'), [['10.0.0.0/8'], ['10.0.0.0/8'], undefined]);
  assert.deepEqual(senders(['10.0.0.1', '2001:db8::/32'])[0], ['10.0.0.1', '2001:db8::/32']);
});

test('mistakes are found in the place they stand in, alone or in a list', () => {
  const wheres = (value: GyreOptions['listen']): string[] => {
    try {
      defineConfig({ pool: '127.0.0.2', listen: value });
    } catch (error) {
      assert.ok(error instanceof ConfigError, String(error));
      return error.problems.map(({ where }) => where);
    }
    return [];
  };
  assert.deepEqual(wheres('tls://1'), ['listen']);
  assert.deepEqual(wheres({ address: 'tls://1', cert: 'a' }), ['listen.cert']);
  assert.deepEqual(wheres([1, { address: 'tls://2', cert: 'a' }]), ['listen[1].cert']);
  assert.deepEqual(wheres(['1-9', '20-29', 25, 5]), ['listen[2]', 'listen[3]']);
});

test('what is hardly meant is noted', () => {
  const notes = (value: unknown) =>
    loadConfig({
      flags: [
        { path: ['pool'], value: '127.0.0.2', where: '--pool' },
        { path: ['listen'], value, where: '--listen' },
      ],
    }).notes;
  assert.deepEqual(notes([{ address: '127.0.0.1:1-9', proxyProtocol: ['10.0.0.0/8', '::/0'] }]), [
    'everyone who can reach 127.0.0.1:1-9 may say which client it is: proxyProtocol trusts all addresses',
  ]);
  assert.deepEqual(notes([{ address: 1, proxyProtocol: '10.0.0.0/8' }]), []);
});

suite('listeners as text', () => {
  const shown = (...texts: string[]): string[] =>
    formatListeners(texts.flatMap(parseListens).map(({ at, tls }) => ({ at, tls: tls ? FILES : undefined })));

  test('neighbouring ports of one kind are a range', () => {
    assert.deepEqual(shown('127.0.0.1:10001-10100', '[::1]:5'), ['127.0.0.1:10001-10100', '[::1]:5']);
    assert.deepEqual(shown('1080', '1081', '127.0.0.2:1082', '0', '127.0.0.1:1'), [
      '127.0.0.1:1080-1081',
      '127.0.0.2:1082',
      '127.0.0.1:0',
      '127.0.0.1:1',
    ]);
    assert.deepEqual(shown('1', 'tls://2', 'tls://3', 'unix:/run/g', 'unix:/run/h', '4'), [
      '127.0.0.1:1',
      'tls://127.0.0.1:2-3',
      'unix:/run/g',
      'unix:/run/h',
      '127.0.0.1:4',
    ]);
    assert.deepEqual(shown('9-11'), ['127.0.0.1:9-11']);
  });

  test('can be read back', () => {
    const host = fc.constantFrom('127.0.0.1', '::', '::1', '192.0.2.7', '2001:db8::7');
    const port = fc.record({ host, port: fc.integer({ min: 0, max: 65_535 }) });
    const path = fc.stringMatching(/^[a-z0-9]{1,20}$/).map((name) => ({ path: `/run/${name}`, mode: 0o660 }));
    const places = fc.oneof(
      fc.record({ at: port, tls: fc.boolean() }),
      path.map((at) => ({ at, tls: false })),
    );
    fc.assert(
      fc.property(fc.array(places, { maxLength: 8 }), (listeners) => {
        const texts = formatListeners(listeners.map(({ at, tls }) => ({ at, tls: tls || undefined })));
        assert.deepEqual(texts.flatMap(parseListens), structuredClone(listeners));
      }),
    );
  });
});

test('whatever stands there, the worst that comes of it is a ConfigError', () => {
  const text = fc.oneof(
    fc.string(),
    fc.stringMatching(/^(tls:\/\/|unix:|)[[\]:.0-9a-f/-]{0,24}$/),
    fc.constantFrom('tls://', 'unix:', 'unix:/', 'tls://-', 'tls://[]:1', '[::1%eth0]:1', 'tls://tls://1'),
  );
  const value = fc.oneof(
    text,
    fc.integer(),
    fc.record({ address: text, cert: text, mode: text, proxyProtocol: text }, { requiredKeys: [] }),
    fc.array(fc.oneof(text, fc.object({ maxDepth: 1 })), { maxLength: 3 }),
  );
  fc.assert(
    fc.property(value, (written) => {
      try {
        defineConfig({ pool: '127.0.0.2', listen: written as GyreOptions['listen'] });
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        for (const { message } of error.problems) assert.doesNotMatch(message, /Invalid input|undefined/);
      }
    }),
  );
});
