import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Pane } from '../../fuzz/engine/pane.ts';
import { shorten } from '../../fuzz/engine/reduce.ts';

describe('shorten', () => {
  it('leaves only the bytes that are needed to fail', () => {
    const long = Buffer.from(`${'x'.repeat(1000)}a${'y'.repeat(300)}b${'z'.repeat(77)}`);
    const short = shorten(long, (bytes) => /a.*b/.test(bytes.toString()));
    assert.equal(short.toString(), 'ab');
  });

  it('keeps an input of which every byte is needed, and gives up in time on one that never fails', () => {
    const input = Buffer.from('abc');
    assert.deepEqual(
      shorten(input, (bytes) => bytes.equals(input)),
      input,
    );
    let tries = 0;
    const big = Buffer.alloc(100_000);
    assert.deepEqual(
      shorten(big, () => ++tries < 0),
      big,
    );
    assert.ok(tries <= 5001, `${tries} tries`);
  });
});

describe('Pane', () => {
  it('shows the input that runs to another thread, and nothing when none does', () => {
    const inside = new Pane();
    const outside = new Pane(inside.memory);
    assert.equal(outside.input, undefined);
    inside.show(Buffer.from('first'));
    inside.show(Buffer.alloc(0));
    assert.deepEqual([outside.count, outside.input], [2, new Uint8Array(0)]);
    inside.show(Buffer.from('second'));
    assert.deepEqual([outside.count, Buffer.from(outside.input ?? []).toString()], [3, 'second']);
    inside.hide();
    assert.equal(outside.input, undefined);
  });
});
