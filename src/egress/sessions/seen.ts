/**
 * Which sessions a thread has seen: the shared table knows them by hash only. The ones seen last, and no more of them than
 * a bound; whoever wants to know asks the threads.
 */
import type { Family } from '../../connection.ts';
import type { KeyHash } from './rendezvous.ts';

/** A session and its key, from which `partsOf` reads who it is. */
export interface SeenSession {
  /** As {@link hashText} writes it. */
  readonly hash: string;
  readonly key: string;
  readonly family: Family;
}

/** How many a thread remembers of each family. */
const MOST = 10_000;

/** 16 hexadecimal digits. */
export function hashText({ high, low }: KeyHash): string {
  return word(high) + word(low);
}

/** What {@link hashText} wrote; undefined for any other text. */
export function readHash(text: string): KeyHash | undefined {
  if (!/^[\da-f]{16}$/.test(text)) return undefined;
  return { high: Number.parseInt(text.slice(0, 8), 16) | 0, low: Number.parseInt(text.slice(8), 16) | 0 };
}

const word = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');

export class SeenSessions {
  readonly #most: number;
  /** By key. Whoever is seen goes to the end. */
  readonly #hashes: Readonly<Record<Family, Map<string, KeyHash>>> = { 4: new Map(), 6: new Map() };

  constructor(most: number = MOST) {
    this.#most = most;
  }

  /** Once a connection. */
  add(key: string, family: Family, hash: KeyHash): void {
    const hashes = this.#hashes[family];
    if (!hashes.delete(key) && hashes.size >= this.#most) hashes.delete(hashes.keys().next().value!);
    hashes.set(key, hash);
  }

  /** @param wanted As {@link hashText} writes them; all when left out. */
  list(wanted?: readonly string[]): SeenSession[] {
    const chosen = wanted && new Set(wanted);
    const seen: SeenSession[] = [];
    for (const family of [4, 6] as const) {
      for (const [key, keyHash] of this.#hashes[family]) {
        const hash = hashText(keyHash);
        if (chosen?.has(hash) !== false) seen.push({ hash, key, family });
      }
    }
    return seen;
  }
}
