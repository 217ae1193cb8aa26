/**
 * Who gets a place: all that a connection needs at once, or nothing.
 *
 * One lock, the gate, is held while a connection comes, gets its places or goes: three times in its life, for about a
 * microsecond. What that buys is that every limit is exact: never one connection more, and none refused for a place that
 * another one took only for a moment.
 */
import type { ProxyError } from '../../errors.ts';
import { Locks } from './locks.ts';
import { CONNECTIONS, GATE, HANDSHAKES, type LimitMemory } from './memory.ts';
import { Pace } from './pace.ts';
import { Places } from './places.ts';
import { periodEnd, type Quotas } from './quotas.ts';
import { noRoom, notNow, tooFast, tooMany, usedUp } from './refusal.ts';
import { Subjects, type Moment, type Subject } from './subjects.ts';
import { CLIENT, GLOBAL, LISTENER, USER, type Kind, type Plan, type Terms } from './terms.ts';

/** What one connection has; changed by {@link Admission} only. */
export interface Holding {
  readonly client: Subject | undefined;
  /** Where its unfinished handshake is counted, -1 = nowhere. */
  handshake: number;
  /** By {@link Kind}: the slots its place is taken at, -1 = none. */
  readonly slots: [number, number, number, number];
  /** It has its places. */
  settled: boolean;
}

/** The one most likely to be the client's own doing is named first. */
const ORDER: readonly Kind[] = [USER, CLIENT, LISTENER, GLOBAL];

/** The subjects a connection asks for places of, and their terms. */
interface Request {
  readonly listener: number;
  readonly user: Subject | undefined;
  readonly terms: readonly Terms[];
}

export class Admission {
  readonly #locks: Locks;
  readonly #subjects: Subjects;
  readonly #places: Places;
  readonly #pace: Pace;
  readonly #quotas: Quotas;
  readonly #now: () => number;
  readonly #utc: () => number;
  /** What is to be given back and could not be, because another thread died with the gate. */
  readonly #overdue: Holding[] = [];

  constructor(
    memory: LimitMemory,
    ledger: SharedArrayBuffer,
    quotas: Quotas,
    now: () => number,
    utc: () => number,
  ) {
    this.#locks = new Locks(memory.head);
    this.#subjects = new Subjects(memory);
    this.#places = new Places(memory, ledger);
    this.#pace = new Pace(memory);
    this.#quotas = quotas;
    this.#now = now;
    this.#utc = utc;
  }

  /** @throws ProxyError when the client has too many unfinished handshakes. */
  enter(address: string, plan: Plan): Holding {
    const client = this.#subjects.client(address);
    const holding: Holding = { client, handshake: -1, slots: [-1, -1, -1, -1], settled: false };
    if (client === undefined) return holding;
    const moment = this.#moment();
    const refused = this.#gated(() => this.#enter(holding, client, plan.handshakes, moment));
    if (refused !== undefined) throw refused();
    return holding;
  }

  /** Gives back the place of the handshake, and takes those of a connection. @throws ProxyError: it has none then. */
  settle(holding: Holding, listener: number, user: string | undefined, plan: Plan): void {
    const request: Request = {
      listener: this.#subjects.listener(listener),
      user: user === undefined ? undefined : this.#subjects.user(user),
      terms: plan.terms(listener, holding.client !== undefined, user),
    };
    const moment = this.#moment();
    const refused = this.#gated(() => {
      this.#giveBack(holding);
      return this.#settle(holding, request, moment);
    });
    if (refused !== undefined) throw refused();
  }

  /** Gives back all it has. */
  leave(holding: Holding): void {
    if (holding.handshake === -1 && !holding.settled) return;
    const late = this.#gated(() => this.#giveBack(holding));
    if (late !== undefined) this.#overdue.push(holding);
  }

  #moment(): Moment {
    return { now: this.#now(), utc: this.#utc() };
  }

  /** What fails says so by what makes the error: errors take long to make, and others wait for the gate. */
  #gated(action: () => (() => ProxyError) | undefined): (() => ProxyError) | undefined {
    if (!this.#locks.take(GATE)) return notNow;
    try {
      for (let late = this.#overdue.pop(); late !== undefined; late = this.#overdue.pop())
        this.#giveBack(late);
      return action();
    } finally {
      this.#locks.release(GATE);
    }
  }

  #enter(holding: Holding, client: Subject, most: number, moment: Moment): (() => ProxyError) | undefined {
    const slot = this.#subjects.claim(client, moment);
    if (slot === -1) return most === Infinity ? undefined : noRoom;
    if (this.#places.count(slot, HANDSHAKES) >= most) return () => tooMany(CLIENT, HANDSHAKES);
    this.#places.plan(slot, HANDSHAKES, 1);
    this.#places.commit();
    holding.handshake = slot;
    return undefined;
  }

  #settle(
    holding: Holding,
    { listener, user, terms }: Request,
    moment: Moment,
  ): (() => ProxyError) | undefined {
    const { client } = holding;
    const slots: Holding['slots'] = [
      0,
      listener,
      client === undefined ? -1 : this.#subjects.claim(client, moment),
      user === undefined ? -1 : this.#subjects.claim(user, moment),
    ];
    for (const kind of ORDER) {
      const refused = this.#refusal(kind, slots[kind], terms[kind]!, moment);
      if (refused !== undefined) return refused;
    }
    for (const kind of ORDER) {
      if (slots[kind] === -1) continue;
      this.#places.plan(slots[kind], CONNECTIONS, 1);
      this.#pace.pay(slots[kind], terms[kind]!, moment.now);
    }
    this.#places.commit();
    for (const kind of ORDER) holding.slots[kind] = slots[kind];
    holding.settled = true;
    return undefined;
  }

  #refusal(kind: Kind, slot: number, terms: Terms, { now, utc }: Moment): (() => ProxyError) | undefined {
    if (!terms.limited) return undefined;
    if (slot === -1) return noRoom;
    if (this.#places.count(slot, CONNECTIONS) >= terms.connections) return () => tooMany(kind, CONNECTIONS);
    if (terms.quotaBytes !== Infinity) {
      const used = this.#quotas.used(slot, terms.period);
      if (used === undefined) return notNow;
      if (used >= terms.quotaBytes) return () => usedUp(kind, periodEnd(terms.period, utc) - utc);
    }
    const wait = this.#pace.wait(slot, terms, now);
    return wait > 0 ? () => tooFast(kind, wait) : undefined;
  }

  #giveBack(holding: Holding): undefined {
    if (holding.handshake !== -1) this.#places.plan(holding.handshake, HANDSHAKES, -1);
    for (const slot of holding.slots) if (slot !== -1) this.#places.plan(slot, CONNECTIONS, -1);
    this.#places.commit();
    holding.handshake = -1;
    holding.slots.fill(-1);
    holding.settled = false;
  }
}
