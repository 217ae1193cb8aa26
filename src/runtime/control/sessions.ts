/**
 * The sticky sessions that live. What lasts of them, a hash and an address, is in the table of all threads; who they are,
 * only the threads know that have seen them.
 */
import type { Page, SessionView } from '../../admin/api.ts';
import { ControlError, type PageRequest } from '../../admin/control.ts';
import { buildBlock, hashedWalk } from '../../egress/pool/block.ts';
import type { Range } from '../../egress/pool/ranges.ts';
import { hashText, readHash, type SeenSession } from '../../egress/sessions/seen.ts';
import { SessionTable } from '../../egress/sessions/session-table.ts';
import type { SessionRecord } from '../../egress/sessions/session-term.ts';
import { insideOf, partsOf, type SessionKind, type SessionMemory } from '../../egress/sessions/sessions.ts';
import type { KeyHash } from '../../egress/sessions/rendezvous.ts';
import type { Lanes } from '../lanes.ts';
import type { Membership } from '../membership.ts';
import { canonicalAddress } from './address.ts';

/** Where walks begin does not matter for the address that a key has. */
const ANY_SEED = new Uint8Array(16);

/** Labels of more than so many are not asked for one by one: a thread does not know of many more. */
const MOST_ASKED = 1000;

/** Who a session is. */
interface Label {
  readonly kind: SessionKind;
  readonly pool: string;
  /** It picks only among members with it; empty: among all. */
  readonly tag: string;
  readonly id: string;
  readonly user: string | undefined;
  readonly family: 4 | 6;
  readonly key: string;
}

export class SessionDesk {
  readonly #table: SessionTable;
  readonly #membership: Membership;
  readonly #lanes: Pick<Lanes, 'ask'>;

  constructor(memory: SessionMemory, membership: Membership, lanes: Pick<Lanes, 'ask'>) {
    this.#table = new SessionTable(memory);
    this.#membership = membership;
    this.#lanes = lanes;
  }

  get live(): number {
    return this.#table.count(Date.now());
  }

