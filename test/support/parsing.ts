/** What holds for every parser of a protocol: how it is asked, and what it must never do. */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { ProxyError, type FailureCode } from '../../src/errors.ts';
import type { Parsed, Parser } from '../../src/protocol/parsed.ts';

export const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
export const withCode = (code: FailureCode): object => ({ name: 'ProxyError', code });

/** A whole message is found whatever follows it, and no prefix of it is taken for one. */
export function parses<T>(parse: Parser<T>, message: Buffer, expected: T): void {
  for (let end = 0; end < message.length; end++) {
    assert.equal(parse(message.subarray(0, end)), undefined, `prefix of ${end} bytes`);
  }
  const parsed = { value: expected, length: message.length };
  assert.deepEqual(parse(message), parsed);
  for (const tail of [hex('00'), hex('0d0a'), hex('deadbeef'), message]) {
    assert.deepEqual(parse(Buffer.concat([message, tail])), parsed, 'with bytes behind it');
  }
}

/** A message is refused when byte `at` has come, not before and not later, and no byte behind it changes that. */
export function refusesAt<T>(parse: Parser<T>, message: Buffer, at: number, code: FailureCode): void {
  const text = message.toString('latin1');
  for (let end = 0; end <= at; end++) {
    assert.equal(parse(message.subarray(0, end)), undefined, `${JSON.stringify(text)} up to byte ${end}`);
  }
  for (let end = at + 1; end <= message.length; end++) {
    assert.throws(
      () => parse(message.subarray(0, end)),
      withCode(code),
      `${JSON.stringify(text)} to byte ${end}`,
    );
  }
}

/** What a parser says, in a form that compares; undefined while it wants more. */
function verdictOf<T>(
  parse: Parser<T>,
  bytes: Buffer,
): Parsed<T> | { code: string; message: string } | undefined {
  try {
    return parse(bytes);
  } catch (error) {
    assert.ok(error instanceof ProxyError, `threw ${String(error)}`);
    assert.notEqual(error.code, 'INTERNAL');
    return { code: error.code, message: error.message };
  }
}

/**
 * Bytes that arrive one by one get one verdict: a message is found with its last byte, and what was found or refused
 * stays so whatever comes behind it.
 */
export function neverChangesItsMind<T>(parse: Parser<T>, bytes: Buffer): void {
  let first: ReturnType<typeof verdictOf<T>>;
  for (let end = 0; end <= bytes.length; end++) {
    const verdict = verdictOf(parse, bytes.subarray(0, end));
    if (first !== undefined) assert.deepEqual(verdict, first, `byte ${end}`);
    else if (verdict !== undefined && 'length' in verdict) assert.equal(verdict.length, end);
    first ??= verdict;
  }
}

/** Messages with a few bytes changed, put in, taken out or cut off: what is nearly right. */
export function damaged(message: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const byte = fc.oneof(fc.constantFrom(0x00, 0xff, 0x7f, 0x80, 0x0a, 0x0d, 0x20), fc.nat(255));
  const change = fc.record({
    at: fc.nat(2500),
    how: fc.constantFrom('change', 'put in', 'take out', 'cut'),
    byte,
  });
  return fc.tuple(message, fc.array(change, { minLength: 1, maxLength: 3 })).map(([message, changes]) => {
    const bytes = [...message];
    for (const { at, how, byte } of changes) {
      const index = at % (bytes.length + 1);
      if (how === 'change') bytes.splice(index, 1, byte);
      else if (how === 'put in') bytes.splice(index, 0, byte);
      else bytes.splice(index, how === 'cut' ? bytes.length : 1);
    }
    return Buffer.from(bytes);
  });
}

/** Any bytes at all behind a beginning that leads a parser astray. */
export const beginningWith = (...beginnings: readonly Buffer[]): fc.Arbitrary<Buffer> =>
  fc
    .tuple(fc.constantFrom(Buffer.of(), ...beginnings), fc.uint8Array({ maxLength: 300 }))
    .map(([beginning, rest]) => Buffer.concat([beginning, rest]));
