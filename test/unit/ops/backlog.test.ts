import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Backlog } from '../../../src/ops/backlog.ts';

const notice = (lines: number): string => `dropped=${lines}\n`;

function taken(backlog: Backlog): string | undefined {
  const chunk = backlog.take();
  if (chunk === undefined) return undefined;
  chunk.done = chunk.bytes.length;
  backlog.settle();
  return chunk.bytes.toString();
}

test('what waits is joined into one chunk', () => {
  const backlog = new Backlog(100, notice);
  backlog.add('a\n');
  backlog.add('b\nc\n');
  assert.equal(taken(backlog), 'a\nb\nc\n');
  assert.equal(taken(backlog), undefined);
  assert.equal(backlog.empty, true);
});

test('of a text too long, the lines that fit are kept', () => {
  const backlog = new Backlog(6, notice);
  backlog.add('aa\nbb\ncc\n');
  assert.equal(backlog.dropped, 1);
  assert.equal(taken(backlog), 'aa\nbb\n');
});

test('the chunk on its way counts against the bound, as far as it is not written', () => {
  const backlog = new Backlog(6, notice);
  backlog.add('aa\nbb\n');
  const chunk = backlog.take()!;
  backlog.add('cc\n');
  assert.equal(backlog.dropped, 1);
  chunk.done = 3;
  backlog.add('dd\n');
  assert.equal(backlog.dropped, 1);
  chunk.done = 6;
  backlog.settle();
  assert.equal(taken(backlog), 'dropped=1\ndd\n');
});

test('after a drop nothing is taken until half the room is free', () => {
  const backlog = new Backlog(12, notice);
  backlog.add('aa\nbb\ncc\ndd\nee\n');
  const chunk = backlog.take()!;
  chunk.done = 3;
  backlog.add('ff\n');
  assert.equal(backlog.dropped, 2);
  chunk.done = 6;
  backlog.add('gg\n');
  assert.equal(backlog.dropped, 2);
});

test('a line longer than the bound is dropped and the next one tells', () => {
  const backlog = new Backlog(4, notice);
  backlog.add('too long\n');
  assert.equal(taken(backlog), undefined);
  backlog.add('b\n');
  assert.equal(taken(backlog), 'dropped=1\nb\n');
});

test('a failed chunk costs its unwritten lines, and the torn one is ended', () => {
  const backlog = new Backlog(100, notice);
  backlog.add('aa\nbb\ncc\n');
  backlog.take()!.done = 4;
  backlog.settle();
  assert.equal(backlog.dropped, 2);
  backlog.add('dd\n');
  assert.equal(taken(backlog), '\ndropped=2\ndd\n');
});

test('a line that was torn needs no end in another file', () => {
  const backlog = new Backlog(100, notice);
  backlog.add('aa\n');
  backlog.take()!.done = 1;
  backlog.settle();
  backlog.startAfresh();
  backlog.add('bb\n');
  assert.equal(taken(backlog), 'dropped=1\nbb\n');
});

test('drops whose notice was lost are told again', () => {
  const backlog = new Backlog(100, notice);
  backlog.drop('x\ny\n');
  backlog.add('aa\n');
  backlog.take();
  backlog.settle();
  assert.equal(backlog.dropped, 3);
  backlog.tell();
  assert.equal(taken(backlog), 'dropped=3\n');
  backlog.tell();
  assert.equal(taken(backlog), undefined);
});

test('what is abandoned is counted', () => {
  const backlog = new Backlog(100, notice);
  backlog.add('aa\nbb\n');
  backlog.take()!.done = 3;
  backlog.add('cc\ndd\n');
  backlog.abandon();
  assert.equal(backlog.dropped, 3);
  assert.equal(backlog.empty, true);
});

type Step = { do: 'add'; lines: number; pad: number } | { do: 'write'; bytes: number } | { do: 'fail' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('add'),
    lines: fc.integer({ min: 0, max: 6 }),
    pad: fc.integer({ min: 0, max: 30 }),
  }),
  fc.record({ do: fc.constant('write'), bytes: fc.integer({ min: 1, max: 200 }) }),
  fc.record({ do: fc.constant('fail') }),
);

test('every line is written once or counted once, in order, and every drop is told once', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 300 }), (steps, maxBytes) => {
      const backlog = new Backlog(maxBytes, notice);
      let output = '';
      let lines = 0;
      const write = (most: number): void => {
        const chunk = backlog.chunk ?? backlog.take();
        if (chunk === undefined) return;
        const end = Math.min(chunk.done + most, chunk.bytes.length);
        output += chunk.bytes.toString('latin1', chunk.done, end);
        chunk.done = end;
        if (end === chunk.bytes.length) backlog.settle();
      };
      for (const action of steps) {
        if (action.do === 'write') write(action.bytes);
        else if (action.do === 'fail') {
          // A mark at the tear: a line that lost only its end must not pass for a whole one.
          if (backlog.chunk !== undefined && !output.endsWith('\n')) output += '#';
          backlog.settle();
        } else {
          let text = '';
          for (let i = 0; i < action.lines; i++) text += `line ${++lines}${'.'.repeat(action.pad)}\n`;
          backlog.add(text);
        }
      }
      while (!backlog.empty) write(Number.POSITIVE_INFINITY);
      backlog.tell();
      write(Number.POSITIVE_INFINITY);

      const rows = output.split('\n').filter((row) => !row.endsWith('#'));
      const written = rows.flatMap((row) => /^line (\d+)\.*$/.exec(row)?.[1] ?? []).map(Number);
      const told = rows.flatMap((row) => /^dropped=(\d+)$/.exec(row)?.[1] ?? []).map(Number);
      assert.deepEqual(
        written,
        [...new Set(written)].sort((a, b) => a - b),
      );
      assert.equal(written.length + backlog.dropped, lines);
      assert.equal(
        told.reduce((sum, count) => sum + count, 0),
        backlog.dropped,
      );
      assert.ok(rows.every((row) => row === '' || /^(line \d+\.*|dropped=\d+)$/.test(row)));
    }),
    { numRuns: 500 },
  );
});
