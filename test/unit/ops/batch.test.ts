import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { LineBatch, type BatchOptions } from '../../../src/ops/batch.ts';

function collect(
  t: TestContext,
  options?: BatchOptions,
): { batch: LineBatch; delivered: [string, number][] } {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const delivered: [string, number][] = [];
  return { batch: new LineBatch((text, lines) => delivered.push([text, lines]), options), delivered };
}

test('lines of one interval are one batch', (t) => {
  const { batch, delivered } = collect(t);
  batch.add('a\n');
  t.mock.timers.tick(60);
  batch.add('b\n');
  t.mock.timers.tick(39);
  assert.deepEqual(delivered, []);
  t.mock.timers.tick(1);
  assert.deepEqual(delivered, [['a\nb\n', 2]]);
});

test('the next batch has its own interval', (t) => {
  const { batch, delivered } = collect(t, { intervalMs: 10 });
  batch.add('a\n');
  t.mock.timers.tick(10);
  batch.add('b\n');
  t.mock.timers.tick(9);
  assert.equal(delivered.length, 1);
  t.mock.timers.tick(1);
  assert.deepEqual(delivered, [
    ['a\n', 1],
    ['b\n', 1],
  ]);
});

test('a full batch goes at once, and its timer with it', (t) => {
  const { batch, delivered } = collect(t, { maxBytes: 6 });
  batch.add('aa\n');
  assert.deepEqual(delivered, []);
  batch.add('bb\n');
  assert.deepEqual(delivered, [['aa\nbb\n', 2]]);
  t.mock.timers.tick(1000);
  assert.equal(delivered.length, 1);
});

test('after a full batch the next one waits its whole interval', (t) => {
  const { batch, delivered } = collect(t, { intervalMs: 10, maxBytes: 6 });
  batch.add('aa\n');
  t.mock.timers.tick(5);
  batch.add('bb\n');
  batch.add('c\n');
  t.mock.timers.tick(9);
  assert.equal(delivered.length, 1);
  t.mock.timers.tick(1);
  assert.equal(delivered.length, 2);
});

test('flush hands over what waits, and nothing twice', (t) => {
  const { batch, delivered } = collect(t);
  batch.flush();
  batch.add('a\n');
  batch.flush();
  batch.flush();
  t.mock.timers.tick(1000);
  assert.deepEqual(delivered, [['a\n', 1]]);
});

test('a line added while a batch is delivered is in the next one', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const delivered: string[] = [];
  const batch = new LineBatch((text) => {
    delivered.push(text);
    if (delivered.length === 1) batch.add('late\n');
  });
  batch.add('early\n');
  batch.flush();
  t.mock.timers.tick(100);
  assert.deepEqual(delivered, ['early\n', 'late\n']);
});

test('a waiting line does not keep the process alive', () => {
  const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const batch = new LineBatch(() => {}, { intervalMs: 60_000 });
  batch.add('a\n');
  const after = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  batch.flush();
  assert.equal(after, before);
});
