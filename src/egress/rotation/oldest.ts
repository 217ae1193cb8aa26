/**
 * The least recently used member, exactly and over all threads, without a scan for every pick.
 *
 * Last uses only ever grow. So one sorted list of them is good for as many picks as it has entries: an entry whose number
 * has changed was used meanwhile, by whatever thread, and has moved behind all the others; the first entry whose number
 * still holds is older than everything else there is. The pick is a compare-and-exchange of that very number: of two
 * threads that see the same oldest member one gets it.
 */
import type { EgressTable } from '../pool/table.ts';

/** Numbers that are ahead of ours by less than 2^24 are from the future; all others are from the past. */
const OLDEST = 2 ** 32 - 2 ** 24;
/** Room for an index in the low bits of a sort key: 2^32 ages × 2^20 indexes still are exact in a double. */
const INDEXES = 2 ** 20;

const NONE = -1;

/** @returns a function that picks and marks as used; -1 when no member is usable. */
export function oldestFirst(order: Int32Array, table: EgressTable): () => number {
  const keys = new Float64Array(order.length);
  let length = 0;
  let position = 0;
  let listedAt = 0;

  const list = (): void => {
    listedAt = table.now();
    length = 0;
    for (let index = 0; index < order.length; index++) {
      const age = (listedAt - table.lastUsed(order[index]!)) >>> 0;
      // Used while we were listing: younger than all the list, even if others that we read earlier were used since.
      if (age > OLDEST) continue;
      keys[length++] = (OLDEST - age) * INDEXES + index;
    }
    keys.subarray(0, length).sort();
    position = 0;
  };

  const takeNext = (): number => {
    while (position < length) {
      const key = keys[position++]!;
      const slot = order[key % INDEXES]!;
      const age = OLDEST - Math.floor(key / INDEXES);
      if (table.usable(slot) && table.touchAt(slot, (listedAt - age) | 0)) return slot;
    }
    return NONE;
  };

  return () => {
    for (let slot = takeNext(); ; slot = takeNext()) {
      if (slot !== NONE) return slot;
      // Either nothing is usable, or other threads have used up the list, and a fresher one shows what is left.
      if (!order.some((member) => table.usable(member))) return NONE;
      list();
    }
  };
}
