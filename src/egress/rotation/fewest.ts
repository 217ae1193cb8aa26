/**
 * The member with the fewest live tunnels, exactly and over all threads, without a scan for every pick.
 *
 * Members are filed in queues by their number of tunnels, and the lowest queue is served first. An entry need not be right,
 * only not too high: tunnels that opened meanwhile show when the entry is met, and it is filed anew. Tunnels that closed
 * would leave an entry too high; the table keeps a log of them, and each member in it is filed again, lower.
 */
import type { EgressTable } from '../pool/table.ts';

const NONE = -1;
/** Entries in all the queues, beyond two for each member, before they are made anew: every closed tunnel leaves one. */
const SURPLUS = 4096;

interface Queue {
  readonly slots: number[];
  head: number;
}

/**
 * @param begin Where to begin filing, so that threads do not all try the same of equal members.
 * @returns a function that picks and counts the tunnel (`table.opened`); -1 when no member is usable.
 */
export function fewestFirst(order: Int32Array, table: EgressTable, begin: () => number): () => number {
  const isMember = new Uint8Array(table.capacity);
  for (const slot of order) isMember[slot] = 1;
  let queues: (Queue | undefined)[] = [];
  let lowest = 0;
  let entries = 0;
  /** Where in the log we are; undefined before the first pick. */
  let seen: number | undefined;

  const file = (slot: number): void => {
    const level = Math.max(0, table.active(slot));
    (queues[level] ??= { slots: [], head: 0 }).slots.push(slot);
    lowest = Math.min(lowest, level);
    entries++;
  };

  const fileAll = (): void => {
    seen = table.closings();
    queues = [];
    entries = 0;
    lowest = Infinity;
    const start = begin();
    for (let index = 0; index < order.length; index++) file(order[(start + index) % order.length]!);
  };

  const catchUp = (): void => {
    if (seen === undefined || entries > 2 * order.length + SURPLUS) fileAll();
    for (const now = table.closings(); seen !== now; seen = (seen! + 1) | 0) {
      const slot = table.closing(seen!);
      // Overwritten, or by a thread that is just writing it: either way the queues are made anew, and miss nothing.
      if (slot === NONE) return fileAll();
      if (isMember[slot] === 1) file(slot);
    }
  };

  const takeFrom = (queue: Queue): number => {
    while (queue.head < queue.slots.length) {
      const slot = queue.slots[queue.head++]!;
      entries--;
      if (!table.usable(slot)) continue;
      const taken = table.openedAt(slot, lowest);
      file(slot);
      if (taken) return slot;
    }
    return NONE;
  };

  const takeNext = (): number => {
    for (; lowest < queues.length; lowest++) {
      const queue = queues[lowest];
      const slot = queue === undefined ? NONE : takeFrom(queue);
      if (slot !== NONE) return slot;
      queues[lowest] = undefined;
    }
    return NONE;
  };

  return () => {
    catchUp();
    for (let slot = takeNext(); ; slot = takeNext()) {
      if (slot !== NONE || !order.some((member) => table.usable(member))) return slot;
      fileAll();
    }
  };
}
