import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Seldom } from '../../../../src/policy/users/seldom.ts';
import { Shelf } from '../../../../src/policy/users/shelf.ts';

describe('a shelf', () => {
  it('keeps what was put there until its time is over', () => {
    let time = 1000;
    const shelf = new Shelf<string>(10, () => time);
    shelf.set('a', 'A', 100);
    time = 1099;
    assert.equal(shelf.get('a'), 'A');
    time = 1100;
    assert.equal(shelf.get('a'), undefined);
    assert.equal(shelf.size, 0, 'and it is gone');
    shelf.set('a', 'A', 100);
    time = 1099;
    assert.equal(shelf.get('a'), undefined, 'a clock set back extends nothing');
  });

  it('keeps nothing for no time, and forgets what was there', () => {
    const shelf = new Shelf<string>(10, () => 0);
    shelf.set('a', 'A', 100);
    shelf.set('a', 'B', 0);
    assert.deepEqual([shelf.get('a'), shelf.size], [undefined, 0]);
  });

  it('never holds more than it may: the oldest goes', () => {
    const shelf = new Shelf<number>(3, () => 0);
    for (let i = 0; i < 1000; i++) {
      shelf.set(`${i % 7}`, i, 100);
      assert.ok(shelf.size <= 3);
    }
    assert.deepEqual(['3', '4', '5'].map((key) => shelf.get(key)), [997, 998, 999]); // prettier-ignore
    shelf.set('5', 1, 100);
    assert.equal(shelf.get('3'), 997, 'putting the same again drives nothing out');
    shelf.clear();
    assert.equal(shelf.size, 0);
  });
});

describe('what is said seldom', () => {
  it('is said at once, then once a minute with how often it happened', () => {
    let time = 5;
    const said: unknown[] = [];
    const seldom = new Seldom(
      (message, fields) => said.push([message, fields]),
      () => time,
    );
    for (let i = 0; i < 5; i++) seldom.say('broken', { i });
    time += 59_999;
    seldom.say('broken', { i: 5 });
    time += 1;
    seldom.say('broken', { i: 6 });
    assert.deepEqual(said, [['broken', { i: 0, times: 1 }], ['broken', { i: 6, times: 6 }]]); // prettier-ignore
  });
});
