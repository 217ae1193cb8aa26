import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { createLog, type Log, type LogLevel, type LogSink } from '../../../src/ops/log.ts';

interface Captured extends LogSink {
  readonly lines: string[];
}

function capture(terminal = false): Captured {
  const lines: string[] = [];
  return { lines, terminal, format: terminal ? 'human' : 'json', write: (text) => void lines.push(text) };
}

const LEVELS: readonly LogLevel[] = ['error', 'warn', 'info', 'debug'];

function logged(act: (log: Log) => void, level: LogLevel = 'info'): Record<string, unknown> {
  const sink = capture();
  act(createLog({ level, format: 'json', sink }));
  assert.equal(sink.lines.length, 1);
  assert.match(sink.lines[0]!, /^[^\n]+\n$/);
  return JSON.parse(sink.lines[0]!) as Record<string, unknown>;
}

function read(act: (log: Log) => void, level: LogLevel = 'info'): string {
  const sink = capture();
  act(createLog({ level, format: 'human', sink }));
  return sink.lines.join('');
}

for (const [enabled, level] of LEVELS.entries()) {
  test(`level ${level} writes what is at least that important`, () => {
    const sink = capture();
    const log = createLog({ level, format: 'json', sink });
    for (const name of LEVELS) log[name](`this is ${name}`);
    const written = sink.lines.map((line) => (JSON.parse(line) as { level: string }).level);
    assert.deepEqual(written, LEVELS.slice(0, enabled + 1));
  });
}

test('JSON begins with time, level and message, then come the fields', () => {
  const line = logged((log) =>
    log.info('pool replaced', { addresses: 8, spare: null, none: undefined, list: ['a'] }),
  );
  assert.deepEqual(Object.keys(line), ['time', 'level', 'message', 'addresses', 'spare', 'list']);
  assert.equal(new Date(line['time'] as string).toISOString(), line['time']);
  assert.deepEqual(
    { ...line, time: 0 },
    { time: 0, level: 'info', message: 'pool replaced', addresses: 8, spare: null, list: ['a'] },
  );
});

test('fields cannot pass for ours', () => {
  const line = logged((log) => log.warn('real', { level: 'info', message: 'false', time: 'never', at: 1 }));
  assert.equal(line['level'], 'warn');
  assert.equal(line['message'], 'real');
  assert.deepEqual(
    [line['level_'], line['message_'], line['time_'], line['at']],
    ['info', 'false', 'never', 1],
  );
});

test('a message is taken literally', () => {
  assert.equal(logged((log) => log.info('100 %s %j %d', { x: 1 }))['message'], '100 %s %j %d');
});

test('an error prints message, code and causes', () => {
  const cause = Object.assign(new Error('connect failed'), { code: 'ECONNREFUSED' });
  const error = Object.assign(new Error('no way', { cause }), { code: 'NO_EGRESS' });
  const line = logged((log) => log.error('stopped', { error }));
  assert.deepEqual(line['error'], {
    message: 'no way',
    code: 'NO_EGRESS',
    cause: { message: 'connect failed', code: 'ECONNREFUSED' },
  });
  assert.match(
    read((log) => log.error('stopped', { error })),
    / error stopped error="no way \(NO_EGRESS\): connect failed \(ECONNREFUSED\)"\n$/,
  );
});

test('the stack comes at debug only, on the same line', () => {
  const error = new Error('no way');
  const { stack } = logged((log) => log.error('stopped', { error }), 'debug')['error'] as { stack: string };
  assert.equal(stack, error.stack);
  const line = read((log) => log.error('stopped', { error }), 'debug');
  assert.match(line, /^[^\n]* error_stack="Error: no way\\n[^\n]*"\n$/);
});

test('causes that form a ring end', () => {
  const error = new Error('a');
  error.cause = new Error('b', { cause: error });
  assert.match(
    read((log) => log.error('x', { error })),
    /error="a: b: a: b: a"/,
  );
  assert.ok(logged((log) => log.error('x', { error })));
});

test('for people: time, level, message, fields', () => {
  assert.match(
    read((log) => log.info('pool replaced', { addresses: 8, from: 'two words', ok: true, none: undefined })),
    /^\d\d:\d\d:\d\d\.\d{3} info {2}pool replaced addresses=8 from="two words" ok=true\n$/,
  );
});

test('auto follows the sink, and a format given outweighs it', () => {
  const act = (sink: Captured, format: 'auto' | 'human' | 'json'): string => {
    createLog({ level: 'info', format, sink }).info('hello');
    return sink.lines.join('');
  };
  assert.match(act(capture(true), 'auto'), /^\d\d:/);
  assert.match(act(capture(false), 'auto'), /^\{/);
  assert.match(act(capture(true), 'json'), /^\{/);
  assert.match(act(capture(false), 'human'), /^\d\d:/);
});

test('colour needs a terminal, and NO_COLOR takes it away', (t) => {
  const before = process.env['NO_COLOR'];
  t.after(() => {
    if (before === undefined) delete process.env['NO_COLOR'];
    else process.env['NO_COLOR'] = before;
  });
  const line = (terminal: boolean): string => {
    const sink = capture(terminal);
    createLog({ level: 'info', format: 'human', sink }).warn('careful');
    return sink.lines.join('');
  };
  delete process.env['NO_COLOR'];
  assert.ok(line(true).endsWith(' \u001b[33mwarn \u001b[0m careful\n'));
  assert.match(line(false), / warn {2}careful\n$/);
  process.env['NO_COLOR'] = '1';
  assert.match(line(true), / warn {2}careful\n$/);
});

test('one event is one harmless line, whatever is in it', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('a\r\nb', '\u001b[2J', 'x\u2028y', '{"level":"error"}', '\u009b0m', '__proto__'),
  );
  fc.assert(
    fc.property(hostile, hostile, hostile, fc.anything(), (message, key, value, any) => {
      const fields = { [key]: value, any, error: new Error(value, { cause: any }) };
      for (const format of ['json', 'human'] as const) {
        const sink = capture();
        createLog({ level: 'debug', format, sink }).info(message, fields);
        assert.equal(sink.lines.length, 1);
        const line = sink.lines[0]!;
        assert.ok(line.endsWith('\n'));
        assert.doesNotMatch(line.slice(0, -1), /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        if (format === 'json') assert.equal((JSON.parse(line) as { message: string }).message, message);
      }
    }),
  );
});

test('a value that cannot be printed does not throw', () => {
  const trap = {
    toJSON(): never {
      throw new Error('trap');
    },
  };
  assert.equal(logged((log) => log.info('x', { trap }))['trap'], '(not printable)');
});

test('a line is handed over before the call returns, ten thousand in a row too', () => {
  const sink = capture();
  const log = createLog({ level: 'info', format: 'json', sink });
  for (let i = 0; i < 10_000; i++) {
    log.info('line', { i });
    assert.equal(sink.lines.length, i + 1);
  }
});
