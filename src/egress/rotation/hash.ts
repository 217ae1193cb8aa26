/** Text → 32 bits. Not for secrets: equal on every thread and after a restart is what is asked of it. */

/** FNV-1a over UTF-16 units. Similar texts have similar hashes: {@link scramble} before use. @returns 32 bits, signed. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash;
}

/** MurmurHash3's finaliser: every bit of the input moves half of the output. @returns 32 bits, unsigned. */
export function scramble(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * Rendezvous (highest random weight): a key goes to the address that scores highest for it, so that an address that
 * leaves takes along its own keys and no others.
 * @param key A scrambled hash. @param address `EgressTable.addressHash`. @returns 32 bits, unsigned.
 */
export function rendezvous(key: number, address: number): number {
  return scramble(key ^ address);
}
