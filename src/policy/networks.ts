/**
 * Values by network: which networks is an address in?
 *
 * A binary tree over the leading bits, in which a chain of nodes without a choice is one node. A look-up passes only
 * networks that contain the address, so that ten networks and ten thousand cost about the same.
 */

interface Node<Value> {
  /** Counts up to `prefix` bits. */
  readonly key: Uint8Array;
  readonly prefix: number;
  value: Value | undefined;
  /** By the bit right behind the prefix. */
  readonly below: [zero: Node<Value> | undefined, one: Node<Value> | undefined];
}

/** Networks of one family: the 4 or 16 bytes of keys and addresses are all of one length. */
export class Networks<Value> {
  readonly #root: Node<Value> = node(new Uint8Array(16), 0);

  /** The value of a network, made when there is none yet. */
  at(key: Uint8Array, prefix: number, make: () => Value): Value {
    const found = this.#place(key, prefix);
    return (found.value ??= make());
  }

  /** Visits the values of all networks an address is in, the widest first. */
  each(address: Uint8Array, visit: (value: Value) => void): void {
    const bits = address.length * 8;
    let at: Node<Value> | undefined = this.#root;
    while (at !== undefined && commonBits(at.key, address, at.prefix) === at.prefix) {
      if (at.value !== undefined) visit(at.value);
      if (at.prefix === bits) return;
      at = at.below[bitAt(address, at.prefix)];
    }
  }

  has(address: Uint8Array): boolean {
    let found = false;
    this.each(address, () => (found = true));
    return found;
  }

  #place(key: Uint8Array, prefix: number): Node<Value> {
    let at = this.#root;
    while (at.prefix < prefix) {
      const side = bitAt(key, at.prefix);
      const next = at.below[side];
      if (next === undefined) return (at.below[side] = node(key, prefix));
      const common = commonBits(next.key, key, Math.min(next.prefix, prefix));
      if (common === next.prefix) {
        at = next;
        continue;
      }
      // The ways part inside the chain that `next` ends.
      const fork = node<Value>(key, common);
      fork.below[bitAt(next.key, common)] = next;
      at.below[side] = fork;
      at = fork;
    }
    return at;
  }
}

function node<Value>(key: Uint8Array, prefix: number): Node<Value> {
  return { key, prefix, value: undefined, below: [undefined, undefined] };
}

/** How many leading bits two keys share, at most `limit`. */
function commonBits(a: Uint8Array, b: Uint8Array, limit: number): number {
  for (let bits = 0; bits < limit; bits += 8) {
    const difference = a[bits >> 3]! ^ b[bits >> 3]!;
    if (difference !== 0) return Math.min(limit, bits + Math.clz32(difference) - 24);
  }
  return limit;
}

function bitAt(bytes: Uint8Array, index: number): 0 | 1 {
  return ((bytes[index >> 3]! >> (7 - (index & 7))) & 1) as 0 | 1;
}
