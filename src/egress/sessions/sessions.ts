/**
 * Sticky sessions: which egress a session has, on whatever thread it turns up.
 *
 * Who is new goes where rendezvous hashing sends it (`rendezvous.ts`), so that the answer is the same everywhere and after
 * a restart. What cannot be computed again, when a term began and where a session has moved, is in shared memory
 * (`session-table.ts`).
 */
import type { Rotation } from '../pool/snapshot.ts';
import { favourite, hashKey, isMember, type KeyHash } from './rendezvous.ts';
import { SeenSessions } from './seen.ts';
import { readState, writeState } from './session-state.ts';
import { SessionTable, type SessionMemory } from './session-table.ts';
import type { Term } from './session-term.ts';
import type { EgressTable } from '../pool/table.ts';

export { sessionMemory, type SessionMemory } from './session-table.ts';

/** The session one connection belongs to. */
export interface SessionRequest {
  /** Who it is; made by {@link sessionKey}. IPv4 and IPv6 are kept apart without it. */
  readonly key: string;
  /** How long it keeps its address, from its first use; milliseconds, below 2^31, 0 = for ever. */
  readonly ttlMs: number;
  /** How long it keeps its address without a new connection; milliseconds, below 2^31, 0 = for ever. */
  readonly idleMs: number;
  /** Rather no egress than another one. */
  readonly strict: boolean;
}

/** What a session goes by: an id the user chose, the client's address, the port or the address it connected to. */
export type SessionKind = 'user' | 'client' | 'port' | 'listen';

/**
 * @param parts All that sets one session apart from the others, always in the same order, for example pool, user and id.
 * What they contain does not matter: two different lists never make the same key.
 */
export function sessionKey(kind: SessionKind, ...parts: readonly string[]): string {
  return kind + parts.map((part) => ` ${part.length}:${part}`).join('');
}

/** What {@link sessionKey} made a key of; undefined for any other text. */
export function partsOf(
  key: string,
): { readonly kind: SessionKind; readonly parts: readonly string[] } | undefined {
  const end = key.indexOf(' ');
  const parts: string[] = [];
  for (let at = end; at !== -1 && at < key.length;) {
    const [head, digits] = /^ (\d+):/.exec(key.slice(at, at + 12)) ?? [];
    if (head === undefined) return undefined;
    const from = at + head.length;
    at = from + Number(digits);
    parts.push(key.slice(from, at));
  }
  return { kind: (end === -1 ? key : key.slice(0, end)) as SessionKind, parts };
}

/** What a session's address in a block goes by: another one in each term. */
export function insideOf(key: string, salt: number): string {
  return salt === 0 ? key : `${key} ${salt}`;
}

/** Where one connection of a session may leave from, in the order in which to try. */
export interface Candidates {
  /**
   * A slot that is usable, and none twice. The first one is the session's own. A strict session has no other: undefined at
   * once means that it has lost its address.
   */
  next(): number | undefined;
  /** Decides on the address inside a block: the same as long as the session's term lasts. */
  readonly inside: string;
  /** To be told which slot was connected from. @returns whether the session has moved there from an address it had before. */
  settle(slot: number): boolean;
}

export class Sessions {
  readonly #table: SessionTable;
  readonly #now: () => number;
  /** Those that were here. */
  readonly seen: SeenSessions = new SeenSessions();

  /** @param now Milliseconds since the epoch, the same on all threads. */
  constructor(memory: SessionMemory, now: () => number = Date.now) {
    this.#table = new SessionTable(memory);
    this.#now = now;
  }

  /** Counts as a use of the session. @param rotation Not empty. */
  candidates(request: SessionRequest, rotation: Rotation, egresses: EgressTable): Candidates {
    const key = hashKey(request.key, rotation.family);
    this.seen.add(request.key, rotation.family, key);
    const term = this.#table.visit(key, request, this.#now());
    return new Preference(request, key, term, { rotation, egresses, table: this.#table, now: this.#now });
  }

  /** What a restart would forget, as bytes for {@link importState}: at most 6 MB with the default memory. */
  exportState(): Uint8Array {
    return writeState(this.#table.live(this.#now()));
  }

  /**
   * Takes over what {@link exportState} gave, before the first use. Sessions that have run out meanwhile are left out.
   * @returns how many were taken.
   * @throws TypeError for bytes that are something else, or damaged; nothing is taken then.
   */
  importState(bytes: Uint8Array): number {
    const now = this.#now();
    return readState(bytes).filter((record) => this.#table.restore(record, now)).length;
  }
}

/** What a {@link Preference} works on. */
interface Ground {
  readonly rotation: Rotation;
  readonly egresses: EgressTable;
  readonly table: SessionTable;
  readonly now: () => number;
}

class Preference implements Candidates {
  readonly #request: SessionRequest;
  readonly #key: KeyHash;
  readonly #ground: Ground;
  #term: Term;
  #begun = false;
  readonly #tried: number[] = [];

  constructor(request: SessionRequest, key: KeyHash, term: Term, ground: Ground) {
    this.#request = request;
    this.#key = key;
    this.#term = term;
    this.#ground = ground;
  }

  get inside(): string {
    return insideOf(this.#request.key, this.#term.salt);
  }

  next(): number | undefined {
    const slot = this.#begun ? this.#another() : this.#first();
    this.#begun = true;
    if (slot !== undefined) this.#tried.push(slot);
    return slot;
  }

  settle(slot: number): boolean {
    const { table, egresses, now } = this.#ground;
    return table.settle(this.#key, this.#request, this.#term, this.#place(slot, egresses), now());
  }

  #first(): number | undefined {
    const own = this.#own();
    if (own !== undefined) return own;
    // What has never been connected from has not been promised to anyone either.
    return this.#term.settled ? this.#another() : this.#choose();
  }

  #another(): number | undefined {
    return this.#request.strict ? undefined : this.#favourite(this.#tried);
  }

  #choose(): number | undefined {
    const { table, egresses } = this.#ground;
    const { pinned } = this.#term;
    // A new term is there for another address: the last one only when there is no other.
    const last = pinned ? undefined : this.#locate();
    const slot = (last === undefined ? undefined : this.#favourite([last])) ?? this.#favourite([]);
    if (slot === undefined) return undefined;
    this.#term = table.claim(this.#key, this.#term, this.#place(slot, egresses));
    // Another thread may have been first, and with another membership in mind.
    return this.#own() ?? (this.#request.strict ? undefined : slot);
  }

  #favourite(without: readonly number[]): number | undefined {
    const { rotation, egresses } = this.#ground;
    return favourite(rotation, egresses, this.#key, this.#term.salt, without);
  }

  /** Where the session is, if it can leave from there. */
  #own(): number | undefined {
    const slot = this.#term.pinned ? this.#locate() : undefined;
    return slot !== undefined && this.#ground.egresses.usable(slot) ? slot : undefined;
  }

  /** The slot of the term's address. It has another one after a restart, or when the address was gone for a while. */
  #locate(): number | undefined {
    const { rotation, egresses } = this.#ground;
    const { slot, address } = this.#term;
    if (address === 0) return undefined;
    if (slot >= 0 && egresses.addressHash(slot) === address)
      return isMember(rotation, slot) ? slot : undefined;
    for (const member of rotation.order) if (egresses.addressHash(member) === address) return member;
    return undefined;
  }

  #place(slot: number, egresses: EgressTable): { slot: number; address: number } {
    return { slot, address: egresses.addressHash(slot) };
  }
}
