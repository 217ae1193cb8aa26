/** Numbers → textual addresses, the one spelling of each. */
import type { Family } from '../../connection.ts';

/** The text of an address given as an integer: below 2^32 for family 4, below 2^128 for family 6. */
export function formatAddress(family: Family, value: bigint): string {
  if (family === 4) return formatIPv4(Number(value));
  return formatIPv6(word(value, 96n), word(value, 64n), word(value, 32n), word(value, 0n));
}

function word(value: bigint, shift: bigint): number {
  return Number(BigInt.asUintN(32, value >> shift));
}

/** Dotted decimal. Plain numbers, no bigint: this runs once for every IPv4 connection. */
export function formatIPv4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

/**
 * RFC 5952 §4: lower case, no leading zeros, `::` for the longest run of two or more zero groups, the first of equals.
 * The four 32-bit words of an address, unsigned, the highest first: no bigint, like {@link formatIPv4}.
 */
export function formatIPv6(a: number, b: number, c: number, d: number): string {
  const groups = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff, c >>> 16, c & 0xffff, d >>> 16, d & 0xffff];
  const [start, length] = longestZeroRun(groups);
  if (length < 2) return join(groups, 0, 8);
  return `${join(groups, 0, start)}::${join(groups, start + length, 8)}`;
}

function longestZeroRun(groups: readonly number[]): readonly [start: number, length: number] {
  let start = 0;
  let length = 0;
  let run = 0;
  for (let index = 0; index < 8; index++) {
    run = groups[index] === 0 ? run + 1 : 0;
    if (run > length) {
      length = run;
      start = index + 1 - run;
    }
  }
  return [start, length];
}

function join(groups: readonly number[], from: number, to: number): string {
  let text = '';
  for (let index = from; index < to; index++) {
    text += (index === from ? '' : ':') + groups[index]!.toString(16);
  }
  return text;
}
