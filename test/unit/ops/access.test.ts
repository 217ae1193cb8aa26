import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Connection } from '../../../src/connection.ts';
import { FAILURES, ProxyError, type FailureCode } from '../../../src/errors.ts';
import { accessLine } from '../../../src/ops/access.ts';

const OPENED = new Date(2026, 10, 22, 12, 3, 4, 123).getTime();

const KEYS = [
  'time',
  'id',
  'client',
  'user',
  'session',
  'moved',
  'inbound',
  'target',
  'method',
  'status',
  'resolved',
  'egress',
  'attempts',
  'handshake_ms',
  'resolve_ms',
  'dial_ms',
  'total_ms',
  'sent',
  'received',
  'end',
  'closed_by',
  'blame',
  'detail',
];

function tunnel(changes: Partial<Connection> = {}): Connection {
  return Object.assign(new Connection('2-81', { address: '127.0.0.1', port: 53412 }, OPENED), {
    phase: 'relay',
    inbound: 'socks5',
    identity: { user: 'alice' },
    target: { host: 'example.com', port: 443, family: 0 },
    resolved: '93.184.216.34',
    egress: { address: '127.0.0.3', family: 4, slot: 0 },
    attempts: 1,
    handshakeMs: 0.84,
    resolveMs: 3,
    dialMs: 12.34,
    totalMs: 1234.56,
    sent: 1234,
    received: 34_321,
    closedBy: 'target',
    ...changes,
  } satisfies Partial<Connection>);
}

function refused(error: ProxyError, changes: Partial<Connection> = {}): Connection {
  const connection = new Connection('1-1', { address: '127.0.0.1', port: 5 }, OPENED);
  return Object.assign(connection, { failure: error, ...changes });
}

const json = (connection: Connection): Record<string, unknown> => {
  const line = accessLine(connection, 'json');
  assert.match(line, /^[^\n]+\n$/);
  return JSON.parse(line) as Record<string, unknown>;
};
const human = (connection: Connection): string => accessLine(connection, 'human');

test('a tunnel in JSON', () => {
  assert.deepEqual(json(tunnel()), {
    time: new Date(OPENED).toISOString(),
    id: '2-81',
    client: '127.0.0.1:53412',
    user: 'alice',
    session: null,
    moved: false,
    inbound: 'socks5',
    target: 'example.com:443',
    method: null,
    status: null,
    resolved: '93.184.216.34',
    egress: '127.0.0.3',
    attempts: 1,
    handshake_ms: 0.8,
    resolve_ms: 3,
    dial_ms: 12.3,
    total_ms: 1234.6,
    sent: 1234,
    received: 34_321,
    end: 'closed',
    closed_by: 'target',
    blame: null,
    detail: null,
  });
});

test('a forwarded request says its method and the status of its answer', () => {
  const request = tunnel({ inbound: 'http-forward', method: 'GET', status: 404 });
  const { method, status, inbound } = json(request);
  assert.deepEqual({ method, status, inbound }, { method: 'GET', status: 404, inbound: 'http-forward' });
  assert.match(human(request), / request 127\.0\.0\.1:53412 alice http-forward GET -> example\.com:443 /);
  assert.match(human(request), / 404, 12\.3ms dial, /);
});

test('every line has the same keys in the same order', () => {
  const bare = json(new Connection('1-1', { address: '127.0.0.1', port: 5 }, OPENED));
  assert.deepEqual(Object.keys(bare), KEYS);
  assert.deepEqual(Object.keys(json(tunnel())), KEYS);
  assert.deepEqual(Object.keys(json(refused(new ProxyError('TARGET_DENIED', 'loopback')))), KEYS);
  for (const key of [
    'user',
    'session',
    'inbound',
    'target',
    'method',
    'status',
    'resolved',
    'egress',
    'closed_by',
    'blame',
    'detail',
  ]) {
    assert.equal(bare[key], null, key);
  }
});

for (const code of Object.keys(FAILURES) as FailureCode[]) {
  test(`${code} is printed with its blame, and no detail where there is none`, () => {
    const { end, blame, detail } = json(refused(new ProxyError(code)));
    assert.deepEqual({ end, blame, detail }, { end: code, blame: FAILURES[code].blame, detail: null });
  });
}

test('what is more exact than the usual sentence is the detail', () => {
  const line = json(refused(new ProxyError('TARGET_DENIED', 'the target is a loopback address')));
  assert.equal(line['detail'], 'the target is a loopback address');
});

