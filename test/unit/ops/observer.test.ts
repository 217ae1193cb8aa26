import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Connection } from '../../../src/connection.ts';
import { accessLine } from '../../../src/ops/access.ts';
import { LineBatch } from '../../../src/ops/batch.ts';
import { Counters, countersMemory, readStats } from '../../../src/ops/counters.ts';
import { ThreadObserver } from '../../../src/ops/observer.ts';

const record = (): Connection => new Connection('0-1', { address: '127.0.0.1', port: 1 }, 0);

for (const format of ['json', 'human'] as const) {
  test(`a finished connection is counted and gets its ${format} line`, () => {
    const memory = countersMemory(1);
    const texts: string[] = [];
    const batch = new LineBatch((text) => texts.push(text));
    const observer = new ThreadObserver(new Counters(memory, 0), { batch, format });
    const connection = record();
    observer.opened(connection);
    batch.flush();
    assert.deepEqual(texts, []);
    observer.closed(connection);
    batch.flush();
    assert.deepEqual(texts, [accessLine(connection, format)]);
    assert.equal(readStats(memory).accepted, 1);
    assert.equal(readStats(memory).active, 0);
  });
}

test('without an access log it only counts', () => {
  const memory = countersMemory(1);
  const observer = new ThreadObserver(new Counters(memory, 0), undefined);
  observer.opened(record());
  observer.closed(record());
  assert.equal(readStats(memory).accepted, 1);
});
