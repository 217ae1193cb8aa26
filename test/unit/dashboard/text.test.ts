import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LogLine } from '../../../src/admin/api.ts';
import { backoffMs } from '../../../src/dashboard/model/backoff.ts';
import { appended, fieldsText, LINES_KEPT, visibleLines } from '../../../src/dashboard/model/log-lines.ts';
import { ordered, toggled } from '../../../src/dashboard/model/order.ts';
import { nameOf } from '../../../src/dashboard/model/session-name.ts';
import { SseParser } from '../../../src/dashboard/model/sse.ts';
import { nextTab, tabOf, tokenOf } from '../../../src/dashboard/model/tabs.ts';
import { filterQuery, isEmpty, parseFilter } from '../../../src/dashboard/model/tunnel-filter.ts';

const STREAM =
  ': hello\n\nevent: status\ndata: {"a":1}\n\nevent: log\r\ndata: one\r\ndata:two\r\n\r\nid: 7\n\ndata\n\n';
const EVENTS = [
  { event: 'status', data: '{"a":1}' },
  { event: 'log', data: 'one\ntwo' },
  { event: 'message', data: '' },
];

test('events come out of a stream however it is cut', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(STREAM.length), { maxLength: 12 }), (cuts) => {
      const parser = new SseParser();
      const edges = [0, ...cuts.toSorted((a, b) => a - b), STREAM.length];
      const events = edges.flatMap((edge, index) => parser.push(STREAM.slice(edges[index - 1] ?? 0, edge)));
      assert.deepEqual(events, EVENTS);
    }),
  );
});

test('a line that never ends is no event stream', () => {
  const parser = new SseParser();
  const piece = 'x'.repeat(1024 * 1024);
  assert.throws(() => {
    for (let i = 0; i < 6; i += 1) parser.push(piece);
  }, RangeError);
});

test('what is typed becomes a filter', () => {
  assert.deepEqual(parseFilter(''), {});
  assert.deepEqual(parseFilter('  example.com  443 '), { q: 'example.com 443' });
  assert.deepEqual(parseFilter('user:alice egress:2001:db8::1 foo'), {
    user: 'alice',
    egress: '2001:db8::1',
    q: 'foo',
  });
  assert.deepEqual(parseFilter('inbound:socks5 Target:a:443'), { inbound: 'socks5', target: 'a:443' });
  assert.deepEqual(parseFilter('inbound:gopher user:'), { q: 'inbound:gopher user:' });
  assert(isEmpty(parseFilter('   ')));
  assert.equal(filterQuery({ user: 'a&b', q: undefined }).toString(), 'user=a%26b');
});

const line = (level: LogLine['level'], message: string, fields = {}): LogLine => ({
  at: 0,
  level,
  message,
  fields,
});

test('log lines by level and by words', () => {
  const lines = [
    line('debug', 'a'),
    line('warn', 'egress down', { egress: '192.0.2.7', n: 3 }),
    line('error', 'b'),
  ];
  assert.deepEqual(visibleLines(lines, 'warn', ''), lines.slice(1));
  assert.deepEqual(visibleLines(lines, 'debug', 'DOWN 2.7'), [lines[1]]);
  assert.equal(fieldsText(lines[1]!.fields), 'egress=192.0.2.7 n=3');
  const many = Array.from({ length: LINES_KEPT }, () => lines[0]!);
  const kept = appended(many, [lines[2]!]);
  assert.equal(kept.length, LINES_KEPT);
  assert.equal(kept.at(-1), lines[2]);
});

test('the wait before the next attempt grows to a bound', () => {
  assert.deepEqual(
    [0, 1, 2, 50].map((attempt) => backoffMs(attempt, 1)),
    [500, 1000, 2000, 10_000],
  );
  assert.equal(backoffMs(50, 0), 7500);
});

test('rows sort by number and by the numbers in their text', () => {
  const rows = ['127.0.0.10', '127.0.0.9', '127.0.0.100'];
  const value = (row: string): string => row;
  assert.deepEqual(ordered(rows, { by: 'a', down: false }, value), [
    '127.0.0.9',
    '127.0.0.10',
    '127.0.0.100',
  ]);
  assert.deepEqual(ordered([3, 20, 1], { by: 'a', down: true }, Number), [20, 3, 1]);
  assert.deepEqual(toggled({ by: 'a', down: true }, 'a'), { by: 'a', down: false });
  assert.deepEqual(toggled({ by: 'a', down: false }, 'b'), { by: 'b', down: true });
});

test('tabs by address bar and by keys; a token from a link', () => {
  assert.equal(tabOf('#pool'), 'pool');
  assert.equal(tabOf('#nothing'), undefined);
  assert.equal(nextTab('connect', 'ArrowRight'), 'overview');
  assert.equal(nextTab('overview', 'ArrowLeft'), 'connect');
  assert.equal(nextTab('log', 'Home'), 'overview');
  assert.equal(nextTab('log', 'x'), undefined);
  assert.equal(tokenOf('#token=a%2Bb'), 'a+b');
  assert.equal(tokenOf('#pool'), undefined);
});

test('a session has a name in every case', () => {
  assert.equal(nameOf({ user: 'alice', id: 'cart', key: 'k' }), 'alice / cart');
  assert.equal(nameOf({ user: null, id: null, key: '0123456789abcdef' }), '0123456789ab');
});
