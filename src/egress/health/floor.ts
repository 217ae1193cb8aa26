/**
 * What ejection must leave: a share of every pool, of each family by itself. When most addresses fail at once, the fault
 * is rarely theirs, and a pool that tries is better than an empty one.
 */
import type { Family } from '../../connection.ts';

/** What a member counts in. */
export interface Counted {
  readonly family: Family;
  /** The pools it belongs to, by name; one nameless pool when left out. */
  readonly pools?: readonly string[];
}

interface Group {
  members: number;
  down: number;
}

const NAMELESS: readonly string[] = [''];

export class Floor {
  #share: number;
  readonly #groups = new Map<string, Group>();

  /** @param share From 0 (a pool may be emptied) to 1 (nobody is ever ejected). */
  constructor(share: number) {
    this.#share = share;
  }

  /** @param share As for a new one. */
  configure(share: number): void {
    this.#share = share;
  }

  clear(): void {
    this.#groups.clear();
  }

  add(member: Counted, down: boolean): void {
    for (const key of keys(member)) {
      const group = this.#groups.get(key) ?? { members: 0, down: 0 };
      group.members++;
      if (down) group.down++;
      this.#groups.set(key, group);
    }
  }

  remove(member: Counted, down: boolean): void {
    for (const key of keys(member)) {
      const group = this.#groups.get(key)!;
      group.members--;
      if (down) group.down--;
    }
  }

  /** Whether one more may go down in every pool that has the member. */
  allows(member: Counted): boolean {
    return keys(member).every((key) => {
      const { members, down } = this.#groups.get(key) ?? { members: 0, down: 0 };
      return members - down - 1 >= Math.ceil(this.#share * members);
    });
  }

  down(member: Counted): void {
    for (const key of keys(member)) this.#groups.get(key)!.down++;
  }

  back(member: Counted): void {
    for (const key of keys(member)) this.#groups.get(key)!.down--;
  }
}

function keys({ family, pools = NAMELESS }: Counted): string[] {
  return pools.map((pool) => `${family} ${pool}`);
}
