/** What must hold for every parser and for every target address, whoever asks. */
import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { crc32 } from 'node:zlib';
import type { Target } from '../../src/connection.ts';
import { ProxyError } from '../../src/errors.ts';
import { parseAuthority, parseHost } from '../../src/protocol/address.ts';
import type { Parsed, Parser } from '../../src/protocol/parsed.ts';
import { refused } from '../../src/protocol/http.ts';

/** What a parser says of some bytes; undefined: more of them are needed. */
type Verdict<T> = Parsed<T> | ProxyError | undefined;

/** Inputs up to this length are cut at every place, longer ones at a few. */
const SHORT = 12;
const CUTS = 4;

/**
 * Parses the input and, as if it came in two pieces, the beginnings of it: bytes that come later never change a verdict.
 * @returns The verdict and a word for it.
 */
export function parsePieces<T>(
  parse: Parser<T>,
  input: Buffer,
): { readonly verdict: Verdict<T>; readonly word: string } {
  const original = Buffer.from(input);
  const verdict = judge(parse, input);
  for (const cut of cutsOf(input, verdict)) compare(judge(parse, input.subarray(0, cut)), cut, verdict);
  assert.ok(original.equals(input), 'the parser changed its input');
  return { verdict, word: wordFor(verdict) };
}

/** Runs what may fail for the client's fault only. */
export function orRefusal<T>(run: () => T): T | ProxyError {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof ProxyError)) throw error;
    checkRefusal(error);
    return error;
  }
}

export function wordFor(verdict: unknown): string {
  if (verdict instanceof ProxyError) return verdict.message;
  return verdict === undefined ? 'more' : 'read';
}

/** A target has one spelling, and nobody behind us reads it as something else. */
export function checkTarget({ host, port, family }: Target): void {
  assert.ok(Number.isInteger(port) && port >= 1 && port <= 65_535, `port ${port}`);
  assert.match(host, /^[\u0021-\u007e]{1,253}$/);
  assert.equal(family, isIP(host), `${host} is said to be of family ${family}`);
  assert.equal(host, host.toLowerCase());
  assert.ok(!host.endsWith('.'), `${host} has a trailing dot`);
  assert.deepEqual(parseHost(host), { host, family });
  const authority = family === 6 ? `[${host}]:${port}` : `${host}:${port}`;
  assert.deepEqual(parseAuthority(authority), { host, port, family });
  if (family === 0) assert.equal(isIP(asOthersRead(host)), 0, `${host} is an IPv4 address to others`);
}

/** The same host in the eyes of the URL standard, which knows the odd spellings of IPv4 addresses; '' when it refuses. */
function asOthersRead(host: string): string {
  return URL.parse(`http://${host}/`)?.hostname ?? '';
}

function judge<T>(parse: Parser<T>, bytes: Buffer): Verdict<T> {
  const verdict = orRefusal(() => parse(bytes));
  if (verdict === undefined || verdict instanceof ProxyError) return verdict;
  const { length } = verdict;
  assert.ok(length > 0 && length <= bytes.length, `${length} of ${bytes.length} bytes were read`);
  return verdict;
}

const sendable = new Set<string>();

/** An error can be sent: one line, and nothing in it ends a head early. */
function checkRefusal(error: ProxyError): void {
  if (sendable.has(error.message)) return;
  assert.match(error.message, /^[\u0020-\u007e]{1,200}$/);
  const answer = refused(error).toString('latin1');
  assert.equal(answer.indexOf('\r\n\r\n'), answer.length - error.message.length - 5);
  sendable.add(error.message);
}

function cutsOf(input: Buffer, verdict: Verdict<unknown>): number[] {
  if (input.length <= SHORT) return Array.from(input, (_, index) => index);
  const mixed = crc32(input);
  const cuts = Array.from({ length: CUTS }, (_, index) => (mixed >>> (8 * index)) % input.length);
  const end = verdict === undefined || verdict instanceof ProxyError ? input.length : verdict.length;
  return [...cuts, end - 1, Math.min(end, input.length)];
}

function compare(early: Verdict<unknown>, cut: number, whole: Verdict<unknown>): void {
  if (early === undefined) {
    const complete = whole !== undefined && !(whole instanceof ProxyError) && whole.length <= cut;
    assert.ok(!complete, `all was there after ${cut} bytes, and more was waited for`);
  } else if (early instanceof ProxyError) {
    const code = whole instanceof ProxyError ? whole.code : wordFor(whole);
    assert.equal(code, early.code, `refused after ${cut} bytes, and then not any more`);
  } else {
    assert.ok(isDeepStrictEqual(early, whole), `read after ${cut} bytes, and then otherwise`);
  }
}
