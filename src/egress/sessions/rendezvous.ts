/**
 * Rendezvous hashing over a rotation: every member has a score for a session, and the session goes to the highest. Only the
 * sessions of a member that leaves have to move, and a member that comes takes over only those it scores highest for.
 * Scores go by address, so that they are the same on every thread and after a restart.
 */
import type { Family } from '../../connection.ts';
import { fnv1a, rendezvous, scramble } from '../rotation/hash.ts';
import type { Rotation } from '../pool/snapshot.ts';
import type { EgressTable } from '../pool/table.ts';

/** 64 bits as two signed halves, never both 0. */
export interface KeyHash {
  readonly high: number;
  readonly low: number;
}

/** Two hashes in one pass: among 10^6 keys, 32 bits would mix up a hundred pairs. */
export function hashKey(key: string, family: Family): KeyHash {
  let high = 0x811c9dc5 ^ family;
  let low = 0x9747b28c ^ family;
  for (let index = 0; index < key.length; index++) {
    const unit = key.charCodeAt(index);
    high = Math.imul(high ^ unit, 0x01000193);
    low = Math.imul(((low << 15) | (low >>> 17)) ^ unit, 0xcc9e2d51) + 0x561ccd1b;
  }
  const first = scramble(high) | 0;
  const second = scramble(low ^ key.length) | 0;
  return { high: first, low: first === 0 && second === 0 ? 1 : second };
}

/**
 * The usable member with the highest score.
 * @param salt Another number, another member, as a rule.
 * @param without Slots that do not count.
 */
export function favourite(
  rotation: Rotation,
  table: EgressTable,
  { high }: KeyHash,
  salt: number,
  without: readonly number[],
): number | undefined {
  const { order } = rotation;
  const key = salt === 0 ? high : scramble(high ^ scramble(salt));
  const turns = isWeighted(rotation) ? turnsOf(rotation) : undefined;
  let best: number | undefined;
  let highest = -Infinity;
  for (let index = 0; index < order.length; index++) {
    const slot = order[index]!;
    const random = rendezvous(key, table.addressHash(slot));
    // Sorts as the number itself does when all weigh 1; with others each wins in proportion to its weight.
    const score = turns === undefined ? random : Math.log((random + 0.5) / 2 ** 32) / turns[slot]!;
    if (score < highest || without.includes(slot) || !table.usable(slot)) continue;
    if (score === highest && !winsTie(table, key, slot, best!)) continue;
    best = slot;
    highest = score;
  }
  return best;
}

export function isMember(rotation: Rotation, slot: number): boolean {
  return (turnsOf(rotation)[slot] ?? 0) > 0;
}

/** Made once for each rotation, by the first session that turns up. */
const turns = new WeakMap<Rotation, Uint32Array>();

/** By slot: how many turns it has in the schedule, 0 for who is not a member. */
function turnsOf(rotation: Rotation): Uint32Array {
  let found = turns.get(rotation);
  if (found === undefined) turns.set(rotation, (found = countTurns(rotation)));
  return found;
}

function countTurns({ order, schedule }: Rotation): Uint32Array {
  const found = new Uint32Array(order.reduce((most, slot) => Math.max(most, slot), -1) + 1);
  for (const slot of schedule) found[slot]!++;
  for (const slot of order) found[slot] ||= 1;
  return found;
}

function isWeighted({ order, schedule }: Rotation): boolean {
  return order !== schedule && order.length !== schedule.length;
}

/** Among 65,536 addresses there may be two with the same 32-bit hash: by their text they share the sessions fairly. */
function winsTie(table: EgressTable, key: number, slot: number, other: number): boolean {
  const score = (slot: number): number => rendezvous(key, scramble(fnv1a(table.address(slot))));
  return score(slot) > score(other);
}
