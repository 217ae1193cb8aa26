/**
 * Counts of live connections that stay right when a thread dies, at whatever point.
 *
 * Each thread keeps a ledger of what it has counted. A change is prepared there first: for every count that it touches, what
 * the other threads have of it. Should the thread die half-way, that is what the count is set to, and what the ledger says
 * of all other counts is taken off them. Everything is done under the gate, which a dead thread still holds then.
 */
import { Locks, OWN_TOKEN } from './locks.ts';
import {
  CONNECTIONS,
  ENTRY_WORDS,
  GATE,
  HANDSHAKES,
  LOCK,
  LOGINS,
  slotCount,
  type LimitMemory,
} from './memory.ts';

/** Words of a ledger: whose it is, how many counts a change touches that is under way, each with what others have. */
const [OWNER, PREPARED, PLAN] = [0, 1, 2] as const;
/** One handshake and four connections. */
const MOST_CHANGES = 5;
const HEAD_WORDS = PLAN + 2 * MOST_CHANGES;
/** Words a slot: the counts at the beginning of its entry. */
const COUNTS = 2;

/** What one thread has counted; {@link writeOff} takes it back when the thread dies. About 8 bytes a slot. */
export function limitLedger(memory: LimitMemory): SharedArrayBuffer {
  const words = HEAD_WORDS + COUNTS * slotCount(memory);
  return new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT);
}

/** One of the counts of a slot. */
export type Count = typeof CONNECTIONS | typeof HANDSHAKES;

export class Places {
  readonly #entries: Int32Array;
  readonly #ledger: Int32Array;
  readonly #steps: number[] = [];

  /** @param ledger This thread's own. */
  constructor({ entries }: LimitMemory, ledger: SharedArrayBuffer) {
    this.#entries = new Int32Array(entries);
    this.#ledger = new Int32Array(ledger);
    this.#ledger[OWNER] = OWN_TOKEN;
  }

  count(slot: number, which: Count): number {
    return Atomics.load(this.#entries, slot * ENTRY_WORDS + which);
  }

  /** Prepares to add `step` to a count; nothing changes before {@link commit}. */
  plan(slot: number, which: Count, step: 1 | -1): void {
    const at = PLAN + 2 * this.#steps.length;
    this.#ledger[at] = COUNTS * slot + which;
    this.#ledger[at + 1] = this.count(slot, which) - this.#ledger[HEAD_WORDS + COUNTS * slot + which]!;
    this.#steps.push(step);
  }

  /** All that was planned, as one change. */
  commit(): void {
    const ledger = this.#ledger;
    const steps = this.#steps;
    Atomics.store(ledger, PREPARED, steps.length);
    for (let i = 0; i < steps.length; i++) {
      const count = ledger[PLAN + 2 * i]!;
      ledger[HEAD_WORDS + count]! += steps[i]!;
      Atomics.add(this.#entries, entryWord(count), steps[i]!);
    }
    Atomics.store(ledger, PREPARED, 0);
    steps.length = 0;
  }
}

/**
 * Takes back what a dead thread had counted, and the locks it died with. Its ledger may then serve another thread.
 * @returns false when it has to be asked again later, because another dead thread has to be written off first.
 */
export function writeOff(memory: LimitMemory, ledger: SharedArrayBuffer): boolean {
  const words = new Int32Array(ledger);
  const owner = words[OWNER]!;
  if (owner === 0) return true;
  const head = new Locks(memory.head);
  const entries = new Int32Array(memory.entries);
  if (head.holder(GATE) === owner) settle(entries, words);
  else if (!head.take(GATE)) return false;
  takeBack(entries, words);
  words.fill(0);
  head.release(GATE);
  head.releaseOf(owner, LOGINS);
  const locks = new Locks(memory.entries);
  for (let at = LOCK; at < entries.length; at += ENTRY_WORDS) {
    if (entries[at] === owner) locks.releaseOf(owner, at);
  }
  return true;
}

/** Ends a change that its thread could not end: it has counted nothing there. */
function settle(entries: Int32Array, ledger: Int32Array): void {
  const changes = ledger[PREPARED]!;
  for (let i = 0; i < changes; i++) {
    const count = ledger[PLAN + 2 * i]!;
    Atomics.store(entries, entryWord(count), ledger[PLAN + 2 * i + 1]!);
    ledger[HEAD_WORDS + count] = 0;
  }
  ledger[PREPARED] = 0;
}

function takeBack(entries: Int32Array, ledger: Int32Array): void {
  for (let count = 0; count < ledger.length - HEAD_WORDS; count++) {
    const held = ledger[HEAD_WORDS + count]!;
    if (held !== 0) Atomics.sub(entries, entryWord(count), held);
  }
}

function entryWord(count: number): number {
  return Math.trunc(count / COUNTS) * ENTRY_WORDS + (count % COUNTS);
}

/** What is counted over all threads, by a look that locks nothing: right when nothing happens meanwhile. */
export function heldPlaces(memory: LimitMemory): { connections: number; handshakes: number } {
  const entries = new Int32Array(memory.entries);
  const held = { connections: 0, handshakes: 0 };
  for (let at = 0; at < entries.length; at += ENTRY_WORDS) {
    held.connections += Atomics.load(entries, at + CONNECTIONS);
    held.handshakes += Atomics.load(entries, at + HANDSHAKES);
  }
  return held;
}
