import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Inbox } from '../../../src/forward/inbox.ts';

test('what is appended comes out in order, however it is consumed', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.uint8Array({ maxLength: 50 }), fc.nat(60))), (steps) => {
      const inbox = new Inbox();
      let expected = Buffer.alloc(0);
      for (const [bytes, consumed] of steps) {
        const chunk = Buffer.from(bytes);
        inbox.append(chunk);
        expected = Buffer.concat([expected, chunk]);
        chunk.fill(0);
        assert.ok(inbox.bytes.equals(expected));
        inbox.consume(consumed);
        expected = expected.subarray(consumed);
        assert.equal(inbox.length, expected.length);
      }
      assert.deepEqual(inbox.take() ?? Buffer.alloc(0), Buffer.from(expected));
      assert.equal(inbox.length, 0);
      assert.equal(inbox.take(), undefined);
    }),
  );
});
