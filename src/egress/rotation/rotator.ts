/**
 * Whose turn is it? The rotator of one thread.
 *
 * What to pick is a strategy's decision (`strategies.ts`), or that of a sticky session; what to do with it is the same for
 * all: skip what is down, never hand out an address twice for one connection, and count the tunnel from the pick on.
 */
import type { Egress, Family } from '../../connection.ts';
import { ProxyError } from '../../errors.ts';
import { Cursors, type RotatorMemory } from './cursors.ts';
import {
  NOTHING,
  SessionTurn,
  Turn,
  type PickRequest,
  type Picks,
  type Ring,
  type Stickiness,
} from './picks.ts';
import type { Rotation, Rotations, Snapshot } from '../pool/snapshot.ts';
import { includes } from '../pool/spans.ts';
import { STRATEGIES, type Seat, type StrategyOptions } from './strategies.ts';
import type { EgressTable } from '../pool/table.ts';

export { rotatorMemory, type CursorScope, type RotatorMemory } from './cursors.ts';
export type { PickRequest, Picks, Stickiness } from './picks.ts';
export type { SessionRequest } from '../sessions/sessions.ts';
export { buildSnapshot, type Snapshot } from '../pool/snapshot.ts';

export class Rotator {
  readonly #cursors: Cursors;
  readonly #options: StrategyOptions;
  readonly #table: EgressTable;
  readonly #sessions: Stickiness;
  readonly #now: () => number;
  #snapshot!: Snapshot;
  #rings!: Rings;
  /** By tag, made when first asked for. */
  #tagged = new Map<string, Rings>();

  /** @param now Milliseconds since the epoch, for `sequential`. */
  constructor(
    memory: RotatorMemory,
    options: StrategyOptions,
    snapshot: Snapshot,
    table: EgressTable,
    sessions: Stickiness,
    now: () => number = Date.now,
  ) {
    this.#cursors = new Cursors(memory, options.cursor);
    this.#options = options;
    this.#table = table;
    this.#sessions = sessions;
    this.#now = now;
    this.replace(snapshot);
  }

  /** From the next pick on. Picks handed out before keep to the old membership, without what is down or gone. */
  replace(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    this.#rings = this.#ringsOf(snapshot);
    this.#tagged = new Map();
  }

  has(family: Family): boolean {
    return this.#rings[family] !== undefined;
  }

  get empty(): boolean {
    return !this.has(4) && !this.has(6);
  }

  /** Whether the pool has addresses of a family, usable at the moment or not. */
  serves(family: Family): boolean {
    const { v4, v6 } = this.#snapshot.spans;
    return (family === 4 ? v4 : v6).length > 0;
  }

  /**
   * Of the tags a client asks for, `country=de`, the one to pick by: the last that members carry, since the narrower one
   * comes later. A kind of tag that no member has is passed over: clients written for a vendor name a country anyway.
   * @throws ProxyError `NO_EGRESS` when members carry that kind of tag, but none this one.
   */
  tagFor(wanted: readonly string[]): string | undefined {
    const carried = Object.keys(this.#snapshot.tags);
    const kind = (tag: string): string => tag.slice(0, tag.indexOf('=') + 1);
    const known = wanted.filter((tag) => carried.some((other) => kind(other) === kind(tag)));
    if (known.every((tag) => carried.includes(tag))) return known.at(-1);
    throw new ProxyError('NO_EGRESS', 'no egress address with the tags asked for');
  }

  /** Whether an address, given by its 4 or 16 bytes, belongs to the pool, usable or not. */
  includes(address: Uint8Array): boolean {
    return includes(this.#snapshot.spans, address);
  }

  /** Takes no turn yet: that is for the first {@link Picks.next}. */
  pick(request: PickRequest): Picks {
    const ring = this.#ring(request);
    if (ring === undefined) return NOTHING;
    const { session } = request;
    return session === undefined ? new Turn(ring, request) : new SessionTurn(ring, session, this.#sessions);
  }

  /** Once for every egress that {@link Picks.next} gave, on this thread: when its dial has failed, or its tunnel has ended. */
  release(egress: Egress): void {
    this.#table.closed(egress.slot);
  }

  #ring({ family, tag }: PickRequest): Ring | undefined {
    if (tag === undefined) return this.#rings[family];
    let rings = this.#tagged.get(tag);
    if (rings === undefined) {
      // An own property only: `constructor` is no tag. What is not a tag is not kept either.
      if (!Object.hasOwn(this.#snapshot.tags, tag)) return undefined;
      this.#tagged.set(tag, (rings = this.#ringsOf(this.#snapshot.tags[tag]!)));
    }
    return rings[family];
  }

  #ringsOf({ v4, v6 }: Rotations): Rings {
    return { 4: this.#ringOf(v4), 6: this.#ringOf(v6) };
  }

  #ringOf(rotation: Rotation): Ring | undefined {
    if (rotation.order.length === 0) return undefined;
    const seat: Seat = {
      rotation,
      table: this.#table,
      cursors: this.#cursors,
      options: this.#options,
      now: this.#now,
    };
    const chooser = STRATEGIES[this.#options.name].prepare(seat);
    return { rotation, blocks: this.#snapshot.blocks, table: this.#table, chooser };
  }
}

type Rings = Readonly<Record<Family, Ring | undefined>>;
