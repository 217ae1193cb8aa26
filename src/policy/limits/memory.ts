/**
 * The memory that the limits of all threads live in: made once, of one size, for ever.
 *
 * Every subject (all connections together, a listener, a client address, a user) has a slot, and at its slot an entry with
 * all that is counted of it. Listeners keep their slots; clients and users get theirs by `key-table.ts`.
 */
import { randomFillSync } from 'node:crypto';
import { keyTableMemory } from './key-table.ts';

/** Survives `postMessage`. Made by {@link limitMemory}. */
export interface LimitMemory {
  /** Int32 words: two locks, and the secret that subjects are hashed with. */
  readonly head: SharedArrayBuffer;
  readonly entries: SharedArrayBuffer;
  /** How many listeners have slots. */
  readonly listeners: number;
  readonly clients: SubjectMemory;
  readonly users: SubjectMemory;
  /** Wrong passwords by client, by user name, and who is known to have had the right one. */
  readonly guesses: {
    readonly clients: GuessMemory;
    readonly names: GuessMemory;
    readonly trusted: GuessMemory;
  };
}

/** Who is at which slot. */
export interface SubjectMemory {
  readonly keys: SharedArrayBuffer;
  /** Who it is in words, for what outlives the process: a length byte and UTF-8, {@link LABEL_BYTES} each. */
  readonly labels: SharedArrayBuffer;
}

export interface GuessMemory {
  readonly keys: SharedArrayBuffer;
  readonly states: SharedArrayBuffer;
}

/** Words of {@link LimitMemory.head}. */
export const GATE = 0;
export const LOGINS = 1;
export const SECRET = 2;
const HEAD_WORDS = 4;

/** An entry, in Int32 words: its counts, its lock, and what kind of period its quota is of (0 = none). */
export const CONNECTIONS = 0;
export const HANDSHAKES = 1;
export const LOCK = 2;
export const PERIOD = 3;
/** The same entry, in doubles: until when new connections are paid for; ... */
export const PACE = 2;
/** ... until when bytes up and down are paid for, and at which speeds; ... */
export const FLOWS = 3;
export const SPEEDS = 5;
/** ... when the period of its quota is over, and the bytes used in it. */
export const PERIOD_END = 7;
export const USED = 8;
export const ENTRY_DOUBLES = 9;
export const ENTRY_WORDS: number = 2 * ENTRY_DOUBLES;

/** A count of wrong passwords and, as a double, until when it matters. */
export const GUESS_WORDS = 4;

/** By kind. No user name in the config or on the wire of SOCKS is longer than 255 bytes. */
export const LABEL_BYTES = { clients: 32, users: 256 } as const;

/** Listeners that a change of the config may bring. */
const SPARE_LISTENERS = 1024;

/**
 * @param options Only to know how many listeners there are.
 * @param entries Client addresses, and as many users, that can have connections at the same time: twice as many as the
 * process may have descriptors, then there is always room. About 190 bytes each, and pages that are never touched cost
 * nothing.
 */
export function limitMemory(
  options: { readonly perListener: readonly unknown[] },
  entries: number = 131_072,
): LimitMemory {
  const listeners = options.perListener.length + SPARE_LISTENERS;
  const clients = subjectMemory(entries, LABEL_BYTES.clients);
  const users = subjectMemory(entries, LABEL_BYTES.users);
  const slots = 1 + listeners + slotsOf(clients) + slotsOf(users);
  const head = new SharedArrayBuffer(HEAD_WORDS * Int32Array.BYTES_PER_ELEMENT);
  randomFillSync(new Int32Array(head), SECRET);
  return {
    head,
    entries: new SharedArrayBuffer(slots * ENTRY_DOUBLES * Float64Array.BYTES_PER_ELEMENT),
    listeners,
    clients,
    users,
    guesses: {
      clients: guessMemory(entries),
      names: guessMemory(entries),
      trusted: guessMemory(entries),
    },
  };
}

/** Slots of all kinds together. */
export function slotCount({ entries }: LimitMemory): number {
  return entries.byteLength / (ENTRY_DOUBLES * Float64Array.BYTES_PER_ELEMENT);
}

/** How many clients, or users, a memory has room for. */
export function slotsOf({ keys }: { readonly keys: SharedArrayBuffer }): number {
  return keys.byteLength / (2 * Int32Array.BYTES_PER_ELEMENT);
}

function subjectMemory(entries: number, labelBytes: number): SubjectMemory {
  const keys = keyTableMemory(entries);
  return { keys, labels: new SharedArrayBuffer(slotsOf({ keys }) * labelBytes) };
}

function guessMemory(entries: number): GuessMemory {
  const keys = keyTableMemory(entries);
  return {
    keys,
    states: new SharedArrayBuffer(slotsOf({ keys }) * GUESS_WORDS * Int32Array.BYTES_PER_ELEMENT),
  };
}
