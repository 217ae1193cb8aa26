/**
 * Which place in the limits a listener has: kept for as long as the listener is there, wherever it stands in the config,
 * so that no reload mixes up what is counted. Main thread only.
 */
import { Locks } from './locks.ts';
import {
  CONNECTIONS,
  ENTRY_DOUBLES,
  ENTRY_WORDS,
  FLOWS,
  GATE,
  PACE,
  PERIOD,
  USED,
  type LimitMemory,
} from './memory.ts';

export class ListenerSlots {
  readonly #memory: LimitMemory;
  readonly #taken = new Map<string, number>();
  /** Never given yet first, then the one that was given back longest ago. */
  readonly #free: number[];

  constructor(memory: LimitMemory) {
    this.#memory = memory;
    this.#free = Array.from({ length: memory.listeners }, (_, slot) => slot);
  }

  /**
   * Finds places for listeners that come; those who have one keep it. Nothing is taken before {@link take}.
   * @param keys What each listener is known by.
   * @throws RangeError when there are not enough.
   */
  plan(keys: readonly string[]): ReadonlyMap<string, number> {
    const planned = new Map<string, number>();
    let next = 0;
    const free = (): number | undefined => {
      while (next < this.#free.length) {
        const slot = this.#free[next++]!;
        if (clear(this.#memory, slot)) return slot;
      }
      return undefined;
    };
    for (const key of keys) {
      const slot = this.#taken.get(key) ?? free();
      if (slot === undefined) {
        throw new RangeError(
          'the limits have no room for so many listeners: restart Gyre, or wait until connections of those that were taken out have ended',
        );
      }
      planned.set(key, slot);
    }
    return planned;
  }

  /** From now on it is as {@link plan} said; who is not in it is gone. */
  take(planned: ReadonlyMap<string, number>): void {
    const taken = new Set(planned.values());
    const gone = this.#taken
      .values()
      .filter((slot) => !taken.has(slot))
      .toArray();
    const left = this.#free.filter((slot) => !taken.has(slot));
    this.#free.splice(0, Infinity, ...left, ...gone);
    this.#taken.clear();
    for (const [key, slot] of planned) this.#taken.set(key, slot);
  }

  /** The slot of each listener, by what it is known by, in the order of the plan. */
  get taken(): ReadonlyMap<string, number> {
    return this.#taken;
  }
}

/** @returns false while connections of the listener that had it are still counted there. */
function clear(memory: LimitMemory, listener: number): boolean {
  const slot = 1 + listener;
  const ints = new Int32Array(memory.entries, slot * ENTRY_WORDS * Int32Array.BYTES_PER_ELEMENT, ENTRY_WORDS);
  const doubles = new Float64Array(memory.entries).subarray(slot * ENTRY_DOUBLES, (slot + 1) * ENTRY_DOUBLES);
  const gate = new Locks(memory.head);
  if (Atomics.load(ints, CONNECTIONS) !== 0 || !gate.take(GATE)) return false;
  try {
    // Nobody is there, so nobody has the lock of the entry either.
    if (Atomics.load(ints, CONNECTIONS) !== 0) return false;
    doubles.fill(0, PACE, PACE + 1);
    doubles.fill(0, FLOWS, USED + 1);
    ints[PERIOD] = 0;
    return true;
  } finally {
    gate.release(GATE);
  }
}
