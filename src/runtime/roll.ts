/** The members of one pool in the order of its expression, made once for each membership. */
import { isBlock, type Range } from '../egress/pool/ranges.ts';
import type { Slots } from '../egress/pool/slots.ts';
import { ipBytes, isMapped } from '../protocol/address.ts';

export class Roll {
  /** A slot each; of a block one in all. */
  readonly slots: Int32Array;
  readonly #ranges: readonly Range[];
  readonly #assigned: Slots;
  readonly #blocks: ReadonlyMap<number, Range>;

  /** @param assigned What the ranges were last assigned to. */
  constructor(ranges: readonly Range[], assigned: Slots) {
    const parts = ranges.map((range) => assigned.of(range));
    this.slots = new Int32Array(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of parts) {
      this.slots.set(part, at);
      at += part.length;
    }
    this.#ranges = ranges;
    this.#assigned = assigned;
    this.#blocks = new Map(
      ranges.flatMap((range, index) => (isBlock(range) ? [[parts[index]![0]!, range] as const] : [])),
    );
  }

  isBlock(slot: number): boolean {
    return this.#blocks.has(slot);
  }

  /** Undefined for a single address. */
  block(slot: number): Range | undefined {
    return this.#blocks.get(slot);
  }

  /** The member that an address is, or the block it is in; undefined when it is none of this pool. */
  find(address: string): { readonly slot: number; readonly range: Range } | undefined {
    const bytes = ipBytes(address);
    if (bytes === undefined) return undefined;
    const mapped = bytes.length === 16 && isMapped(bytes, 0);
    const own = mapped ? bytes.subarray(12) : bytes;
    const family = own.length === 4 ? 4 : 6;
    const value = BigInt(`0x${Buffer.from(own).toString('hex')}`);
    const range = this.#ranges.find((r) => r.family === family && r.first <= value && value <= r.last);
    if (range === undefined || range.holes.some(({ first, last }) => first <= value && value <= last))
      return undefined;
    const index = isBlock(range) ? 0 : Number(value - range.first);
    return { slot: this.#assigned.of(range)[index]!, range };
  }
}
