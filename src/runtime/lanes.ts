/** All lanes of a gateway, and their replacement when a thread dies. */
import type { Endpoint } from '../connection.ts';
import { ledgerMemory } from '../egress/pool/table.ts';
import { limitLedger, writeOff } from '../policy/limits/places.ts';
import type { ListenerConfig } from '../listener.ts';
import { openLane, type Lane, type LaneOptions, type LaneOutput, type LaneState } from './lane.ts';
import type { Membership } from './membership.ts';
import type { Outputs } from './outputs.ts';
import { spawnLane } from './worker-lane.ts';

/** Before a dead thread is replaced: doubled with each death that follows soon after the last; milliseconds. */
const RESPAWN_MS = { first: 100, last: 10_000 } as const;
/** A thread that lived this long died of something new; milliseconds. */
const LONG_LIFE_MS = 60_000;

/** What all lanes have in common. */
export type LanePlan = Omit<
  LaneOptions,
  'index' | 'listen' | 'reusePort' | 'state' | 'ledger' | 'limitLedger'
>;

interface Place {
  lane: Lane | undefined;
  openedAt: number;
  respawnMs: number;
  readonly ledger: SharedArrayBuffer;
  readonly limitLedger: SharedArrayBuffer;
}

export class Lanes {
  readonly #plan: LanePlan;
  readonly #outputs: Outputs;
  readonly #membership: Membership;
  readonly #places: Place[];
  #state: LaneState | undefined = undefined;
  #listen: readonly ListenerConfig[];
  #closing = false;

  constructor(plan: LanePlan, outputs: Outputs, membership: Membership) {
    this.#plan = plan;
    this.#outputs = outputs;
    this.#membership = membership;
    this.#listen = plan.config.listen;
    this.#places = Array.from({ length: Math.max(1, plan.config.workers) }, () => ({
      lane: undefined,
      openedAt: 0,
      respawnMs: RESPAWN_MS.first,
      ledger: ledgerMemory(),
      limitLedger: limitLedger(plan.limits),
    }));
  }

  /**
   * @returns Where they listen.
   * @throws StartError
   */
  async open(state: LaneState): Promise<readonly Endpoint[]> {
    this.#state = state;
    const { endpoints } = await this.#open(0);
    // The other threads join on the very ports the first one got.
    this.#listen = this.#listen.map((listener, i) => {
      const { address, port } = endpoints[i]!;
      return 'path' in listener.at ? listener : { ...listener, at: { host: address, port } };
    });
    await Promise.all(this.#places.slice(1).map((_, i) => this.#open(i + 1)));
    return endpoints;
  }

  update(changes: Partial<LaneState>): void {
    if (this.#state === undefined) return;
    this.#state = { ...this.#state, ...changes };
    for (const { lane } of this.#places) lane?.update(changes);
  }

  async close(drainMs: number): Promise<void> {
    this.#closing = true;
    await Promise.all(this.#places.map(async ({ lane }) => lane?.close(drainMs)));
  }

  async #open(index: number): Promise<Lane> {
    const place = this.#places[index]!;
    const { ledger, limitLedger } = place;
    const state = this.#state!;
    const options: LaneOptions = {
      ...this.#plan,
      index,
      listen: this.#listen,
      reusePort: this.#places.length > 1,
      state,
      ledger,
      limitLedger,
    };
    const lane = await (this.#plan.config.workers === 0
      ? openLane(options, this.#output)
      : spawnLane(options, this.#output, (error) => this.#lost(index, error)));
    // What happened while the thread started.
    if (state !== this.#state) lane.update(this.#state!);
    if (this.#closing) void lane.close(0);
    place.lane = lane;
    place.openedAt = performance.now();
    return lane;
  }

  get #output(): LaneOutput {
    const outputs = this.#outputs;
    const membership = this.#membership;
    return {
      access: (text, lines) => outputs.access(text, lines),
      warn: (message, fields) => outputs.warn(message, fields),
      failed: (slot, code, times) => membership.failed(slot, code, times),
      ejected: (slot, code) => membership.ejected(slot, code),
    };
  }

  /** A thread died: its tunnels are gone, the others serve on, and a new one takes its place. */
  #lost(index: number, error: Error): void {
    const place = this.#places[index]!;
    if (performance.now() - place.openedAt > LONG_LIFE_MS) place.respawnMs = RESPAWN_MS.first;
    this.#outputs.log.error('a worker thread died and will be replaced', {
      lane: index,
      in_ms: place.respawnMs,
      error,
    });
    place.lane = undefined;
    this.#membership.writeOff(place.ledger);
    this.#writeOffLimits();
    setTimeout(() => void this.#respawn(index), place.respawnMs);
    place.respawnMs = Math.min(2 * place.respawnMs, RESPAWN_MS.last);
  }

  /** In any order: one that died inside a change has to be settled before the others can be. */
  #writeOffLimits(): void {
    const dead = this.#places.filter(({ lane }) => lane === undefined);
    for (let round = 0; round < dead.length; round++) {
      for (const { limitLedger } of dead) writeOff(this.#plan.limits, limitLedger);
    }
  }

  async #respawn(index: number): Promise<void> {
    if (this.#closing) return;
    try {
      await this.#open(index);
    } catch (error) {
      this.#lost(index, error as Error);
    }
  }
}