test('IPv6 addresses stand in brackets before a port', () => {
  const connection = Object.assign(new Connection('1-1', { address: '2001:db8::9', port: 5 }, OPENED), {
    target: { host: '2001:db8::1', port: 443, family: 6 },
    egress: { address: '2001:db8::2', family: 6, slot: 0 },
  } satisfies Partial<Connection>);
  const line = json(connection);
  assert.equal(line['client'], '[2001:db8::9]:5');
  assert.equal(line['target'], '[2001:db8::1]:443');
  assert.equal(line['egress'], '2001:db8::2');
});

test('times are what Date says, on every day', () => {
  const day = fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true });
  fc.assert(
    fc.property(day, (date) => {
      const line = json(new Connection('1-1', { address: '127.0.0.1', port: 5 }, date.getTime()));
      assert.equal(line['time'], date.toISOString());
    }),
  );
});

test('milliseconds are rounded to a tenth', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e10, noNaN: true }), (ms) => {
      assert.equal(json(tunnel({ dialMs: ms }))['dial_ms'], Math.round(ms * 10) / 10);
    }),
  );
});

test('a tunnel for people', () => {
  assert.equal(
    human(tunnel()),
    '12:03:04.123 tunnel  127.0.0.1:53412 alice socks5 -> example.com:443 (93.184.216.34) via 127.0.0.3' +
      '  12.3ms dial, 1.2 kB up, 34 kB down, closed by target 1.2s\n',
  );
});

test('a refusal for people', () => {
  const target = { host: '127.0.0.1', port: 22, family: 4 } as const;
  const error = new ProxyError('TARGET_DENIED', 'the target is a loopback address');
  assert.equal(
    human(refused(error, { phase: 'authorize', inbound: 'http-connect', target })),
    '12:03:04.123 refused 127.0.0.1:5 http-connect -> 127.0.0.1:22' +
      ' TARGET_DENIED (client): the target is a loopback address\n',
  );
  assert.equal(
    human(refused(new ProxyError('UNKNOWN_PROTOCOL'))),
    `12:03:04.123 refused 127.0.0.1:5 UNKNOWN_PROTOCOL (client): ${FAILURES.UNKNOWN_PROTOCOL.reason}\n`,
  );
});

test('a tunnel that failed names code and blame, and retries are told', () => {
  const line = human(tunnel({ failure: new ProxyError('IDLE_TIMEOUT'), attempts: 3, closedBy: undefined }));
  assert.match(line, / tunnel {2}.* 12\.3ms dial \(3 tries\), .*, IDLE_TIMEOUT \(self\): .* 1\.2s\n$/);
});

test('an address that was dialled as it was asked for is not repeated', () => {
  const target = { host: '93.184.216.34', port: 443, family: 4 } as const;
  assert.doesNotMatch(human(tunnel({ target })), /\(93\.184\.216\.34\)/);
});

const SIZES = [
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [9949, '9.9 kB'],
  [9950, '10 kB'],
  [999_499, '999 kB'],
  [999_500, '1.0 MB'],
  [1_500_000_000, '1.5 GB'],
  [25e15, '25000 TB'],
] as const;
for (const [bytes, text] of SIZES) {
  test(`${bytes} bytes are ${text}`, () => {
    assert.ok(human(tunnel({ sent: bytes })).includes(`, ${text} up, `), human(tunnel({ sent: bytes })));
  });
}

const DURATIONS = [
  [0, '0ms'],
  [0.26, '0.3ms'],
  [999.94, '999.9ms'],
  [999.96, '1.0s'],
  [59_949, '59.9s'],
  [59_960, '1m00s'],
  [185_000, '3m05s'],
  [3_599_600, '1h00m'],
  [7_620_000, '2h07m'],
  [90_000_000, '25h00m'],
] as const;
for (const [ms, text] of DURATIONS) {
  test(`${ms} ms are ${text}`, () => {
    assert.ok(human(tunnel({ totalMs: ms })).endsWith(` ${text}\n`), human(tunnel({ totalMs: ms })));
  });
}

test('hostile bytes in user, host and detail stay within one harmless line', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('a\r\nb', '\u001b[2J', '","end":"closed', 'x\u2028y', 'via 127.0.0.9  closed'),
  );
  fc.assert(
    fc.property(hostile, hostile, hostile, (user, host, detail) => {
      const target = { host, port: 1, family: 0 } as const;
      const failure = new ProxyError('BAD_TARGET', detail);
      const connection = tunnel({ identity: { user }, target, failure });
      const line = json(connection);
      assert.equal(line['user'], user);
      assert.equal(line['detail'], detail);
      assert.equal(line['end'], 'BAD_TARGET');
      for (const text of [human(connection), accessLine(connection, 'json')]) {
        assert.match(text, /\n$/);
        assert.doesNotMatch(text.slice(0, -1), /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      }
    }),
  );
});
