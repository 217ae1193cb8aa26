import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { TunnelFilter } from '../../../../src/admin/api.ts';
import { Connection, type InboundName } from '../../../../src/connection.ts';
import { tunnelFilter, tunnelOrder, tunnelView } from '../../../../src/runtime/control/tunnels.ts';

interface Made {
  readonly client?: string;
  readonly user?: string;
  readonly host?: string;
  readonly port?: number;
  readonly egress?: string;
  readonly session?: string;
  readonly inbound?: InboundName;
}

function tunnel(id: string, made: Made = {}): Connection {
  const { client = '192.0.2.7', host = 'example.com', port = 443, egress = '198.51.100.1' } = made;
  const connection = new Connection(id, { address: client, port: 5000 }, 1000);
  connection.phase = 'relay';
  connection.inbound = made.inbound ?? 'socks5';
  connection.target = { host, port, family: host.includes(':') ? 6 : 0 };
  connection.egress = { address: egress, family: egress.includes(':') ? 6 : 4, slot: 3 };
  connection.session = made.session;
  if (made.user !== undefined) connection.identity = { user: made.user };
  return connection;
}

const ONES = [
  tunnel('0-1', { user: 'alice', session: 'cart' }),
  tunnel('0-2', { client: '2001:db8::7', host: '2001:db8::80', port: 80, egress: '2001:db8:1::1' }),
  tunnel('0-3', { user: 'bob', inbound: 'http-connect', port: 8443 }),
  tunnel('0-4', { client: 'unix', inbound: 'http-forward', host: 'shop.example' }),
];

const chosen = (filter: TunnelFilter): string =>
  ONES.filter(tunnelFilter(filter))
    .map(({ id }) => id.slice(2))
    .join('');

test('each part of a filter chooses by what it names', () => {
  assert.equal(chosen({}), '1234');
  assert.equal(chosen({ id: '0-3' }), '3');
  assert.equal(chosen({ user: 'alice' }), '1');
  assert.equal(chosen({ user: 'ALICE' }), '');
  assert.equal(chosen({ client: '192.0.2.7' }), '13');
  assert.equal(chosen({ client: '2001:0DB8::0:7' }), '2');
  assert.equal(chosen({ client: 'unix' }), '4');
  assert.equal(chosen({ egress: '2001:db8:1:0::1' }), '2');
  assert.equal(chosen({ session: 'cart' }), '1');
  assert.equal(chosen({ inbound: 'http-forward' }), '4');
});

test('a target is a host, with its port or with any', () => {
  assert.equal(chosen({ target: 'Example.COM.' }), '13');
  assert.equal(chosen({ target: 'example.com:443' }), '1');
  assert.equal(chosen({ target: 'example.com:44' }), '');
  assert.equal(chosen({ target: '2001:db8:0::80' }), '2');
  assert.equal(chosen({ target: '[2001:db8::80]' }), '2');
  assert.equal(chosen({ target: '[2001:db8::80]:80' }), '2');
  assert.equal(chosen({ target: '[2001:db8::80]:81' }), '');
});

test('q looks anywhere in what is shown, whatever the case', () => {
  assert.equal(chosen({ q: 'ALI' }), '1');
  assert.equal(chosen({ q: ':8443' }), '3');
  assert.equal(chosen({ q: '198.51' }), '134');
  assert.equal(chosen({ q: 'cart' }), '1');
  assert.equal(chosen({ q: 'nowhere' }), '');
});

test('all parts of a filter must hold', () => {
  const part = fc.record(
    {
      id: fc.constantFrom('0-1', '0-2'),
      user: fc.constantFrom('alice', 'bob'),
      client: fc.constantFrom('192.0.2.7', 'unix'),
      target: fc.constantFrom('example.com', 'example.com:443'),
      q: fc.constantFrom('a', 'example', '2001'),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(part, (filter) => {
      const each = Object.entries(filter).map(([key, value]) => tunnelFilter({ [key]: value }));
      const expected = ONES.filter((one) => each.every((holds) => holds(one)));
      assert.deepEqual(ONES.filter(tunnelFilter(filter)), expected);
    }),
  );
});

test('what does not stand yet, or was never to, is not chosen', () => {
  const dialling = tunnel('0-5');
  dialling.phase = 'dial';
  const homeless = tunnel('0-6');
  homeless.egress = undefined;
  assert.deepEqual([dialling, homeless].filter(tunnelFilter({})), []);
});

test('the longest, or the one with most bytes, comes first', () => {
  const [a, b, c] = [1, 2, 3].map((n) => Object.assign(tunnel(`0-${n}`), { sent: n, received: 10 - n })) as [
    Connection,
    Connection,
    Connection,
  ];
  const old = Object.assign(new Connection('0-9', a.client, 1), { sent: 0, received: 0 });
  const first = (sort: 'age' | 'sent' | 'received'): string => [a, old, c, b].sort(tunnelOrder(sort))[0]!.id;
  assert.deepEqual([first('age'), first('sent'), first('received')], ['0-9', '0-3', '0-1']);
});

test('a view says what there is, and null where there is nothing', () => {
  assert.deepEqual(tunnelView(ONES[1]!, 4), {
    id: '0-2',
    thread: 4,
    client: '[2001:db8::7]:5000',
    user: null,
    inbound: 'socks5',
    target: '[2001:db8::80]:80',
    egress: '2001:db8:1::1',
    session: null,
    openedAt: 1000,
    sent: 0,
    received: 0,
  });
});
