/** What a user holds and has used, for whoever looks on: takes no place, and waits for nobody but a quota's own lock. */
import { CONNECTIONS, ENTRY_WORDS, type LimitMemory } from './memory.ts';
import { periodEnd, Quotas } from './quotas.ts';
import { Subjects } from './subjects.ts';
import type { LimitTerms } from './terms.ts';

/** How much of a quota is used. */
export interface QuotaUse {
  readonly period: string;
  readonly bytes: number;
  readonly used: number;
  /** Milliseconds since the epoch. */
  readonly resetsAt: number;
}

export class UserLedger {
  readonly #subjects: Subjects;
  readonly #entries: Int32Array;
  readonly #quotas: Quotas;
  readonly #utc: () => number;

  /** @param utc Milliseconds since the epoch. */
  constructor(memory: LimitMemory, utc: () => number = Date.now) {
    this.#subjects = new Subjects(memory);
    this.#entries = new Int32Array(memory.entries);
    this.#quotas = new Quotas(memory, utc);
    this.#utc = utc;
  }

  /** Live ones; 0 where connections are not counted, see `Limits`. */
  connections(user: string): number {
    const slot = this.#slot(user);
    return slot === -1 ? 0 : Atomics.load(this.#entries, slot * ENTRY_WORDS + CONNECTIONS);
  }

  quota(user: string, { quota }: LimitTerms): QuotaUse | undefined {
    if (quota === undefined) return undefined;
    const { period, bytes } = quota;
    const slot = this.#slot(user);
    const used = slot === -1 ? 0 : (this.#quotas.used(slot, period) ?? 0);
    return { period, bytes, used, resetsAt: periodEnd(period, this.#utc()) };
  }

  #slot(user: string): number {
    return this.#subjects.find(this.#subjects.user(user));
  }
}
