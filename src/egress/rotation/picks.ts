/** The egresses for one connection, one after the other as it needs them. */
import type { Egress } from '../../connection.ts';
import { hashedWalk, sharedWalk, type Addresses, type Block } from '../pool/block.ts';
import type { Candidates, SessionRequest, Sessions } from '../sessions/sessions.ts';
import type { Rotation } from '../pool/snapshot.ts';
import { NONE, type ChoiceRequest, type Chooser } from './strategies.ts';
import type { EgressTable } from '../pool/table.ts';

/** One connection that needs an egress. */
export interface PickRequest extends ChoiceRequest {
  /** The target's host as the client named it. */
  readonly destination: string;
  /** Empty for a client without a name. */
  readonly user: string;
  /** Only members that carry it, for example `country=de`. */
  readonly tag?: string | undefined;
  /** Decides instead of the strategy. */
  readonly session?: SessionRequest | undefined;
}

/** What a rotator asks of the sessions of all threads. */
export type Stickiness = Pick<Sessions, 'candidates'>;

/** The egresses for one connection: first the one whose turn it is, then, for another try, others. */
export interface Picks {
  /**
   * Never the same address twice; undefined when there is no other. Each counts as a live tunnel of its egress until it is
   * given to `Rotator.release`.
   */
  next(): Egress | undefined;
  /** The egress that was connected in the end. @returns whether a session has moved to it from another one. */
  settle(egress: Egress): boolean;
}

/** A rotation with what it takes to pick from it. */
export interface Ring {
  readonly rotation: Rotation;
  readonly blocks: ReadonlyMap<number, Block>;
  readonly table: EgressTable;
  readonly chooser: Chooser;
}

export const NOTHING: Picks = { next: () => undefined, settle: () => false };

/** One connection that a strategy decides for. */
export class Turn implements Picks {
  readonly #ring: Ring;
  readonly #request: PickRequest;
  /** What the strategy chose; undefined as long as nobody has asked. */
  #first: number | undefined = undefined;
  /** Where the order goes on after it, and how many members are left to look at. */
  #index = 0;
  #left = 0;
  /** Of blocks that gave an address, in their order: see {@link Turn.#again}. */
  #walks: { readonly slot: number; readonly addresses: Addresses }[] | undefined = undefined;

  constructor(ring: Ring, request: PickRequest) {
    this.#ring = ring;
    this.#request = request;
  }

  next(): Egress | undefined {
    if (this.#first === undefined) return this.#begin();
    return this.#follow() ?? this.#again();
  }

  settle(): boolean {
    return false;
  }

  #begin(): Egress | undefined {
    const { chooser, rotation, table } = this.#ring;
    this.#first = chooser.choose(this.#request);
    if (this.#first === NONE) return undefined;
    if (chooser.opens === undefined) table.opened(this.#first);
    this.#left = rotation.order.length;
    return this.#egress(this.#first);
  }

  /** A retry goes on without touching the shared cursor: the next connection's turn stays its own. */
  #follow(): Egress | undefined {
    const { rotation, table, chooser } = this.#ring;
    const { order } = rotation;
    if (this.#left === order.length) this.#index = order.indexOf(this.#first!);
    while (--this.#left > 0) {
      if (++this.#index === order.length) this.#index = 0;
      const slot = order[this.#index]!;
      if (!table.usable(slot)) continue;
      table.opened(slot);
      chooser.retried?.(slot);
      return this.#egress(slot);
    }
    this.#left = 0;
    return undefined;
  }

  /** Every member had its turn: only blocks have more addresses to give. */
  #again(): Egress | undefined {
    for (let walk = this.#walks?.shift(); walk !== undefined; walk = this.#walks?.shift()) {
      const { slot, addresses } = walk;
      const { rotation, table } = this.#ring;
      const address = table.usable(slot) ? addresses() : undefined;
      if (address === undefined) continue;
      this.#walks!.push(walk);
      table.opened(slot);
      return { address, family: rotation.family, slot };
    }
    return undefined;
  }

  #egress(slot: number): Egress {
    const { rotation, blocks, table, chooser } = this.#ring;
    const { family } = rotation;
    const block = blocks.get(slot);
    if (block === undefined) return { address: table.address(slot), family, slot };
    const addresses = chooser.inside?.(block, this.#request) ?? sharedWalk(block, table, slot);
    (this.#walks ??= []).push({ slot, addresses });
    return { address: addresses()!, family, slot };
  }
}

/** One connection of a sticky session. In a block it has one address, by its key and term. */
export class SessionTurn implements Picks {
  readonly #ring: Ring;
  readonly #candidates: Candidates;

  constructor(ring: Ring, session: SessionRequest, sessions: Stickiness) {
    this.#ring = ring;
    this.#candidates = sessions.candidates(session, ring.rotation, ring.table);
  }

  next(): Egress | undefined {
    const { rotation, table, blocks } = this.#ring;
    const slot = this.#candidates.next();
    if (slot === undefined) return undefined;
    table.opened(slot);
    const block = blocks.get(slot);
    const address = block === undefined ? table.address(slot) : hashedWalk(block, this.#candidates.inside)()!;
    return { address, family: rotation.family, slot };
  }

  settle({ slot }: Egress): boolean {
    return this.#candidates.settle(slot);
  }
}
