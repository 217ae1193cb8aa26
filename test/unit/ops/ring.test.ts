import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LogLevel } from '../../../src/ops/event.ts';
import { createLog } from '../../../src/ops/log.ts';
import { LogRing } from '../../../src/ops/ring.ts';

const event = (message: string, level: LogLevel = 'info', fields?: Record<string, unknown>) => ({
  at: 1,
  level,
  message,
  fields,
});

test('however many come, the latest are there, oldest first', () => {
  fc.assert(
    fc.property(fc.nat(40), fc.integer({ min: 1, max: 12 }), fc.nat(15), (count, most, limit) => {
      const ring = new LogRing(most);
      const all = Array.from({ length: count }, (_, i) => String(i));
      for (const message of all) ring.add(event(message));
      const kept = all.slice(-Math.min(count, most));
      const expected = limit === 0 || kept.length === 0 ? [] : kept.slice(-limit);
      assert.deepEqual(
        ring.latest(limit).map(({ message }) => message),
        expected,
      );
    }),
  );
});

test('a level stands for itself and everything graver', () => {
  const ring = new LogRing();
  for (const level of ['error', 'warn', 'info', 'debug'] as const) ring.add(event(level, level));
  const told = (level?: LogLevel): string[] => ring.latest(10, level).map(({ message }) => message);
  assert.deepEqual(told('error'), ['error']);
  assert.deepEqual(told('info'), ['error', 'warn', 'info']);
  assert.deepEqual(told(), ['error', 'warn', 'info', 'debug']);
  assert.deepEqual(
    ring.latest(1, 'warn').map(({ message }) => message),
    ['warn'],
  );
});

test('fields become plain data that nobody changes afterwards', () => {
  const ring = new LogRing();
  const inner = { count: 1 };
  const itself: Record<string, unknown> = {};
  itself['again'] = itself;
  const error = Object.assign(new Error('it broke', { cause: new Error('rust') }), { code: 'EWHY' });
  ring.add(
    event('m', 'warn', { error, inner, itself, none: undefined, big: 3n, nested: [error], nothing: null }),
  );
  inner.count = 2;
  assert.deepEqual(ring.latest(1), [
    {
      at: 1,
      level: 'warn',
      message: 'm',
      fields: {
        error: 'it broke (EWHY): rust',
        inner: { count: 1 },
        itself: '[object Object]',
        big: '3',
        nested: ['it broke (EWHY): rust'],
        nothing: null,
      },
    },
  ]);
});

test('who listens hears what comes, as often as he asked for it, until he stops', () => {
  const ring = new LogRing();
  ring.add(event('before'));
  const heard: string[] = [];
  const listener = ({ message }: { message: string }): void => void heard.push(message);
  const stops = [ring.on(listener), ring.on(listener)];
  ring.add(event('a'));
  stops[0]!();
  stops[0]!();
  ring.add(event('b'));
  stops[1]!();
  ring.add(event('c'));
  assert.deepEqual(heard, ['a', 'a', 'b']);
});

test('a log feeds it with what it writes, and with nothing below its level', () => {
  const ring = new LogRing();
  const lines: string[] = [];
  const sink = { terminal: false, format: 'json' as const, write: (line: string) => void lines.push(line) };
  const log = createLog({ level: 'info', format: 'auto', sink, ring });
  log.info('seen', { why: 'so' });
  log.debug('unseen');
  assert.equal(lines.length, 1);
  const [{ level, message, fields }] = ring.latest(10) as [ReturnType<LogRing['latest']>[number]];
  assert.deepEqual([level, message, fields], ['info', 'seen', { why: 'so' }]);
  assert.equal(ring.latest(10).length, 1);
});
