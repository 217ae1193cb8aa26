/** The egresses of all pools as they stand: read from shared memory at the moment somebody asks. */
import type { EgressState, EgressView, Page, PoolMap } from '../../admin/api.ts';
import { ControlError, type Control } from '../../admin/control.ts';
import type { PortRange } from '../../egress/dial/ports.ts';
import type { EgressTable } from '../../egress/pool/table.ts';
import type { Membership } from '../membership.ts';
import type { Roll } from '../roll.ts';

/** In the order of {@link PoolMap.states}. */
export const STATES: readonly EgressState[] = ['new', 'up', 'down', 'draining'];
/** What 16 bits hold. */
const MOST_TUNNELS = 65_535;

type Request = Parameters<Control['egresses']>[0];

export class Egresses {
  readonly #membership: Membership;
  readonly #table: EgressTable;
  /** Source ports an address has to one destination. */
  readonly #ports: number;

  constructor(membership: Membership, ports: PortRange) {
    this.#membership = membership;
    this.#table = membership.table;
    this.#ports = ports.order.length;
  }

  /** How many of a pool are in each state, and the live tunnels of all. */
  count(pool: string): { readonly byState: Record<EgressState, number>; readonly tunnels: number } {
    const byState: Record<EgressState, number> = { new: 0, up: 0, down: 0, draining: 0 };
    let tunnels = 0;
    for (const slot of this.#membership.roll(pool)?.slots ?? []) {
      byState[this.#membership.state(slot)]++;
      tunnels += this.#table.active(slot);
    }
    return { byState, tunnels };
  }

  /** @throws ControlError */
  map(pool: string): PoolMap {
    const { slots } = this.#roll(pool);
    const states = Buffer.allocUnsafe(slots.length);
    const tunnels = Buffer.allocUnsafe(2 * slots.length);
    for (let index = 0; index < slots.length; index++) {
      const slot = slots[index]!;
      states[index] = STATES.indexOf(this.#membership.state(slot));
      tunnels.writeUInt16LE(Math.min(MOST_TUNNELS, this.#table.active(slot)), 2 * index);
    }
    return {
      pool,
      total: slots.length,
      states: states.toString('base64'),
      tunnels: tunnels.toString('base64'),
    };
  }

  /** Pool by pool, in the order of the expressions. @throws ControlError for a pool that is none. */
  page({ pool, state, q, offset, limit }: Request): Page<EgressView> {
    const wanted = q?.toLowerCase() ?? '';
    const items: EgressView[] = [];
    let total = 0;
    for (const name of pool === undefined ? this.#membership.pools : [pool]) {
      const roll = this.#roll(name);
      const named = name.includes(wanted);
      for (const slot of roll.slots) {
        if (state !== undefined && this.#membership.state(slot) !== state) continue;
        if (!named && !this.#shows(slot, wanted)) continue;
        if (total >= offset && items.length < limit) items.push(this.view(name, roll, slot));
        total++;
      }
    }
    return { total, offset, items };
  }

  /** The first pool that has the address. @throws ControlError when none has. */
  find(address: string): { readonly pool: string; readonly roll: Roll; readonly slot: number } {
    for (const pool of this.#membership.pools) {
      const roll = this.#roll(pool);
      const found = roll.find(address);
      if (found !== undefined) return { pool, roll, slot: found.slot };
    }
    throw new ControlError('not-found', `${address} is not an egress address: no pool has it`);
  }

  view(pool: string, roll: Roll, slot: number): EgressView {
    const table = this.#table;
    const health = this.#membership.health.status(slot);
    const tunnels = table.active(slot);
    const block = roll.isBlock(slot);
    return {
      pool,
      address: table.address(slot),
      family: table.family(slot),
      block,
      state: this.#membership.state(slot),
      since: rounded(health?.since),
      tunnels,
      freePorts: block ? null : Math.max(0, this.#ports - tunnels),
      failures: table.failures(slot),
      ejections: health?.ejections ?? 0,
      lastError: health?.lastError ?? null,
      publicAddress: health?.publicAddress ?? null,
      held: health?.held ?? false,
      retryAt: rounded(health?.retryAt),
      byHand: health?.byHand ?? null,
    };
  }

  #roll(pool: string): Roll {
    const roll = this.#membership.roll(pool);
    if (roll !== undefined) return roll;
    throw new ControlError('not-found', `there is no pool ${JSON.stringify(pool)}`);
  }

  /** Anywhere in the text of what a view has. */
  #shows(slot: number, wanted: string): boolean {
    if (this.#table.address(slot).includes(wanted) || this.#membership.state(slot).includes(wanted))
      return true;
    const { lastError, publicAddress } = this.#membership.health.remarks(slot) ?? {};
    return lastError?.toLowerCase().includes(wanted) === true || publicAddress?.includes(wanted) === true;
  }
}

const rounded = (at: number | undefined): number | null => (at === undefined ? null : Math.round(at));
