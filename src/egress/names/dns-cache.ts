/**
 * What name servers said, for as long as they said it holds.
 *
 * One answer a name and family. Whoever asks while a query is under way waits for that one, and a caller that loses
 * patience leaves it running for the others. Nothing grows without bound: neither the answers nor the queries.
 */
import type { Family } from '../../connection.ts';
import { ProxyError } from '../../errors.ts';
import type { TargetAddress } from './target-address.ts';

/** What a query came to. An answer without addresses says why, by the code of `node:dns`. */
export interface Answer {
  readonly addresses: readonly TargetAddress[];
  readonly error: NodeJS.ErrnoException | undefined;
  /** How long it holds; seconds, 0 for not at all. */
  readonly ttl: number;
}

/** Asks a name server. Never rejects. */
export type Query = (name: string, family: Family) => Promise<Answer>;

export interface CacheOptions {
  /** The longest an answer is kept, whatever its TTL; milliseconds. 0 keeps none. */
  readonly maxTtl: number;
  /** Answers kept; A and AAAA count apart. Default 20,000: both of 10,000 names. */
  readonly capacity?: number;
  /** The clock; milliseconds. Default `performance.now()`. */
  readonly now?: () => number;
}

/** How long "no such name" and "no such record" are believed (RFC 2308): short, since names that are new are asked for early; seconds. */
export const NEGATIVE_TTL = 5;

/** Queries under way at a time. */
const MAX_PENDING = 10_000;

interface Entry {
  readonly answer: Answer;
  readonly until: number;
}

export class DnsCache {
  readonly #query: Query;
  readonly #maxTtl: number;
  readonly #capacity: number;
  readonly #now: () => number;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>();
  readonly #pending = new Map<string, Promise<Answer>>();

  constructor(query: Query, { maxTtl, capacity = 20_000, now = () => performance.now() }: CacheOptions) {
    this.#query = query;
    this.#maxTtl = maxTtl;
    this.#capacity = capacity;
    this.#now = now;
  }

  /** Answers kept, those included that are out of date. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * @param name Canonical: lower case, without trailing dot.
   * @throws ProxyError `DNS_FAILED` when too many queries are under way.
   */
  lookup(name: string, family: Family): Promise<Answer> {
    const key = `${family} ${name}`;
    const known = this.#find(key);
    if (known !== undefined) return Promise.resolve(known);
    const pending = this.#pending.get(key);
    if (pending !== undefined) return pending;
    if (this.#pending.size >= MAX_PENDING) {
      throw new ProxyError('DNS_FAILED', 'too many names are being resolved at the moment');
    }
    const query = this.#ask(key, name, family);
    this.#pending.set(key, query);
    return query;
  }

  async #ask(key: string, name: string, family: Family): Promise<Answer> {
    const answer = await this.#query(name, family);
    this.#pending.delete(key);
    this.#keep(key, answer);
    return answer;
  }

  #find(key: string): Answer | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (entry.until <= this.#now()) return undefined;
    this.#entries.set(key, entry);
    return entry.answer;
  }

  #keep(key: string, answer: Answer): void {
    const lasts = Math.min(answer.ttl * 1000, this.#maxTtl);
    if (lasts <= 0) return;
    if (this.#entries.size >= this.#capacity) this.#entries.delete(this.#entries.keys().next().value!);
    this.#entries.set(key, { answer, until: this.#now() + lasts });
  }
}
