/** What a session is at a moment: its term, its place, and when it is over. */
import type { KeyHash } from './rendezvous.ts';

/** How long a session keeps its address; milliseconds below 2^31, 0 = no limit. */
export interface Limits {
  /** From its first use. */
  readonly ttlMs: number;
  /** From its last use. */
  readonly idleMs: number;
}

/** An egress: its slot at present (-1: not known), and the hash of its address, which lasts. */
export interface Place {
  readonly slot: number;
  readonly address: number;
}

/** A stretch of time in which a session stays at one address; a copy, as it was at that moment. */
export interface Term extends Place {
  /** 0 in the first term, so that it can be computed without the table. */
  readonly salt: number;
  /** Whether the place is the session's own. If not, it is the one of the term before; `address` 0 = there was none. */
  readonly pinned: boolean;
  /** Whether a connection from there has succeeded. */
  readonly settled: boolean;
}

/** All there is to a session, as it is stored. Times in milliseconds since the epoch. */
export interface SessionRecord extends KeyHash, Limits {
  readonly address: number;
  readonly salt: number;
  readonly firstUse: number;
  readonly lastUse: number;
}

/** The first term of a session nobody knows. */
export const UNKNOWN: Term = { slot: -1, address: 0, salt: 0, pinned: false, settled: false };

/** Of a term that begins now and is not the first one, whose salt is 0. */
export function saltAt(now: number): number {
  return Math.trunc(now % 2 ** 31) || 1;
}

/** Of the term behind another one, even in the same millisecond. */
export function nextSalt({ salt }: Term, now: number): number {
  const next = saltAt(now);
  return next === salt ? saltAt(now + 1) : next;
}

export function same(a: Term, b: Term): boolean {
  return a.salt === b.salt && a.pinned === b.pinned && a.address === b.address;
}

export function isOver(
  { firstUse, lastUse }: { readonly firstUse: number; readonly lastUse: number },
  { ttlMs, idleMs }: Limits,
  now: number,
): boolean {
  return (ttlMs > 0 && now - firstUse >= ttlMs) || (idleMs > 0 && now - lastUse >= idleMs);
}
