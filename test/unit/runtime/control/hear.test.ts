import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hear, sortHeard } from '../../../../src/runtime/control/hear.ts';
import { PendingAnswers } from '../../../../src/runtime/control/pending-answers.ts';

const never = new Promise<number>(() => {});

test('who does not answer in time is silent, and holds nobody up for longer', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const heard = Promise.all([hear<Cut>(0, Promise.resolve(4)), hear<Cut>(2, never)]);
  await new Promise((settled) => setImmediate(settled));
  t.mock.timers.tick(1000);
  const [first, last] = await heard;
  // A dead one was not asked.
  assert.deepEqual(sortHeard([first, undefined, last]), { answers: [4], silent: [2] });
});

test('who cannot answer is silent', async () => {
  const heard = [await hear<Cut>(1, Promise.reject(new Error('no'))), await hear<Cut>(3, Promise.resolve(0))];
  assert.deepEqual(sortHeard(heard), { answers: [0], silent: [1] });
});

test('answers find the questions they are to, in whatever order they come', async () => {
  const answers = new PendingAnswers();
  const asked: number[] = [];
  const ask = (): Promise<number> => answers.wait<Cut>((id) => void asked.push(id));
  const [first, second] = [ask(), ask()];
  answers.got(asked[1]!, 22);
  answers.got(asked[0]!, 11);
  answers.got(99, 33);
  assert.deepEqual(await Promise.all([first, second]), [11, 22]);
});

test('of a thread that never answers, no more than a thousand questions are kept', async () => {
  const answers = new PendingAnswers();
  const asked: number[] = [];
  const waiting = Array.from({ length: 1001 }, () => answers.wait<Cut>((id) => void asked.push(id)));
  for (const id of asked) answers.got(id, id);
  assert.deepEqual(await Promise.all(waiting.slice(1)), asked.slice(1));
  assert.equal(await Promise.race([waiting[0], Promise.resolve('given up')]), 'given up');
});

type Cut = { readonly type: 'cut'; readonly filter: object };
