import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { clip, fit, fitRight, widthOf } from '../../../src/cli/text-width.ts';

test('East Asian letters and emoji are two wide, accents none', () => {
  assert.deepEqual(
    ['abc', 'é', 'e\u0301', '代理', 'ガ', '한', '🚀', ''].map(widthOf),
    [3, 1, 1, 4, 2, 2, 2, 0],
  );
});

test('a text is cut between letters, with the mark', () => {
  assert.equal(clip('example.com', 11), 'example.com');
  assert.equal(clip('example.com', 8), 'example…');
  assert.equal(clip('代理サーバ', 6), '代理…');
  assert.equal(clip('example', 3, '~'), 'ex~');
  assert.equal(clip('example', 1), '…');
  assert.equal(clip('example', 0), '');
});

test('whatever the text, it becomes exactly as wide as wanted', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.nat(40), (text, width) => {
      assert.equal(widthOf(fit(text, width)), width);
      assert.equal(widthOf(fitRight(text, width)), width);
    }),
  );
});
