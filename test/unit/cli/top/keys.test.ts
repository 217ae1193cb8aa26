import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { keysOf } from '../../../../src/cli/top/keys.ts';

test('keys are what terminals send for them', () => {
  assert.deepEqual(keysOf('\x1b[A\x1bOB\x1b[5~\x1b[6~\x1b[H\x1b[4~\x1b[Z'), [
    'up',
    'down',
    'pageup',
    'pagedown',
    'home',
    'end',
    'backtab',
  ]);
  assert.deepEqual(keysOf('\t\r\x7f\x03\x1a\x15\x0c\x1b'), [
    'tab',
    'enter',
    'backspace',
    'ctrl-c',
    'ctrl-z',
    'ctrl-u',
    'ctrl-l',
    'escape',
  ]);
  assert.deepEqual(keysOf('k代🚀'), [{ char: 'k' }, { char: '代' }, { char: '🚀' }]);
});

test('a sequence nobody knows is no key, least of all the letter it ends with', () => {
  assert.deepEqual(keysOf('\x1b[1;5k\x1b[?1;2c\x1b[200~\x1b[15~'), []);
  assert.deepEqual(keysOf('\x00\x01\u009b\u202e'), []);
});

test('whatever is sent, no character of it is a control character', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      for (const key of keysOf(text))
        if (typeof key !== 'string') assert.doesNotMatch(key.char, /[\p{Cc}\p{Cf}\p{Cs}]/u);
    }),
  );
});
