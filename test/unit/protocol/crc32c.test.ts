import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { crc32c } from '../../../src/protocol/crc32c.ts';

test('the examples of RFC 3720 §B.4, and the check value of the algorithm', () => {
  const ascending = Uint8Array.from({ length: 32 }, (_, index) => index);
  // The RFC lists the bytes in the order of transmission, lowest first.
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(ascending), 0x46dd794e);
  assert.equal(crc32c(ascending.toReversed()), 0x113fdb5c);
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
  assert.equal(crc32c(new Uint8Array()), 0);
});

test('no change of one bit goes unnoticed', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.nat(), (bytes, at) => {
      const changed = Uint8Array.from(bytes);
      changed[at % bytes.length]! ^= 1 << (at % 8);
      assert.notEqual(crc32c(changed), crc32c(bytes));
    }),
  );
});
