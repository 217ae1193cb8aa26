import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ChunkedEnd } from '../../../src/protocol/chunked.ts';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

/** How many bytes belong to the body, undefined while it has no end. */
function end(text: string, pieces = [text.length]): number | undefined {
  const chunked = new ChunkedEnd();
  const bytes = latin1(text);
  let at = 0;
  let taken = 0;
  for (const length of pieces) {
    const piece = bytes.subarray(at, at + length);
    at += length;
    const skipped = chunked.skip(piece);
    taken += skipped;
    if (chunked.done) return taken;
    assert.equal(skipped, piece.length, 'a body that goes on takes everything');
  }
  return undefined;
}

test('the end is where the last chunk and its trailers end, however the bytes are cut', () => {
  const bodies = [
    '0\r\n\r\n',
    '00000\r\n\r\n',
    '5\r\nhello\r\n0\r\n\r\n',
    '5;a=b;c="d e"\r\nhello\r\nA\r\n0123456789\r\n0;x\r\n\r\n',
    'a\r\n\r\n0\r\n\r\n0\r\n\r\n0\r\n\r\n',
    '1\r\nx\r\n0\r\nA: b\r\nC:\td\xe9\r\n\r\n',
  ];
  for (const body of bodies) {
    assert.equal(end(`${body}GET http://`), body.length, JSON.stringify(body));
    assert.equal(
      end(
        body,
        Array.from(body, () => 1),
      ),
      body.length,
    );
    for (let at = 0; at < body.length; at++) {
      assert.equal(end(body, [at, body.length - at]), body.length);
      assert.equal(end(body.slice(0, at)), undefined, 'a part of it is not all of it');
    }
  }
});

test('F10–F12: what two readers could read in two ways is refused', () => {
  const bad = [
    ...['-1', '+1', '0x5', ' 5', '5 ', 'g', ';a', '', '7fffffffffffffff', '00000000000000005', '1_0'].map(
      (size) => `${size}\r\nhello\r\n`,
    ),
    '5\n',
    '5\rX',
    '5;a\n',
    '5;\0\r\n',
    '5;\x7f\r\n',
    '5;a\rb',
    '1\r\nab',
    '1\r\na\n',
    '1\r\na\rX',
    '0\r\n\n',
    '0\r\n\rX',
    '0\r\nA: b\n',
    '0\r\nA: b\r\n c\r\n',
    '0\r\n\tc\r\n',
    '0\r\nA: \0\r\n',
    '0\r\nA: b\rX',
  ];
  for (const body of bad)
    assert.throws(() => end(body), { name: 'ProxyError', code: 'BAD_REQUEST' }, JSON.stringify(body));
});

test('F12: extensions of all chunks together, and trailers, are bounded', () => {
  assert.throws(() => end(`1;${'e'.repeat(4096)}\r\nx\r\n`.repeat(5)), { code: 'BAD_REQUEST' });
  assert.throws(() => end(`0\r\nA: ${'b'.repeat(20_000)}`), { code: 'HEAD_TOO_LARGE' });
  assert.throws(() => end(`0\r\n${'a:\r\n'.repeat(5000)}`), { code: 'HEAD_TOO_LARGE' });
  assert.equal(end(`1;${'e'.repeat(100)}\r\nx\r\n`.repeat(100)), undefined);
});

test('what was written as chunks ends where it was ended, whatever stands behind', () => {
  const body = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 8 });
  fc.assert(
    fc.property(
      body,
      fc.uint8Array({ maxLength: 50 }),
      fc.array(fc.integer({ min: 1, max: 40 })),
      (chunks, tail, cuts) => {
        const text = `${chunks.map((c) => `${c.length.toString(16)}\r\n${Buffer.from(c).toString('latin1')}\r\n`).join('')}0\r\n\r\n`;
        const all = text + Buffer.from(tail).toString('latin1');
        assert.equal(end(all, [...cuts, all.length]), text.length);
      },
    ),
    { numRuns: 1000 },
  );
});

test('any bytes at all end, go on, or are refused', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('0', '5', 'a', ';', '\r', '\n', '\r\n', ' ', ':', '\0', 'hello'), {
        maxLength: 30,
      }),
      (parts) => {
        try {
          end(parts.join(''));
        } catch (error) {
          assert.equal((error as Error).name, 'ProxyError');
        }
      },
    ),
    { numRuns: 5000 },
  );
});
