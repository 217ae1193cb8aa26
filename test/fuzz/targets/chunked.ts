import assert from 'node:assert/strict';
import { ProxyError } from '../../../src/errors.ts';
import { ChunkedEnd } from '../../../src/protocol/chunked.ts';
import { orRefusal } from '../invariants.ts';
import { readByNode } from '../node-http.ts';
import type { Target } from '../target.ts';

const HEAD = Buffer.from('POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n');

/** The input is a body. Where we see its end, Node must see it too: what lies between would be another request. */
function run(input: Buffer): string {
  const end = orRefusal(() => endOf([input]));
  for (const cut of [1, input.length >> 1, input.length - 1]) {
    const pieces = [input.subarray(0, cut), input.subarray(cut)];
    const again = orRefusal(() => endOf(pieces));
    assert.equal(
      again instanceof ProxyError ? again.code : again,
      end instanceof ProxyError ? end.code : end,
    );
  }
  assert.equal(end instanceof ProxyError ? undefined : end, plainEnd(input.toString('latin1')));
  if (end instanceof ProxyError) return end.message;
  const last = end ?? input.length;
  assert.ok(last > 0 || input.length === 0, 'a body of no bytes');
  const { requests, error } = readByNode(Buffer.concat([HEAD, input.subarray(0, last)]));
  // It may refuse what we let pass; then nothing is forwarded.
  if (error !== undefined) return `Node: ${error}`;
  assert.equal(requests.length, 1);
  assert.equal(
    requests[0]?.complete,
    end !== undefined,
    `we see the end ${end === undefined ? 'nowhere' : `at ${end}`}`,
  );
  if (end === undefined) return 'more';
  const before = readByNode(Buffer.concat([HEAD, input.subarray(0, end - 1)]));
  assert.equal(before.requests[0]?.complete, false, 'Node sees the end earlier');
  return `read${requests[0].bodyLength > 0 ? ' with data' : ''}`;
}

/** @returns Undefined when it does not end. */
function endOf(pieces: readonly Buffer[]): number | undefined {
  const body = new ChunkedEnd();
  let length = 0;
  for (const piece of pieces) {
    const taken = body.skip(piece);
    assert.ok(body.done ? taken <= piece.length : taken === piece.length, 'bytes were left out');
    length += taken;
  }
  return body.done ? length : undefined;
}

/** The same by other means: RFC 9112 §7.1 in patterns. Inputs are shorter than any limit. */
function plainEnd(text: string): number | undefined {
  const size = /([\da-f]{1,13})(?:;[^\u0000-\u0008\u000a-\u001f\u007f]*)?\r\n/iy;
  const trailers = /(?:[^\u0000-\u0020\u007f][^\u0000-\u0008\u000a-\u001f\u007f]*\r\n)*\r\n/y;
  for (let at = 0; ;) {
    size.lastIndex = at;
    const [, digits] = size.exec(text) ?? [];
    if (digits === undefined) return undefined;
    const data = Number.parseInt(digits, 16);
    at = size.lastIndex + data;
    if (data === 0) {
      trailers.lastIndex = at;
      return trailers.test(text) ? trailers.lastIndex : undefined;
    }
    if (!text.startsWith('\r\n', at)) return undefined;
    at += 2;
  }
}

export const target: Target = {
  longest: 400,
  words: [
    '0\r\n\r\n',
    '5\r\nhello\r\n',
    '1;a=b\r\nx\r\n',
    '1;a="\r\n"\r\n',
    '0\r\nA: b\r\n\r\n',
    '0\r\nContent-Length: 5\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: h\r\n\r\n',
    '\r\n',
    '\n',
    '0x5',
    'FFFFFFFFFFFFF',
    '7fffffffffffffff',
    '-1',
    '00000',
    ' ;',
  ],
  run,
};
