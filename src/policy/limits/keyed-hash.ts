/**
 * Text → 64 bits, by HalfSipHash-2-4 (Aumasson, Bernstein). What clients choose, such as user names and the address inside
 * their network, decides on places in tables here: without the key nobody can choose two that meet.
 */

/** 64 bits as two signed halves, never both 0. */
export interface KeyHash {
  readonly high: number;
  readonly low: number;
}

const rotate = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits));

export class KeyedHash {
  readonly #k0: number;
  readonly #k1: number;

  /** The same secret on all threads gives the same hashes. */
  constructor(k0: number, k1: number) {
    this.#k0 = k0 | 0;
    this.#k1 = k1 | 0;
  }

  /** Of the text in UTF-16, little-endian. */
  of(text: string): KeyHash {
    let v0 = this.#k0;
    let v1 = this.#k1 ^ 0xee;
    let v2 = 0x6c796765 ^ this.#k0;
    let v3 = 0x74656462 ^ this.#k1;
    let low = 0;
    // All steps in one loop, those that end it as well: with a function for the round it takes three times as long.
    const words = (text.length >> 1) + 1;
    for (let step = 0; step < words + 2; step++) {
      if (step === words) v2 ^= 0xee;
      if (step > words) {
        low = v1 ^ v3;
        v1 ^= 0xdd;
      }
      const word = step < words ? wordAt(text, step) : 0;
      const rounds = step < words ? 2 : 4;
      v3 ^= word;
      for (let round = 0; round < rounds; round++) {
        v0 = (v0 + v1) | 0;
        v1 = rotate(v1, 5) ^ v0;
        v0 = rotate(v0, 16);
        v2 = (v2 + v3) | 0;
        v3 = rotate(v3, 8) ^ v2;
        v0 = (v0 + v3) | 0;
        v3 = rotate(v3, 7) ^ v0;
        v2 = (v2 + v1) | 0;
        v1 = rotate(v1, 13) ^ v2;
        v2 = rotate(v2, 16);
      }
      v0 ^= word;
    }
    const high = v1 ^ v3;
    return { high, low: high === 0 && low === 0 ? 1 : low };
  }
}

/** Two units; the last word has what is left, and how many bytes the text has. */
function wordAt(text: string, index: number): number {
  const { length } = text;
  const at = 2 * index;
  if (at + 1 < length) return text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16);
  return (length << 25) | (at < length ? text.charCodeAt(at) : 0);
}
