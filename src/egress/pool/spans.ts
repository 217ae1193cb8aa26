/** Which addresses are ours: the membership as sorted spans in shared memory, to be asked by bytes. */
import { merge, type Range } from './ranges.ts';
import type { Family } from '../../connection.ts';

/** Plain data: survives `postMessage` without a copy. Two 64-bit halves a number, first and last of each span in turn. */
export interface Spans {
  readonly v4: BigUint64Array;
  readonly v6: BigUint64Array;
}

/** Holes count as inside: nearly ours is close enough for what this answers. */
export function buildSpans(ranges: readonly Range[]): Spans {
  return { v4: pack(ranges, 4), v6: pack(ranges, 6) };
}

function pack(ranges: readonly Range[], family: Family): BigUint64Array {
  const merged = merge(ranges.filter((range) => range.family === family));
  const packed = new BigUint64Array(
    new SharedArrayBuffer(4 * BigUint64Array.BYTES_PER_ELEMENT * merged.length),
  );
  for (const [index, { first, last }] of merged.entries()) {
    packed.set(
      [first >> 64n, first, last >> 64n, last].map((half) => BigInt.asUintN(64, half)),
      4 * index,
    );
  }
  return packed;
}

/** @param address Its 4 or 16 bytes. */
export function includes({ v4, v6 }: Spans, address: Uint8Array): boolean {
  const packed = address.length === 4 ? v4 : v6;
  const value = address.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const at = (index: number): bigint => (packed[index]! << 64n) | packed[index + 1]!;
  let low = 0;
  let high = packed.length / 4;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (at(4 * middle + 2) < value) low = middle + 1;
    else high = middle;
  }
  return 4 * low < packed.length && at(4 * low) <= value;
}