  /** The one used last first. */
  async page({ offset, limit, q }: PageRequest): Promise<Page<SessionView>> {
    const records = [...this.#table.live(Date.now())].sort((a, b) => b.lastUse - a.lastUse);
    if (q === undefined || q === '') {
      const items = await this.#views(records.slice(offset, offset + limit));
      return { total: records.length, offset, items };
    }
    const wanted = q.toLowerCase();
    const found = (await this.#views(records)).filter((view) => shows(view, wanted));
    return { total: found.length, offset, items: found.slice(offset, offset + limit) };
  }

  /** @throws ControlError */
  async pin(key: string, egress: string): Promise<SessionView> {
    const hash = readHash(key);
    const record = hash && this.#table.record(hash, Date.now());
    if (hash === undefined || record === undefined) throw unknown(key);
    const [view] = await this.#views([record]);
    const label = (await this.#labels([record])).get(key);
    const place = this.#place(canonicalAddress(egress), view!, label);
    if (!this.#table.pin(hash, place, Date.now())) throw unknown(key);
    const [pinned] = await this.#views([this.#table.record(hash, Date.now()) ?? record]);
    return pinned!;
  }

  /** @returns false when there is none. */
  drop(key: string): boolean {
    const hash = readHash(key);
    return hash !== undefined && this.#table.end(hash, Date.now());
  }

  /** Where a session is to go. @throws ControlError when it cannot. */
  #place(address: string, view: SessionView, label: Label | undefined): { slot: number; address: number } {
    const { table } = this.#membership;
    const pools = view.pool === null ? this.#membership.pools : [view.pool];
    const found = pools
      .map((pool) => this.#membership.roll(pool)?.find(address))
      .find((one) => one !== undefined);
    if (found === undefined || (view.family ?? found.range.family) !== found.range.family)
      throw new ControlError('invalid', `${address} is no address ${whereOf(view)}`);
    const { slot, range } = found;
    if (pools.some((pool) => this.#membership.roll(pool)?.isBlock(slot) === true)) {
      throw new ControlError(
        'invalid',
        `${address} is one of a block: which address of it a session has goes by the session, and cannot be chosen`,
      );
    }
    if (label !== undefined && label.tag !== '' && !range.tags.includes(label.tag))
      throw new ControlError('invalid', `${address} does not carry ${label.tag}, which the session asks for`);
    if (!table.usable(slot))
      throw new ControlError('conflict', `${address} is not in use now: the session would leave it at once`);
    return { slot, address: table.addressHash(slot) };
  }

  async #views(records: readonly SessionRecord[]): Promise<SessionView[]> {
    const labels = await this.#labels(records);
    const places = this.#places(new Set(records.map(({ address }) => address)));
    return records.map((record) => viewOf(record, labels.get(hashText(record)), places.get(record.address)));
  }

  async #labels(records: readonly KeyHash[]): Promise<ReadonlyMap<string, Label>> {
    if (records.length === 0) return new Map();
    const keys = records.length > MOST_ASKED ? undefined : records.map(hashText);
    const { answers } = await this.#lanes.ask({ type: 'sessions', keys });
    return new Map(answers.flat().flatMap(labelled));
  }

  /** Members by the hash of their address. */
  #places(wanted: ReadonlySet<number>): ReadonlyMap<number, Found> {
    const { table } = this.#membership;
    const found = new Map<number, Found>();
    for (const pool of this.#membership.pools) {
      const roll = this.#membership.roll(pool)!;
      for (const slot of roll.slots) {
        const hash = table.addressHash(slot);
        if (!wanted.has(hash) || found.has(hash)) continue;
        found.set(hash, {
          pool,
          address: table.address(slot),
          family: table.family(slot),
          block: roll.block(slot),
        });
      }
    }
    return found;
  }
}

/** A member a session is at, and the first pool that has it. */
interface Found {
  readonly pool: string;
  readonly address: string;
  readonly family: 4 | 6;
  readonly block: Range | undefined;
}

function labelled({ hash, key, family }: SeenSession): [string, Label][] {
  const read = partsOf(key);
  if (read === undefined) return [];
  const [pool = '', tag = '', id = '', user = ''] = read.parts;
  return [[hash, { kind: read.kind, pool, tag, id, user: user === '' ? undefined : user, family, key }]];
}

function viewOf(record: SessionRecord, label: Label | undefined, place: Found | undefined): SessionView {
  const { firstUse, lastUse, ttlMs, idleMs } = record;
  const ends = [ttlMs > 0 ? firstUse + ttlMs : Infinity, idleMs > 0 ? lastUse + idleMs : Infinity];
  const expiresAt = Math.min(...ends);
  return {
    key: hashText(record),
    kind: label?.kind ?? null,
    pool: label?.pool ?? null,
    user: label?.user ?? null,
    id: label?.id ?? null,
    family: label?.family ?? place?.family ?? null,
    egress: place === undefined ? null : leavesFrom(record, label, place),
    firstUse,
    lastUse,
    expiresAt: expiresAt === Infinity ? null : expiresAt,
  };
}

/** In a block each session has an address of its own; without its key only the block can be named. */
function leavesFrom({ salt }: SessionRecord, label: Label | undefined, { address, block }: Found): string {
  if (block === undefined || label === undefined) return address;
  return hashedWalk(buildBlock(block, ANY_SEED), insideOf(label.key, salt))() ?? address;
}

function shows({ key, kind, pool, user, id, egress }: SessionView, wanted: string): boolean {
  return [key, kind, pool, user, id, egress].some((text) => text?.toLowerCase().includes(wanted) === true);
}

function unknown(key: string): ControlError {
  return new ControlError('not-found', `there is no live session ${JSON.stringify(key)}`);
}

function whereOf({ pool, family }: SessionView): string {
  const where = pool === null ? 'of any pool' : `of the pool ${pool}, which the session leaves by`;
  return family === null ? where : `of family IPv${family} ${where}`;
}
