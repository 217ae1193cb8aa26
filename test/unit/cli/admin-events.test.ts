import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { eventsOf, type ServerEvent } from '../../../src/cli/admin-events.ts';

const STREAM =
  ': hello\n\nevent: status\ndata: {"a":1}\n\ndata: x\r\ndata:y\r\n\r\nid: 7\nretry: 1\n\nevent: log\ndata: {"m":"ü€"}\n\ndata: cut';

async function read(chunks: readonly (Buffer | string)[]): Promise<ServerEvent[]> {
  const all: ServerEvent[] = [];
  for await (const event of eventsOf(chunks.values() as unknown as AsyncIterable<Buffer>)) all.push(event);
  return all;
}

const EVENTS = [
  { event: 'status', data: '{"a":1}' },
  { event: 'message', data: 'x\ny' },
  { event: 'log', data: '{"m":"ü€"}' },
];

suite('server-sent events', () => {
  test('come whole; comments, other fields and a rest do not count', async () => {
    assert.deepEqual(await read([STREAM]), EVENTS);
  });

  test('may be cut anywhere, also within a letter', async () => {
    const bytes = Buffer.from(STREAM);
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.nat(bytes.length)), async (cuts) => {
        const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
        const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
        // A CR LF pair that is cut is still one line end.
        assert.deepEqual(await read(chunks), EVENTS);
      }),
    );
  });

  test('without an end are given up', async () => {
    const flood = Array.from({ length: 17 }, () => 'x'.repeat(1 << 20));
    await assert.rejects(read(flood), /an event without an end/);
  });
});
