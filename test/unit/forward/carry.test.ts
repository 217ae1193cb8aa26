import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gathered } from '../../../src/forward/carry.ts';

const written: Buffer[] = [];
const lengths = (): number[] => written.splice(0).map(({ length }) => length);
const gathered = new Gathered((bytes) => written.push(bytes));
const add = (...sizes: number[]): void => sizes.forEach((size) => gathered.add(Buffer.alloc(size, size)));

const tick = (): Promise<void> => new Promise((over) => process.nextTick(over));

test('small pieces of one tick are written as one, a large one at once and in its turn', async () => {
  add(1, 2, 3);
  assert.deepEqual(lengths(), []);
  await tick();
  assert.equal(Buffer.concat(written).toString('hex'), '010202030303');
  assert.deepEqual(lengths(), [6]);
  add(5, 5000, 6);
  assert.deepEqual(lengths(), [5, 5000]);
  gathered.flush();
  gathered.flush();
  assert.deepEqual(lengths(), [6]);
});

test('many pieces do not wait for the end of the tick', async () => {
  for (let i = 0; i < 1000; i++) add(1);
  assert.deepEqual(lengths(), [256, 256, 256]);
  await tick();
  assert.deepEqual(lengths(), [232]);
});

test('one small piece is written as it is', async () => {
  const piece = Buffer.from('x');
  gathered.add(piece);
  await tick();
  assert.equal(written.pop(), piece);
});
