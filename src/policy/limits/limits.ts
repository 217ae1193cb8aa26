/**
 * How much of the proxy all connections together, each listener, each client address and each user may have: connections
 * at the same time, new ones by time, bytes by time each way, and bytes by calendar period.
 *
 *   const stay = limits.enter(client)        at accept
 *   stay.settle(listener, user)              when the request is complete
 *   stay.up?.take(bytes), stay.down?.…       after each read
 *   stay.spend(bytes)                        now and then, and at the end
 *   stay.leave()                             in the end, whatever happened
 */
import { ProxyError } from '../../errors.ts';
import { Admission, type Holding } from './admission.ts';
import { sharedClock } from './clock.ts';
import type { LimitMemory } from './memory.ts';
import { Meters } from './meters.ts';
import { writeOff } from './places.ts';
import { Quotas } from './quotas.ts';
import { SharedShaper, type Shaper } from './shaper.ts';
import { DOWN, Plan, UP, type Direction, type LimitOptions, type Terms } from './terms.ts';

/** What the stays of one thread share. */
interface Ground {
  plan: Plan;
  /** Whether connections are counted although nothing is limited. */
  counts: boolean;
  readonly admission: Admission;
  readonly meters: Meters;
  readonly quotas: Quotas;
  readonly now: () => number;
}

/** The limits, as one thread keeps them. */
export class Limits {
  readonly #ground: Ground;

  /**
   * @param ledger This thread's own, from `limitLedger`. What a thread that had it before has left in it is written off.
   * @param now Milliseconds that never go back, the same on all threads.
   * @param utc Milliseconds since the epoch.
   * @param counts Whether connections are counted from the start, or not before something is limited: then those who are
   * here already do not count for the first limit that comes.
   * @throws RangeError for terms that make no sense.
   */
  constructor(
    memory: LimitMemory,
    options: LimitOptions,
    ledger: SharedArrayBuffer,
    now: () => number = sharedClock(),
    utc: () => number = Date.now,
    counts: boolean = true,
  ) {
    const plan = new Plan(options);
    if (!writeOff(memory, ledger)) throw new Error('a dead thread has to be written off before others begin');
    const quotas = new Quotas(memory, utc);
    const admission = new Admission(memory, ledger, quotas, now, utc);
    this.#ground = {
      plan,
      counts: counts || plan.limited,
      admission,
      meters: new Meters(memory),
      quotas,
      now,
    };
  }

  /**
   * A connection has been accepted.
   * @throws ProxyError when its client address has too many others whose request is not complete.
   */
  enter(client: string): Stay {
    return new Stay(this.#ground, this.#ground.admission.enter(client, this.#ground.plan));
  }

  /** Other terms, also for those who are here: nobody is cut, who is above a new limit only gets no more. */
  replace(options: LimitOptions): void {
    this.#ground.plan = new Plan(options);
    this.#ground.counts ||= this.#ground.plan.limited;
  }
}

const NOTHING: readonly never[] = [];

/** What one connection has of the limits. */
export class Stay {
  readonly #ground: Ground;
  readonly #holding: Holding;
  #listener = 0;
  #user: string | undefined = undefined;
  #left = false;
  /** The plan that {@link #terms} are of. */
  #plan: Plan | undefined = undefined;
  #terms: readonly Terms[] = [];
  #shapers: readonly SharedShaper[] = NOTHING;
  #directions: [SharedShaper | undefined, SharedShaper | undefined] | undefined = undefined;
  /** By kind: bytes that could not be counted at once. */
  #unspent: [number, number, number, number] | undefined = undefined;

  constructor(ground: Ground, holding: Holding) {
    this.#ground = ground;
    this.#holding = holding;
  }

  /**
   * The request is complete: the place of the handshake is given back, and those of all connections, the listener, the
   * client and the user are taken, all or none. Once is enough: a second time with the same answer nothing happens, with
   * another user the places change hands.
   * @param listener In the order of the config. @param user Without what it asks for beside its name.
   * @throws ProxyError that says which limit it is; nothing is held then.
   */
  settle(listener: number, user: string | undefined): void {
    if (this.#left) throw new ProxyError('CLIENT_GONE');
    const { admission, plan, counts } = this.#ground;
    if (!counts) return admission.leave(this.#holding);
    if (this.#holding.settled && listener === this.#listener && user === this.#user) return;
    try {
      admission.settle(this.#holding, listener, user, plan);
      this.#listener = listener;
      this.#user = user;
      this.#unspent?.fill(0);
    } finally {
      // The slots that the shapers count at may be somebody else's by now.
      for (const shaper of this.#shapers) shaper.end();
      this.#plan = undefined;
      this.#current();
    }
  }

  /** From client to target; undefined when nothing limits that. After a change of the terms it may be asked for again. */
  get up(): Shaper | undefined {
    return this.#shaper(UP);
  }

  /** From target to client. */
  get down(): Shaper | undefined {
    return this.#shaper(DOWN);
  }

  /**
   * Counts bytes, both ways together, that have passed since the last time; before {@link leave}.
   * @returns false when a quota is used up: the connection is to be cut.
   */
  spend(bytes: number): boolean {
    const terms = this.#current();
    const { slots } = this.#holding;
    let left = true;
    for (let kind = 0; kind < terms.length; kind++) {
      const { quotaBytes, period } = terms[kind]!;
      if (slots[kind] === -1 || quotaBytes === Infinity) continue;
      this.#unspent ??= [0, 0, 0, 0];
      const due = this.#unspent[kind]! + bytes;
      const used = this.#ground.quotas.spend(slots[kind]!, period, due);
      this.#unspent[kind] = used === undefined ? due : 0;
      left &&= used === undefined || used < quotaBytes;
    }
    return left;
  }

  /** Gives everything back; once, however often it is called. */
  leave(): void {
    if (this.#left) return;
    this.#left = true;
    for (const shaper of this.#shapers) shaper.end();
    this.#ground.admission.leave(this.#holding);
  }

  #shaper(direction: Direction): Shaper | undefined {
    const terms = this.#current();
    if (terms.every(({ speeds }) => speeds[direction] === Infinity)) return undefined;
    this.#directions ??= [undefined, undefined];
    const known = this.#directions[direction];
    if (known !== undefined) return known;
    const { meters, now } = this.#ground;
    const shaper = new SharedShaper(meters, direction, now);
    shaper.follow(this.#holding.slots, terms);
    this.#directions[direction] = shaper;
    this.#shapers = [...this.#shapers, shaper];
    return shaper;
  }

  /** Those of the present plan; none before it has settled and after it has left. */
  #current(): readonly Terms[] {
    if (!this.#holding.settled || this.#left) return NOTHING;
    const { plan } = this.#ground;
    if (plan !== this.#plan) {
      this.#plan = plan;
      this.#terms = plan.terms(this.#listener, this.#holding.client !== undefined, this.#user);
      for (const shaper of this.#shapers) shaper.follow(this.#holding.slots, this.#terms);
    }
    return this.#terms;
  }
}
